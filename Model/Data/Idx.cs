using System.Buffers.Binary;

namespace Secateurs.Model;

/// <summary>
/// Reads the IDX files of MNIST (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998): a magic number, the
/// dimensions as big-endian 32-bit integers, then one byte an element. Plain or gzip. What the header claims is compared with the
/// file's size before memory is taken for it. Every error is a <see cref="UserException"/> with BadData and one line: file, expected,
/// found.
/// </summary>
public static class Idx
{
    /// <summary>
    /// Images of one set, train and test together, at most: as many as EMNIST's digits. Training holds each image up to four times: as it
    /// was read, in its part, among all in a row, and on the device, which is this computer's memory too where there is no GPU: 880 MB.
    /// </summary>
    public const int MaxImages = 280_000;

    private const uint ImagesMagic = 0x00000803; // unsigned bytes, 3 dimensions
    private const uint LabelsMagic = 0x00000801; // unsigned bytes, 1 dimension

    /// <summary>Reading is broken off between pieces of this size.</summary>
    private const int Piece = 1 << 20;

    /// <summary>The images of one file, (N, H, W), N from 1 to <paramref name="most"/>.</summary>
    public static byte[] ReadImages(string path, DataShape shape, int most = MaxImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Read(path, ImagesMagic, "images", most, cancellation, shape.Height, shape.Width);
    }

    /// <summary>The labels of one file, (N), N from 1 to <paramref name="most"/>.</summary>
    public static byte[] ReadLabels(string path, DataShape shape, int most = MaxImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        byte[] labels = Read(path, LabelsMagic, "labels", most, cancellation);
        int bad = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(shape.Classes - 1));
        return bad < 0 ? labels : throw Bad(path, $"labels 0-{shape.Classes - 1}", $"label {labels[bad]} at position {bad}");
    }

    /// <summary>Images and labels that belong together.</summary>
    public static DataSet Read(
        string imagesPath, string labelsPath, DataShape shape, int most = MaxImages, CancellationToken cancellation = default)
    {
        byte[] images = ReadImages(imagesPath, shape, most, cancellation);
        byte[] labels = ReadLabels(labelsPath, shape, most, cancellation);
        int count = images.Length / shape.BytesPerImage;
        if (labels.Length != count)
            throw Bad(labelsPath, $"{count} labels, as many as images in {imagesPath}", $"{labels.Length}");
        return new DataSet(shape, images, labels);
    }

    private static byte[] Read(
        string path, uint magic, string items, int most, CancellationToken cancellation, params ReadOnlySpan<int> itemShape)
    {
        try
        {
            int header = 8 + 4 * itemShape.Length;
            using var file = new Unpacked(path, header + (long)most * Size(itemShape), cancellation);
            Span<byte> start = stackalloc byte[ForeignFile.StartLength];
            start = start[..file.Content.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            int count = ReadHeader(path, file, start, magic, items, most, itemShape);

            byte[] elements = new byte[count * Size(itemShape)];
            int have = Math.Min(start.Length - header, elements.Length);
            start.Slice(header, have).CopyTo(elements);
            for (int n = have; n > 0 && have < elements.Length; have += n)
            {
                cancellation.ThrowIfCancellationRequested();
                n = file.Content.Read(elements.AsSpan(have, Math.Min(Piece, elements.Length - have)));
            }

            bool more = start.Length > header + elements.Length || (have == elements.Length && file.Content.ReadByte() >= 0);
            if (more || have < elements.Length)
                throw Bad(path, $"{header + elements.Length} bytes for {count} {items}", more ? "more" : $"{header + have}");
            return elements;
        }
        catch (InvalidDataException error)
        {
            throw Bad(path, "an intact gzip file", $"a damaged one ({error.Message})", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Bad(path, "a readable file", error.Message, error);
        }
    }

    /// <summary>Checks all that can be known before the elements are read and returns how many items there are.</summary>
    private static int ReadHeader(
        string path, Unpacked file, ReadOnlySpan<byte> start, uint magic, string items, int most, ReadOnlySpan<int> itemShape)
    {
        int header = 8 + 4 * itemShape.Length;
        uint found = start.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32BigEndian(start);
        if (found != magic)
        {
            throw Bad(path, $"IDX {items} (magic number 0x{magic:X8}), plain or gzip",
                ForeignFile.Describe(start) ?? (start.Length < 4 ? $"{start.Length} bytes" : $"0x{found:X8}"));
        }

        if (start.Length < header)
            throw Bad(path, $"a header of {header} bytes", $"{start.Length} bytes in all");
        for (int i = 0; i < itemShape.Length; i++)
        {
            uint size = BinaryPrimitives.ReadUInt32BigEndian(start[(8 + 4 * i)..]);
            if (size != itemShape[i])
                throw Bad(path, $"{(i == 0 ? "rows" : "columns")} of an image: {itemShape[i]}", $"{size}");
        }

        uint count = BinaryPrimitives.ReadUInt32BigEndian(start[4..]);
        if (count == 0)
            throw Bad(path, $"at least one of the {items}", "a count of 0");
        long bytes = header + (long)count * Size(itemShape);
        if (bytes != (file.Length ?? bytes))
            throw Bad(path, $"{bytes} bytes for {count} {items}", $"{file.Length}");
        if (count > most)
            throw Bad(path, $"at most {most} {items} (a set has {MaxImages}, train and test together)", $"{count}");
        if (bytes > file.MostLength)
            throw Bad(path, $"{bytes} bytes for {count} {items}", $"a gzip of {file.MostLength} at most");
        return (int)count;
    }

    private static int Size(ReadOnlySpan<int> shape)
    {
        int size = 1;
        foreach (int extent in shape)
            size *= extent;
        return size;
    }

    private static UserException Bad(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}", inner);
}
