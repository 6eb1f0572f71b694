namespace Secateurs.Model;

/// <summary>
/// Images and their classes: images are bytes (N, C, H, W), row-major, of MNIST 0 = paper and 255 = ink; labels are (N). Normalization
/// happens where a batch is gathered, so that a set stays one byte a value on the device as well. Parts of a set share its bytes.
/// </summary>
public sealed record DataSet
{
    /// <summary>The stream of the split's random numbers ("split" in ASCII), apart from those of weights and batches.</summary>
    private const ulong SplitStream = 0x73706C6974;

    /// <summary>Bytes of the images of a set at most: 1 GB, which training holds twice.</summary>
    public const int MostBytes = 1 << 30;

    private readonly byte[] _images;

    /// <summary>Which of the images in <see cref="_images"/> the set has, in its order; null for all.</summary>
    private readonly int[]? _order;

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
        (Shape, _images, Labels) = (shape, images, labels);
    }

    /// <summary>Some images of another set.</summary>
    private DataSet(DataSet whole, int[] order)
    {
        (Shape, InProportion, _images) = (whole.Shape, whole.InProportion, whole._images);
        _order = whole._order is { } its ? Array.ConvertAll(order, i => its[i]) : order;
        Labels = Array.ConvertAll(order, i => whole.Labels[i]);
    }

    /// <summary>No images of that shape.</summary>
    public static DataSet Empty(DataShape shape) => new(shape, [], []);

    public DataShape Shape { get; }

    /// <summary>The bytes of all images, one after the other; a copy where the set is a part of another.</summary>
    public byte[] Images
    {
        get
        {
            if (_order is null)
                return _images;
            var images = new byte[Count * Shape.BytesPerImage];
            CopyTo(0, images);
            return images;
        }
    }

    public int[] Labels { get; }

    public int Count => Labels.Length;

    /// <summary>
    /// Whether <see cref="Split(int, ulong)"/> takes of every class in proportion; else it draws from all images alike, as of MNIST.
    /// </summary>
    public bool InProportion { get; init; }

    /// <summary>The bytes of one image, (C, H, W).</summary>
    public ReadOnlySpan<byte> Image(int index) =>
        _images.AsSpan((_order is { } order ? order[index] : index) * Shape.BytesPerImage, Shape.BytesPerImage);

    /// <summary>The bytes of some images, one after the other.</summary>
    /// <param name="first">Of them.</param>
    /// <param name="target">As long as they are.</param>
    internal void CopyTo(int first, Span<byte> target)
    {
        for (; !target.IsEmpty; first++, target = target[Shape.BytesPerImage..])
            Image(first).CopyTo(target);
    }

    /// <summary>The first images.</summary>
    public DataSet Take(int count) => Cut(count).First;

    /// <summary>All images of two sets.</summary>
    /// <exception cref="ArgumentException">They are of different shapes.</exception>
    public static DataSet Join(DataSet first, DataSet second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (!first.Shape.Equals(second.Shape))
            throw new ArgumentException($"expected images of {first.Shape}, found {second.Shape}", nameof(second));
        return new DataSet(first.Shape, [.. first.Images, .. second.Images], [.. first.Labels, .. second.Labels])
        {
            InProportion = first.InProportion,
        };
    }

    /// <summary>The first images, and the others.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not as many.</exception>
    public (DataSet First, DataSet Others) Cut(int count)
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        return (Select(order.AsSpan(0, count)), Select(order.AsSpan(count)));
    }

    /// <summary>
    /// Divides the set by a random order of the seed: the order's first <paramref name="validation"/> images are for validation, the
    /// others for training; where it goes in proportion, the first ones of each class, which keeps an image at least for training. Each
    /// image lands in exactly one part; the same seed gives the same parts in the same order everywhere.
    /// </summary>
    /// <exception cref="UserException">Usage: the validation part would be negative or leave nothing to train on.</exception>
    public (DataSet Training, DataSet Validation) Split(int validation, ulong seed) => Split(validation, seed, SplitStream);

    /// <summary>The same with a random stream of its own, so that several divisions of a set are independent.</summary>
    /// <param name="validation">As many as the second part is to have.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="stream">Of the random numbers.</param>
    internal (DataSet Training, DataSet Validation) Split(int validation, ulong seed, ulong stream)
    {
        if (validation < 0 || validation >= Count)
            throw new UserException(ErrorKind.Usage, $"validation images: expected 0 to {Count - 1} of {Count}, found {validation}");
        int[] order = new int[Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        new Random64(seed, stream).Shuffle(order.AsSpan());
        if (InProportion)
            order = [.. Ahead(order, Quotas(validation))];
        return (Select(order.AsSpan(validation)), Select(order.AsSpan(0, validation)));
    }

    /// <summary>So many images of each class ahead of the others, each in the order that they have.</summary>
    private IEnumerable<int> Ahead(int[] order, int[] quotas)
    {
        int[] taken = new int[quotas.Length];
        bool[] ahead = Array.ConvertAll(order, i => taken[Labels[i]]++ < quotas[Labels[i]]);
        return order.Where((_, n) => ahead[n]).Concat(order.Where((_, n) => !ahead[n]));
    }

    /// <summary>How many of each class are set aside: in proportion, what is left over to the largest remainders.</summary>
    private int[] Quotas(int validation)
    {
        int[] counts = new int[Shape.Classes];
        foreach (int label in Labels)
            counts[label]++;
        int most = counts.Sum(n => Math.Max(0, n - 1));
        if (validation > most)
            throw new UserException(ErrorKind.Usage, $"validation images: expected 0 to {most} of {Count}, found {validation}");
        int[] quotas = Array.ConvertAll(counts, n => Math.Min((int)((long)n * validation / Count), Math.Max(0, n - 1)));
        for (int missing = validation - quotas.Sum(); missing > 0;)
        {
            foreach (int c in Enumerable.Range(0, counts.Length).Where(c => quotas[c] < counts[c] - 1)
                .OrderByDescending(c => (double)counts[c] * validation / Count - quotas[c]).Take(missing).ToArray())
            {
                quotas[c]++;
                missing--;
            }
        }
        return quotas;
    }

    /// <summary>These images, in this order.</summary>
    internal DataSet Select(ReadOnlySpan<int> indices) => new(this, indices.ToArray());
}
