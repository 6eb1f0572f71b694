using System.Buffers.Binary;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Reads IDX files as those of MNIST are (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998): a magic
/// number, the dimensions as big-endian 32-bit integers, then the elements. Plain or gzip. Images are bytes, (N, H, W), or in colour
/// (N, C, H, W) or (N, H, W, C); labels are bytes or, of more than 256 classes, big-endian integers of 16 or 32 bits. What a header claims
/// is compared with the file's size before memory is taken for it. Every error is a <see cref="UserException"/> with BadData and one line:
/// file, expected, found.
/// </summary>
public static class Idx
{
    /// <summary>
    /// Images of one set, train and test together, at most: as many as EMNIST's digits. Training holds each image twice: as it was read,
    /// and on the device, which is this computer's memory too where there is no GPU: 440 MB.
    /// </summary>
    public const int MaxImages = 280_000;

    private const byte Bytes = 0x08, Words = 0x0B, Integers = 0x0C;

    /// <summary>Reading is broken off between pieces of this size.</summary>
    private const int Piece = 1 << 20;

    /// <summary>Of four dimensions.</summary>
    private const int LongestHeader = 20;

    /// <summary>The images of one file of any size, as (N, C, H, W).</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">Images at most; they take <see cref="DataSet.MostBytes"/> at most.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static (TensorShape Image, byte[] Pixels) ReadImages(
        string path, int most = MaxImages, CancellationToken cancellation = default) => ReadAny(path, null, most, cancellation);

    /// <summary>The images of one file of a known size, (N, C, H, W), N from 1 to <paramref name="most"/>.</summary>
    public static byte[] ReadImages(string path, DataShape shape, int most = MaxImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return ReadAny(path, shape.Image, most, cancellation).Pixels;
    }

    /// <summary>The labels of one file, (N), N from 1 to <paramref name="most"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="classes">Labels are 0 to classes - 1.</param>
    /// <param name="most">Labels at most.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static int[] ReadLabels(
        string path, int classes = DataShape.MostClasses, int most = MaxImages, CancellationToken cancellation = default)
    {
        var form = new Form("labels", $"IDX labels (magic number 0x{Bytes << 8 | 1:X8}), plain or gzip", [Bytes, Words, Integers], [0]);
        var (header, elements) = Read(path, form, 4L * most, most, _ => null, cancellation);
        int width = Width(header.Type);
        var labels = new int[header.Count];
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = header.Type switch
            {
                Bytes => elements[i],
                Words => BinaryPrimitives.ReadInt16BigEndian(elements.AsSpan(i * width)),
                _ => BinaryPrimitives.ReadInt32BigEndian(elements.AsSpan(i * width)),
            };
            if ((uint)labels[i] >= (uint)classes)
                throw Bad(path, $"labels 0-{classes - 1}", $"label {labels[i]} at position {i}");
        }
        return labels;
    }

    /// <summary>Images and labels that belong together, of a known shape.</summary>
    public static DataSet Read(
        string imagesPath, string labelsPath, DataShape shape, int most = MaxImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        byte[] images = ReadImages(imagesPath, shape, most, cancellation);
        int[] labels = ReadLabels(labelsPath, shape.Classes, most, cancellation);
        DemandAsMany(labelsPath, labels, imagesPath, images.Length / shape.BytesPerImage);
        return new DataSet(shape, images, labels);
    }

    /// <summary>Throws unless there are as many labels as images.</summary>
    internal static void DemandAsMany(string labelsPath, int[] labels, string imagesPath, int images)
    {
        if (labels.Length != images)
            throw Bad(labelsPath, $"{images} labels, as many as images in {imagesPath}", $"{labels.Length}");
    }

    private static (TensorShape Image, byte[] Pixels) ReadAny(
        string path, TensorShape? expected, int most, CancellationToken cancellation)
    {
        string magic = expected is null ? $"{Bytes << 8 | 3:X8} or 0x{Bytes << 8 | 4:X8}"
            : $"{Bytes << 8 | (expected is { Channels: > 1 } ? 4 : 3):X8}";
        var form = new Form("images", $"IDX images (magic number 0x{magic}), plain or gzip", [Bytes], [2, 3]);
        long room = expected is { } e ? most * (long)e.Features : DataSet.MostBytes;
        var (header, elements) = Read(path, form, room, most, sizes => Fault(sizes, expected), cancellation);
        var (image, channelsLast) = Shape(header.Sizes)!.Value;
        return (image, channelsLast && image.Channels > 1 ? ChannelsFirst(elements, image) : elements);
    }

    /// <summary>What is expected of the sizes of an image, and what is found instead; null where all is well.</summary>
    private static (string, string)? Fault(uint[] sizes, TensorShape? expected)
    {
        if (expected is { Channels: 1 } grey && sizes is [var height, var width])
        {
            return height != grey.Height ? ($"rows of an image: {grey.Height}", $"{height}")
                : width != grey.Width ? ($"columns of an image: {grey.Width}", $"{width}") : null;
        }
        var image = Shape(sizes)?.Image;
        string wanted = expected is { } e ? $"images of {e.Channels}x{e.Height}x{e.Width}"
            : $"images of 1 or 3 channels and 1 to {DataShape.MostSide} rows and columns";
        return image is not null && (expected is null || image == expected) ? null : (wanted, string.Join('x', sizes));
    }

    /// <summary>What the sizes say of an image, (H, W), (C, H, W) or (H, W, C); null where that is none.</summary>
    private static (TensorShape Image, bool ChannelsLast)? Shape(uint[] sizes)
    {
        var (channels, height, width, last) = sizes switch
        {
            [var h, var w] => (1u, h, w, false),
            [var c, var h, var w] when c is 1 or 3 => (c, h, w, false),
            [var h, var w, var c] when c is 1 or 3 => (c, h, w, true),
            _ => (0u, 0u, 0u, false),
        };
        return channels > 0 && height is > 0 and <= DataShape.MostSide && width is > 0 and <= DataShape.MostSide
            ? (new TensorShape((int)channels, (int)height, (int)width), last) : null;
    }

    private static byte[] ChannelsFirst(byte[] elements, TensorShape image)
    {
        int pixels = image.Height * image.Width, size = image.Features;
        var turned = new byte[elements.Length];
        for (int i = 0; i < elements.Length; i++)
        {
            int n = i / size, pixel = i % size / image.Channels, channel = i % image.Channels;
            turned[n * size + channel * pixels + pixel] = elements[i];
        }
        return turned;
    }

    /// <summary>Type of the elements, how many items there are, and the sizes of each.</summary>
    private readonly record struct Header(byte Type, uint Count, uint[] Sizes)
    {
        public int Length => 8 + 4 * Sizes.Length;

        public long ItemBytes => Sizes.Aggregate((long)Width(Type), (product, size) => product * size);
    }

    private static int Width(byte type) => type switch { Words => 2, Integers => 4, _ => 1 };

    /// <summary>What a file may be.</summary>
    /// <param name="Items">What to call the elements.</param>
    /// <param name="Words">For errors.</param>
    /// <param name="Types">Of elements.</param>
    /// <param name="Dimensions">Of an item.</param>
    private sealed record Form(string Items, string Words, byte[] Types, int[] Dimensions);

    private static (Header Header, byte[] Elements) Read(
        string path, Form form, long room, int most, Func<uint[], (string, string)?> fault, CancellationToken cancellation)
    {
        try
        {
            using var file = new Unpacked(path, LongestHeader + room, cancellation);
            byte[] start = new byte[ForeignFile.StartLength];
            start = start[..file.Content.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            var header = ReadHeader(path, file, start, form, most, fault);
            string items = form.Items;

            byte[] elements = new byte[header.Count * header.ItemBytes];
            int have = Math.Min(start.Length - header.Length, elements.Length);
            start.AsSpan(header.Length, have).CopyTo(elements);
            for (int n = have; n > 0 && have < elements.Length; have += n)
            {
                cancellation.ThrowIfCancellationRequested();
                n = file.Content.Read(elements.AsSpan(have, Math.Min(Piece, elements.Length - have)));
            }

            bool more = start.Length > header.Length + elements.Length || (have == elements.Length && file.Content.ReadByte() >= 0);
            if (more || have < elements.Length)
            {
                throw Bad(
                    path, $"{header.Length + elements.Length} bytes for {header.Count} {items}", more ? "more" : $"{header.Length + have}");
            }
            return (header, elements);
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

    /// <summary>Checks all that can be known before the elements are read.</summary>
    private static Header ReadHeader(
        string path, Unpacked file, byte[] start, Form form, int most, Func<uint[], (string, string)?> fault)
    {
        uint magic = start.Length < 4 ? 0 : Word(0);
        var (type, dimensions, items) = ((byte)(magic >> 8), (int)(magic & 0xFF), form.Items);
        if (magic >> 16 != 0 || !form.Types.Contains(type) || !form.Dimensions.Contains(dimensions - 1))
            throw Bad(path, form.Words, ForeignFile.Describe(start) ?? (start.Length < 4 ? $"{start.Length} bytes" : $"0x{magic:X8}"));
        if (start.Length < 4 + 4 * dimensions)
            throw Bad(path, $"a header of {4 + 4 * dimensions} bytes", $"{start.Length} bytes in all");
        var header = new Header(type, Word(1), [.. Enumerable.Range(2, dimensions - 1).Select(Word)]);
        if (fault(header.Sizes) is var (expected, found))
            throw Bad(path, expected, found);
        if (header.Count == 0)
            throw Bad(path, $"at least one of the {items}", "a count of 0");
        long bytes = header.Length + header.Count * header.ItemBytes;
        if (bytes != (file.Length ?? bytes))
            throw Bad(path, $"{bytes} bytes for {header.Count} {items}", $"{file.Length}");
        if (header.Count > most)
            throw Bad(path, $"at most {most} {items} (a set has {MaxImages}, train and test together)", $"{header.Count}");
        if (bytes > DataSet.MostBytes)
            throw Bad(path, $"at most {DataSet.MostBytes} bytes of {items}", $"{bytes}");
        return bytes <= file.MostLength ? header
            : throw Bad(path, $"{bytes} bytes for {header.Count} {items}", $"a gzip of {file.MostLength} at most");

        uint Word(int index) => BinaryPrimitives.ReadUInt32BigEndian(start.AsSpan(4 * index));
    }

    private static UserException Bad(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}", inner);
}
