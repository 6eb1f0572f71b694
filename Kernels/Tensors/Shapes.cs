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

    /// <summary>Where a map begins. Maps are the channels of all blocks, which lie one behind the other.</summary>
    internal unsafe float* Map(int map) => Pointer + (nint)map * Shape.ChannelStride;

    /// <summary>Sets a map to zero, inside its border.</summary>
    internal unsafe void ClearMap(int map)
    {
        for (int h = 0; h < Shape.Height; h++)
            new Span<float>(Map(map) + Shape.Offset(0, h, 0), Shape.Width * Layout.Lanes).Clear();
    }
}

/// <summary>Filters of a convolution without padding or with it stored in the input: (K, C, R, S).</summary>
/// <param name="Filters">K.</param>
/// <param name="Channels">C.</param>
/// <param name="Rows">R.</param>
/// <param name="Columns">S.</param>
/// <param name="Stride">Rows and columns of the input from an output to the next.</param>
/// <param name="Inset">
/// Of the border that the input is stored with, how much is none of this convolution's padding: another reader asked for it.
/// </param>
public readonly record struct FilterShape(int Filters, int Channels, int Rows, int Columns, int Stride = 1, int Inset = 0)
{
    /// <summary>Weights per filter, C R S.</summary>
    public int FilterSize => Channels * Rows * Columns;

    /// <summary>The same weights as those of a fully connected layer: (K, C R S, 1, 1).</summary>
    public FilterShape AsVector() => new(Filters, FilterSize, 1, 1);

    /// <summary>All weights, K C R S.</summary>
    public int Count => Filters * FilterSize;

    /// <summary>(K, P, Q) of the output for an input whose border counts as image.</summary>
    public TensorShape Output(TensorShape input, int padding = 0) => new(
        Filters, Window.Outputs(input.Height + 2 * (input.Padding - Inset), Rows, Stride),
        Window.Outputs(input.Width + 2 * (input.Padding - Inset), Columns, Stride), padding);

    /// <summary>Floats from a block of an input to what the first tap of the first output meets.</summary>
    internal int Origin(TensorShape input) => Inset * (input.RowStride + Layout.Lanes);
}

/// <summary>Square windows of a pooling.</summary>
/// <param name="Size">Rows and columns.</param>
/// <param name="Stride">Rows and columns from a window to the next.</param>
/// <param name="Padding">How far the first window reaches over the edge, on each side; less than a window.</param>
public readonly record struct Window(int Size, int Stride, int Padding = 0)
{
    /// <summary>Windows side by side, none over the edge.</summary>
    public bool Tiles => Stride == Size && Padding == 0;

    /// <summary>Shape of what they give: rows and columns that no whole window covers are left out (floor mode).</summary>
    public TensorShape Output(TensorShape input, int padding = 0) => new(
        input.Channels, Outputs(input.Height + 2 * Padding, Size, Stride), Outputs(input.Width + 2 * Padding, Size, Stride), padding);

    /// <summary>Whole windows of an extent; less than 1 where there is none.</summary>
    internal static int Outputs(int extent, int window, int stride) =>
        extent < window ? extent - window + 1 : (extent - window) / stride + 1;
}

internal static unsafe class ViewExtensions
{
    /// <summary>Where a view's memory lies: only for bodies that run on the CPU accelerator.</summary>
    public static T* Pointer<T>(this ArrayView<T> view) where T : unmanaged =>
        view.Length == 0 ? null : (T*)view.LoadEffectiveAddressAsPtr();
}
