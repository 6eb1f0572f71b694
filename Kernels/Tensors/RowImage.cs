using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// One image's feature map for <see cref="OneImage"/>: [C][H][pitch], neighbouring columns in neighbouring lanes. A vector of features is
/// dense; rows of a map begin whole vectors apart, and behind the last one is room for what vectors read past an end.
/// </summary>
internal readonly struct RowImage
{
    /// <summary>Floats behind the last row.</summary>
    internal const int Slack = 4 * Layout.Lanes;

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
