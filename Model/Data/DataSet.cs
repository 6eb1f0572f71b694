namespace Secateurs.Model;

/// <summary>
/// Grey images and their classes, as bytes. Images is (N, 28, 28), row-major, 0 = paper and 255 = ink; Labels is (N), each 0 to 9.
/// Normalisation happens where a batch is gathered, so that a set stays one byte a pixel on the device as well.
/// </summary>
public sealed record DataSet
{
    public const int Height = 28;
    public const int Width = 28;
    public const int PixelsPerImage = Height * Width;
    public const int Classes = 10;

    /// <summary>The stream of the split's random numbers ("split" in ASCII), apart from those of weights and batches.</summary>
    private const ulong SplitStream = 0x73706C6974;

    public DataSet(byte[] images, byte[] labels)
    {
        if (images.Length != (long)labels.Length * PixelsPerImage)
            throw new ArgumentException($"{labels.Length} labels need {(long)labels.Length * PixelsPerImage} pixels, found {images.Length}");
        Images = images;
        Labels = labels;
    }

    public byte[] Images { get; }

    public byte[] Labels { get; }

    public int Count => Labels.Length;

    /// <summary>The pixels of one image, (28, 28).</summary>
    public ReadOnlySpan<byte> Image(int index) => Images.AsSpan(index * PixelsPerImage, PixelsPerImage);

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
        byte[] images = new byte[indices.Length * PixelsPerImage];
        byte[] labels = new byte[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            Image(indices[i]).CopyTo(images.AsSpan(i * PixelsPerImage));
            labels[i] = Labels[indices[i]];
        }

        return new DataSet(images, labels);
    }
}
