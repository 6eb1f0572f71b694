using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// One image's feature map for <see cref="OneImage"/>: [C][H][pitch], neighbouring columns in neighbouring lanes. A vector of features is
/// dense; rows of a map begin whole vectors apart, and behind the last one is room for what vectors read past an end.
/// </summary>
public readonly struct RowImage
{
    private const int Slack = 4 * Layout.Lanes;

    /// <summary>Zeroed; a border stays zero.</summary>
    public RowImage(DeviceMemory memory, TensorShape shape)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Shape = shape;
        Data = memory.Allocate<float>((long)shape.Channels * ChannelStride + Slack);
    }

    public ArrayView<float> Data { get; }

    /// <summary>(C, H, W) and the border's width; strides of <see cref="TensorShape"/> itself do not apply.</summary>
    public TensorShape Shape { get; }

    /// <summary>Floats from a row to the next.</summary>
    public int Pitch => Shape is { Height: 1, Width: 1, Padding: 0 } ? 1 : RoundUp(Shape.Width + 2 * Shape.Padding);

    /// <summary>Floats from a channel to the next.</summary>
    public int ChannelStride => (Shape.Height + 2 * Shape.Padding) * Pitch;

    /// <summary>Where (c, h, w) is, counted inside the border.</summary>
    public int Offset(int c, int h, int w) => c * ChannelStride + (h + Shape.Padding) * Pitch + w + Shape.Padding;

    /// <summary>All rows, each with its columns: a vector of features is one row.</summary>
    internal (int Rows, int Columns) Extent => Pitch == 1 ? (1, Shape.Channels) : (Shape.Channels * Shape.Height, Shape.Width);

    /// <summary>Where row <paramref name="index"/> of <see cref="Extent"/> begins.</summary>
    internal int RowStart(int index) => Pitch == 1 ? 0 : Offset(index / Shape.Height, index % Shape.Height, 0);

    internal static int RoundUp(int count) => (count + Layout.Lanes - 1) / Layout.Lanes * Layout.Lanes;
}

/// <summary>
/// Layers for a single image, where 16 images to a vector would waste 15 lanes. Lanes are columns in a convolution and output features in a
/// fully connected layer, and inputs that are zero - paper, and what a ReLU shut off - are skipped there. Only on the CPU accelerator, on one
/// thread: there is too little work for two. Convolutions are in <see cref="OneImageConvolution"/>, fully connected layers in
/// <see cref="OneImageGemm"/>.
/// </summary>
/// <remarks>Sums run in the same order as for a batch, and a skipped zero changes none: the results are the same bits.</remarks>
public static class OneImage
{
    /// <summary>x = scale · byte.</summary>
    public static Operation Load(ComputeDevice device, string name, ArrayView<byte> image, float scale, RowImage x)
    {
        MaskedGemm.Require(name, "image", image.Length, x.Shape.Features);
        return Operation.OnHost(device, name, 0, new LoadBody(image, scale, x));
    }

    /// <summary>As <see cref="MaxPool"/>.</summary>
    public static Operation Pool(ComputeDevice device, string name, RowImage x, int size, RowImage y)
    {
        if (MaxPool.Output(x.Shape, size, y.Shape.Padding) != y.Shape)
            throw new ArgumentException($"{name}: {size}x{size} windows over {x.Shape} do not give {y.Shape}");
        return Operation.OnHost(device, name, 0, new PoolBody(x, size, y));
    }

    /// <summary>As <see cref="Answer"/>: logits [K] and class [1].</summary>
    public static Operation Answer(ComputeDevice device, string name, RowImage logits, ArrayView<float> row, ArrayView<int> classes)
    {
        MaskedGemm.Require(name, "row", row.Length, logits.Shape.Features);
        return Operation.OnHost(device, name, 0, new AnswerBody(logits, row, classes));
    }

    private readonly struct LoadBody(ArrayView<byte> image, float scale, RowImage x) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            byte* source = image.Pointer();
            float* target = x.Data.Pointer();
            float factor = scale;
            var (rows, columns) = x.Extent;
            for (int i = 0; i < rows; i++)
            {
                float* row = target + x.RowStart(i);
                for (int w = 0; w < columns; w++)
                    row[w] = *source++ * factor;
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
