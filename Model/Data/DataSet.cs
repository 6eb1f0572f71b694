namespace Secateurs.Model;

/// <summary>
/// Images and their classes: images are bytes (N, C, H, W), row-major, of MNIST 0 = paper and 255 = ink; labels are (N). Normalization
/// happens where a batch is gathered, so that a set stays one byte a value on the device as well.
/// </summary>
public sealed record DataSet
{
    /// <summary>The stream of the split's random numbers ("split" in ASCII), apart from those of weights and batches.</summary>
    private const ulong SplitStream = 0x73706C6974;

    /// <summary>Bytes of the images of a set at most: 1 GB, which training holds several times.</summary>
    public const int MostBytes = 1 << 30;

    /// <exception cref="ArgumentException">Images and labels are not as many, or a label is no class.</exception>
    public DataSet(DataShape shape, byte[] images, int[] labels)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(labels);
        long length = (long)labels.Length * shape.BytesPerImage;
        if (images.Length != length)
            throw new ArgumentException($"{labels.Length} labels need {length} bytes of images, found {images.Length}");
        if (Array.FindIndex(labels, l => (uint)l >= (uint)shape.Classes) is >= 0 and var bad)
            throw new ArgumentException($"expected labels 0-{shape.Classes - 1}, found {labels[bad]} at position {bad}");
        (Shape, Images, Labels) = (shape, images, labels);
    }

    /// <summary>No images of that shape.</summary>
    public static DataSet Empty(DataShape shape) => new(shape, [], []);

    public DataShape Shape { get; }

    public byte[] Images { get; }

    public int[] Labels { get; }

    public int Count => Labels.Length;

    /// <summary>The bytes of one image, (C, H, W).</summary>
    public ReadOnlySpan<byte> Image(int index) => Images.AsSpan(index * Shape.BytesPerImage, Shape.BytesPerImage);

    /// <summary>The first images.</summary>
    public DataSet Take(int count) => new(Shape, Images[..(count * Shape.BytesPerImage)], Labels[..count]);

    /// <summary>
    /// Divides the set by a random order of the seed: the order's first <paramref name="validation"/> images are for validation, the
    /// others for training. Each image lands in exactly one part; the same seed gives the same parts in the same order everywhere.
    /// </summary>
    /// <exception cref="UserException">Usage: the validation part would be negative or leave nothing to train on.</exception>
    public (DataSet Training, DataSet Validation) Split(int validation, ulong seed)
    {
        if (validation < 0 || validation >= Count)
            throw new UserException(ErrorKind.Usage, $"validation images: expected 0 to {Count - 1} of {Count}, found {validation}");
        int[] order = new int[Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        new Random64(seed, SplitStream).Shuffle(order.AsSpan());
        return (Select(order.AsSpan(validation)), Select(order.AsSpan(0, validation)));
    }

    private DataSet Select(ReadOnlySpan<int> indices)
    {
        byte[] images = new byte[indices.Length * Shape.BytesPerImage];
        int[] labels = new int[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            Image(indices[i]).CopyTo(images.AsSpan(i * Shape.BytesPerImage));
            labels[i] = Labels[indices[i]];
        }

        return new DataSet(Shape, images, labels);
    }
}
