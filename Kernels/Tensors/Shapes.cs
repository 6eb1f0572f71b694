using ILGPU;
using ILGPU.Runtime;

namespace Secateurs.Kernels;

/// <summary>
/// The legend of every kernel: images N C H W, filters K C R S (output channel, input channel, row, column), outputs N K P Q;
/// GEMM M N K with M images, N output features, K input features.
/// </summary>
/// <remarks>
/// Images lie across lanes: a tensor is stored as [N/16][C][H][W][16], so that one vector holds one feature of 16 images. Narrow
/// layers (6, 10, 20 channels) waste nothing, pooling and ReLU are trivial, and a weight is one broadcast that can be left out
/// when it is pruned. A batch that is no multiple of 16 is filled with blank images, which no sum counts.
/// </remarks>
internal static class Layout
{
    /// <summary>Images per block: the innermost extent of every activation tensor.</summary>
    public const int Lanes = 16;

    /// <summary>Blocks that hold a batch.</summary>
    public static int Blocks(int batch) => (batch + Lanes - 1) / Lanes;
}

/// <summary>Shape of one image's feature map, (C, H, W), stored with a border of <paramref name="Padding"/> zeros on each side.</summary>
public readonly record struct TensorShape(int Channels, int Height, int Width, int Padding = 0)
{
    /// <summary>A vector of features: (C, 1, 1).</summary>
    public static TensorShape Vector(int features) => new(features, 1, 1);

    /// <summary>Values per image, border not counted.</summary>
    public int Features => Channels * Height * Width;

    /// <summary>Floats from a row to the next.</summary>
    public int RowStride => (Width + 2 * Padding) * Layout.Lanes;

    /// <summary>Floats from a channel to the next.</summary>
    public int ChannelStride => (Height + 2 * Padding) * RowStride;

    /// <summary>Floats from a block of 16 images to the next.</summary>
    public int BlockStride => Channels * ChannelStride;

    /// <summary>Where (c, h, w) begins inside its block; h and w count from the first pixel inside the border.</summary>
    public int Offset(int c, int h, int w) => c * ChannelStride + (h + Padding) * RowStride + (w + Padding) * Layout.Lanes;
}

/// <summary>A batch of feature maps on the device: [Blocks][C][H][W][16] floats.</summary>
internal readonly struct Tensor
{
    public Tensor(ArrayView<float> data, TensorShape shape, int blocks)
    {
        if (data.Length < (long)blocks * shape.BlockStride)
            throw new ArgumentException(
                $"tensor of {blocks} blocks of {shape} needs {(long)blocks * shape.BlockStride} floats, got {data.Length}");
        Data = data;
        Shape = shape;
        Blocks = blocks;
    }

    public ArrayView<float> Data { get; }
    public TensorShape Shape { get; }
    public int Blocks { get; }

    internal unsafe float* Pointer => Data.Pointer();
}

/// <summary>Filters of a convolution without padding or with it stored in the input: (K, C, R, S), stride 1.</summary>
public readonly record struct FilterShape(int Filters, int Channels, int Rows, int Columns)
{
    /// <summary>Weights per filter, C R S.</summary>
    public int FilterSize => Channels * Rows * Columns;

    /// <summary>The same weights as those of a fully connected layer: (K, C R S, 1, 1).</summary>
    public FilterShape AsVector() => new(Filters, FilterSize, 1, 1);

    /// <summary>All weights, K C R S.</summary>
    public int Count => Filters * FilterSize;

    /// <summary>(K, P, Q) of the output for an input whose border counts as image.</summary>
    public TensorShape Output(TensorShape input, int padding = 0) =>
        new(Filters, input.Height + 2 * input.Padding - Rows + 1, input.Width + 2 * input.Padding - Columns + 1, padding);
}

internal static unsafe class ViewExtensions
{
    /// <summary>Where a view's memory lies: only for bodies that run on the CPU accelerator.</summary>
    public static T* Pointer<T>(this ArrayView<T> view) where T : unmanaged =>
        view.Length == 0 ? null : (T*)view.LoadEffectiveAddressAsPtr();
}
