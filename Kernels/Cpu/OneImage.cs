using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Layers for a single image, where 16 images to a vector would waste 15 lanes. Lanes are columns in a convolution and output features in a
/// fully connected layer, and inputs that are zero - paper, and what a ReLU shut off - are skipped there. Only on the CPU accelerator, on
/// one thread. Convolutions are in <see cref="OneImageConvolution"/>, fully connected layers in
/// <see cref="OneImageFullyConnected"/>.
/// </summary>
/// <remarks>
/// Sums run in the order of the direct formulas for a batch, and a skipped zero changes none: the results are the same bits.
/// </remarks>
internal static class OneImage
{
    /// <summary>As <see cref="Gather"/>: x = scale(c) · byte + shift(c).</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="image">[C H W] bytes.</param>
    /// <param name="normalization">[C][2], C of the image; x may have its pixels as one vector of features.</param>
    /// <param name="x">(C, H, W) or (C H W, 1, 1).</param>
    public static Operation Load(ComputeDevice device, string name, ArrayView<byte> image, ArrayView<float> normalization, RowImage x)
    {
        Require.Length(name, "image", image.Length, x.Shape.Features);
        return Operation.OnHost(device, name, 0, new LoadBody(image, normalization, x));
    }

    /// <summary>As <see cref="MaxPool"/>.</summary>
    public static Operation Pool(ComputeDevice device, string name, RowImage x, int size, RowImage y)
    {
        if (MaxPool.Output(x.Shape, size, y.Shape.Padding) != y.Shape)
            throw new ArgumentException($"{name}: {size}x{size} windows over {x.Shape} do not give {y.Shape}");
        return Operation.OnHost(device, name, 0, new PoolBody(x, size, y));
    }

    /// <summary>As <see cref="Kernels.Sum"/>, of any number of maps: y = Σ x, then max(0, y) if <paramref name="relu"/>.</summary>
    public static Operation Sum(ComputeDevice device, string name, RowImage[] x, bool relu, RowImage y)
    {
        foreach (var one in x)
            if (one.Shape with { Padding = y.Shape.Padding } != y.Shape)
                throw new ArgumentException($"{name}: an operand is {one.Shape}, expected {y.Shape}");
        return Operation.OnHost(device, name, 0, new SumBody(x, relu, y));
    }

    /// <summary>As <see cref="Answer"/>: logits [K] and class [1].</summary>
    public static Operation Answer(ComputeDevice device, string name, RowImage logits, ArrayView<float> row, ArrayView<int> classes)
    {
        Require.Length(name, "row", row.Length, logits.Shape.Features);
        return Operation.OnHost(device, name, 0, new AnswerBody(logits, row, classes));
    }

    private readonly struct LoadBody(ArrayView<byte> image, ArrayView<float> normalization, RowImage x) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            byte* source = image.Pointer();
            float* target = x.Data.Pointer(), channels = normalization.Pointer();
            var (rows, columns) = x.Extent;
            int perChannel = x.Shape.Features / (int)(normalization.Length / 2), width = Math.Min(columns, perChannel);
            for (int i = 0; i < rows; i++)
                for (int w = 0; w < columns; w += width)
                {
                    float* row = target + x.RowStart(i) + w, channel = channels + 2 * ((i * columns + w) / perChannel);
                    float scale = channel[0], shift = channel[1];
                    for (int j = 0; j < width; j++)
                        row[j] = *source++ * scale + shift;
                }
        }
    }

    private readonly struct PoolBody(RowImage x, int size, RowImage y) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            TensorShape s = y.Shape;
            int width = RowImage.RoundUp(s.Width * size);
            float* source = x.Data.Pointer(), target = y.Data.Pointer(), columns = stackalloc float[width];
            for (int c = 0; c < s.Channels; c++)
                for (int p = 0; p < s.Height; p++)
                {
                    float* rows = source + x.Offset(c, p * size, 0), output = target + y.Offset(c, p, 0);
                    for (int w = 0; w < width; w += V.Width)
                    {
                        V max = V.Load(rows + w);
                        for (int i = 1; i < size; i++)
                            max = V.Max(max, V.Load(rows + i * x.Pitch + w));
                        V.Store(max, columns + w);
                    }
                    for (int q = 0; q < s.Width; q++)
                    {
                        float max = columns[q * size];
                        for (int j = 1; j < size; j++)
                            max = columns[q * size + j] > max ? columns[q * size + j] : max;
                        output[q] = max;
                    }
                }
        }
    }

    private readonly struct SumBody(RowImage[] x, bool relu, RowImage y) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            float* sum = stackalloc float[V.Width];
            var s = y.Shape;
            for (int c = 0; c < s.Channels; c++)
                for (int h = 0; h < s.Height; h++)
                    for (int w = 0; w < s.Width; w += V.Width)
                    {
                        V value = V.Load(x[0].Data.Pointer() + x[0].Offset(c, h, w));
                        for (int i = 1; i < x.Length; i++)
                            value += V.Load(x[i].Data.Pointer() + x[i].Offset(c, h, w));
                        if (relu)
                            value = V.Max(V.Zero, value);
                        // Behind the row is a border, which stays zero.
                        V.Store(value, sum);
                        new ReadOnlySpan<float>(sum, Math.Min(V.Width, s.Width - w)).CopyTo(
                            new Span<float>(y.Data.Pointer() + y.Offset(c, h, w), V.Width));
                    }
        }
    }

    private readonly struct AnswerBody(RowImage logits, ArrayView<float> row, ArrayView<int> classes) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            var values = new ReadOnlySpan<float>(logits.Data.Pointer(), (int)row.Length);
            values.CopyTo(new Span<float>(row.Pointer(), values.Length));
            classes.Pointer()[0] = Kernels.Answer.Reference(values);
        }
    }
}
