using ILGPU;

namespace Secateurs.Kernels;

/// <summary>A data set on the device, as <see cref="Gather"/> takes images out of it.</summary>
internal readonly struct ImageSet(ArrayView<byte> images, ArrayView<int> labels, ArrayView<float> normalization, ArrayView<int> views)
{
    /// <summary>[count][C H W] bytes between two margins of W; without these no view may wrap.</summary>
    public readonly ArrayView<byte> Images = images;

    /// <summary>[count].</summary>
    public readonly ArrayView<int> Labels = labels;

    /// <summary>[C][2]: what a channel's bytes are multiplied by, and what is added then.</summary>
    public readonly ArrayView<float> Normalization = normalization;

    /// <summary>[views], each as <see cref="ImageView.Packed"/>; entries of an order name them by their place.</summary>
    public readonly ArrayView<int> Views = views;
}

/// <summary>Where the images of a batch go.</summary>
internal readonly struct ImageBatch(Tensor x, ArrayView<float> transposed, ArrayView<int> labels)
{
    /// <summary>(N, C, H, W); a border stays as it is.</summary>
    public readonly Tensor X = x;

    /// <summary>The same as rows, see <see cref="Transpose"/>; or empty.</summary>
    public readonly ArrayView<float> Transposed = transposed;

    /// <summary>[slots], -1 for blank.</summary>
    public readonly ArrayView<int> Labels = labels;
}
