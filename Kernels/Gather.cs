using ILGPU;

namespace Kernels;

/// <summary>
/// Copies the images of a batch out of a data set of bytes: x(n, h, w) = scale · byte, blank where the order says -1.
/// The data set stays bytes on the device; zero pixels stay exactly zero.
/// </summary>
public static class Gather
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="images">[count][H W] bytes.</param>
    /// <param name="labels">[count] bytes.</param>
    /// <param name="order">Which image comes when: the batch of a step is order[step · slots ...], slots = 16 · blocks.</param>
    /// <param name="step">[1].</param>
    /// <param name="scale">What a byte is multiplied by.</param>
    /// <param name="x">(N, 1, H, W); a border stays as it is.</param>
    /// <param name="transposed">The same as rows, see <see cref="Transpose"/>; or empty.</param>
    /// <param name="batchLabels">[slots], -1 for blank.</param>
    public static Operation Of(
        ComputeDevice device, string name, ArrayView<byte> images, ArrayView<byte> labels, ArrayView<int> order, ArrayView<int> step,
        float scale, Tensor x, ArrayView<float> transposed, ArrayView<int> batchLabels)
    {
        int slots = x.Blocks * Layout.Lanes;
        if (x.Shape.Channels != 1)
            throw new ArgumentException($"{name}: images have one channel, the input {x.Shape.Channels}");
        MaskedGemm.Require(name, "labels of the batch", batchLabels.Length, slots);
        MaskedGemm.Require(name, "images", images.Length, labels.Length * x.Shape.Features);
        bool rows = transposed.Length > 1;
        if (rows)
            MaskedGemm.Require(name, "transposed", transposed.Length, (long)slots * Transpose.Pitch(x.Shape.Features));
        return new Operation<Arguments>(
            device, name, 0, new Arguments(images, labels, order, step, scale, x, transposed, rows ? 1 : 0, batchLabels), Kernel,
            (long)slots * x.Shape.Features);
    }

    public readonly struct Arguments(
        ArrayView<byte> images, ArrayView<byte> labels, ArrayView<int> order, ArrayView<int> step, float scale, Tensor x,
        ArrayView<float> transposed, int rows, ArrayView<int> batchLabels) : IBody
    {
        public readonly ArrayView<byte> Images = images, Labels = labels;
        public readonly ArrayView<int> Order = order, Step = step, BatchLabels = batchLabels;
        public readonly float Scale = scale;
        public readonly Tensor X = x;
        public readonly ArrayView<float> Transposed = transposed;
        public readonly int Rows = rows;

        /// <summary>A unit of work is one image row of a block.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var s = X.Shape;
            int pixels = s.Features, pitch = Transpose.Pitch(pixels);
            byte* blank = stackalloc byte[s.Width];
            new Span<byte>(blank, s.Width).Clear();
            var source = stackalloc byte*[Layout.Lanes];
            var values = stackalloc float[256];
            for (int i = 0; i < 256; i++)
                values[i] = i * Scale;
            byte* images = Images.Pointer();
            int* order = Order.Pointer() + (nint)Step.Pointer()[0] * X.Blocks * Layout.Lanes;
            var (first, last) = Operation.Share(X.Blocks * s.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / s.Height, h = item % s.Height;
                for (int lane = 0; lane < Layout.Lanes; lane++)
                {
                    int image = order[block * Layout.Lanes + lane];
                    source[lane] = image < 0 ? blank : images + (nint)image * pixels + h * s.Width;
                    if (h == 0)
                        BatchLabels[block * Layout.Lanes + lane] = image < 0 ? -1 : Labels[image];
                    if (Rows != 0)
                    {
                        var row = Transposed.Pointer() + ((nint)block * Layout.Lanes + lane) * pitch + h * s.Width;
                        for (int w = 0; w < s.Width; w++)
                            row[w] = values[source[lane][w]];
                    }
                }
                var x = X.Pointer + (nint)block * s.BlockStride + s.Offset(0, h, 0);
                for (int w = 0; w < s.Width; w++, x += Layout.Lanes)
                    for (int lane = 0; lane < Layout.Lanes; lane++)
                        x[lane] = values[source[lane][w]];
            }
        }
    }

    internal static void Kernel(Arguments a)
    {
        var s = a.X.Shape;
        int index = Grid.GlobalIndex.X, slot = index / s.Features, pixel = index % s.Features, slots = a.X.Blocks * Layout.Lanes;
        if (slot >= slots)
            return;
        int image = a.Order[a.Step[0] * slots + slot];
        float value = image < 0 ? 0f : a.Images[image * s.Features + pixel] * a.Scale;
        a.X.Data[slot / Layout.Lanes * s.BlockStride + s.Offset(0, pixel / s.Width, pixel % s.Width) + slot % Layout.Lanes] = value;
        if (a.Rows != 0)
            a.Transposed[slot * ((s.Features + Transpose.Columns - 1) / Transpose.Columns * Transpose.Columns) + pixel] = value;
        if (pixel == 0)
            a.BatchLabels[slot] = image < 0 ? -1 : a.Labels[image];
    }

    /// <summary>The formula over one batch's part of the order: plain (N, H, W) and labels.</summary>
    public static (float[] X, int[] Labels) Reference(byte[] images, byte[] labels, ReadOnlySpan<int> order, float scale)
    {
        int pixels = images.Length / labels.Length;
        var x = new float[order.Length * pixels];
        var batchLabels = new int[order.Length];
        for (int n = 0; n < order.Length; n++)
        {
            batchLabels[n] = order[n] < 0 ? -1 : labels[order[n]];
            for (int i = 0; i < pixels && order[n] >= 0; i++)
                x[n * pixels + i] = scale * images[order[n] * pixels + i];
        }
        return (x, batchLabels);
    }
}
