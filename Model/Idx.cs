using System.Buffers.Binary;

namespace Model;

/// <summary>
/// Reads the IDX files of MNIST (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998): a magic number, the
/// dimensions as big-endian 32-bit integers, then one byte an element. Plain or gzip. What the header claims is compared with the
/// file's size before memory is taken for it. Every error is a <see cref="UserException"/> with BadData and one line: file, expected, found.
/// </summary>
public static class Idx
{
    private const uint ImagesMagic = 0x00000803; // unsigned bytes, 3 dimensions
    private const uint LabelsMagic = 0x00000801; // unsigned bytes, 1 dimension

    /// <summary>The images of one file, (N, 28, 28), N at least 1.</summary>
    public static byte[] ReadImages(string path) => Read(path, ImagesMagic, "images", DataSet.Height, DataSet.Width);

    /// <summary>The labels of one file, (N), each 0 to 9, N at least 1.</summary>
    public static byte[] ReadLabels(string path)
    {
        byte[] labels = Read(path, LabelsMagic, "labels");
        int bad = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(DataSet.Classes - 1));
        return bad < 0 ? labels : throw Bad(path, $"labels 0-{DataSet.Classes - 1}", $"label {labels[bad]} at position {bad}");
    }

    /// <summary>Images and labels that belong together.</summary>
    public static DataSet Read(string imagesPath, string labelsPath)
    {
        byte[] images = ReadImages(imagesPath);
        byte[] labels = ReadLabels(labelsPath);
        int count = images.Length / DataSet.PixelsPerImage;
        if (labels.Length != count)
            throw Bad(labelsPath, $"{count} labels, as many as images in {imagesPath}", $"{labels.Length}");
        return new DataSet(images, labels);
    }

    private static byte[] Read(string path, uint magic, string items, params ReadOnlySpan<int> itemShape)
    {
        try
        {
            using var file = new Unpacked(path);
            int count = ReadHeader(path, file, magic, items, itemShape);
            byte[] elements = new byte[count * Size(itemShape)];
            file.Content.ReadExactly(elements);
            if (file.Content.ReadByte() >= 0)
                throw Bad(path, $"{file.Length} bytes, as the gzip's end says", "more");
            return elements;
        }
        catch (EndOfStreamException)
        {
            throw Bad(path, $"all {items} that the header announces", "a truncated file");
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
    private static int ReadHeader(string path, Unpacked file, uint magic, string items, ReadOnlySpan<int> itemShape)
    {
        Span<byte> header = stackalloc byte[8 + 4 * itemShape.Length];
        if (file.Length < header.Length)
            throw Bad(path, $"a header of {header.Length} bytes", $"{file.Length} bytes in all");
        file.Content.ReadExactly(header);

        uint found = BinaryPrimitives.ReadUInt32BigEndian(header);
        if (found != magic)
            throw Bad(path, $"IDX {items} (magic number 0x{magic:X8}), plain or gzip", $"0x{found:X8}");
        for (int i = 0; i < itemShape.Length; i++)
        {
            uint size = BinaryPrimitives.ReadUInt32BigEndian(header[(8 + 4 * i)..]);
            if (size != itemShape[i])
                throw Bad(path, $"{(i == 0 ? "rows" : "columns")} of an image: {itemShape[i]}", $"{size}");
        }

        uint count = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        if (count == 0)
            throw Bad(path, $"at least one of the {items}", "a count of 0");
        long bytes = (long)count * Size(itemShape);
        if (header.Length + bytes != file.Length)
            throw Bad(path, $"{header.Length + bytes} bytes for {count} {items}", $"{file.Length}");
        if (bytes > Array.MaxLength)
            throw Bad(path, $"at most {Array.MaxLength / Size(itemShape)} {items}", $"{count}");
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
        new(ExitCode.BadData, $"{path}: expected {expected}, found {found}", inner);
}
