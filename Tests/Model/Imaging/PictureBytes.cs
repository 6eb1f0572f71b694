using System.Buffers.Binary;
using System.IO.Compression;
using Secateurs.Model;
using SkiaSharp;

namespace Tests.ModelTests.Imaging;

/// <summary>Picture files made in memory, by hand where the form of the file matters.</summary>
internal static class PictureBytes
{
    /// <summary>Kinds of PNG (ISO 15948, table 11.1).</summary>
    public const byte Grey = 0, GreyAndAlpha = 4, ColourAndAlpha = 6;

    /// <summary>Rows of bytes as they are, without filters.</summary>
    public static byte[] Png(byte[] rows, int width, int height, byte depth = 8, byte colour = Grey)
    {
        using var file = new MemoryStream();
        file.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (depth, colour);
        Chunk("IHDR"u8, header);
        using (var packed = new MemoryStream())
        {
            using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            {
                int length = rows.Length / height;
                for (int y = 0; y < height; y++)
                {
                    zlib.WriteByte(0);
                    zlib.Write(rows, y * length, length);
                }
            }
            Chunk("IDAT"u8, packed.ToArray());
        }
        Chunk("IEND"u8, []);
        return file.ToArray();

        void Chunk(ReadOnlySpan<byte> type, byte[] data)
        {
            Span<byte> word = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
            file.Write(word);
            file.Write(type);
            file.Write(data);
            BinaryPrimitives.WriteUInt32BigEndian(word, Crc32.Of([.. type, .. data]));
            file.Write(word);
        }
    }

    public static byte[] Png(double[,] grey) => Png(Drawing.Bytes(grey), grey.GetLength(1), grey.GetLength(0));

    /// <summary>By Skia: JPEG or WebP, of the best quality.</summary>
    public static byte[] Encode(double[,] grey, SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(grey.GetLength(1), grey.GetLength(0), SKColorType.Gray8, SKAlphaType.Opaque));
        Drawing.Bytes(grey).CopyTo(bitmap.GetPixelSpan());
        using var data = bitmap.Encode(format, 100);
        return data.ToArray();
    }

    /// <summary>A JPEG with the orientation that a camera writes (EXIF 2.3, tag 0x0112).</summary>
    public static byte[] Turned(byte[] jpeg, byte orientation) =>
    [
        .. jpeg[..2], 0xFF, 0xE1, 0, 34, .. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 1,
        0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0, .. jpeg[2..],
    ];

    /// <summary>24 bits, from the bottom up.</summary>
    public static byte[] Bmp(double[,] grey)
    {
        int width = grey.GetLength(1), height = grey.GetLength(0), row = (3 * width + 3) / 4 * 4;
        byte[] file = new byte[54 + row * height];
        "BM"u8.CopyTo(file);
        (int At, int Value)[] words = [(2, file.Length), (10, 54), (14, 40), (18, width), (22, height), (26, 1 | 24 << 16)];
        foreach (var (at, value) in words)
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        byte[] values = Drawing.Bytes(grey);
        for (int i = 0; i < values.Length; i++)
            file.AsSpan(54 + (height - 1 - i / width) * row + 3 * (i % width), 3).Fill(values[i]);
        return file;
    }

    /// <summary>128 greys, of 8 bits with a clear code before they would be 9: not smaller, but what every reader reads.</summary>
    public static byte[] Gif(double[,] grey)
    {
        int width = grey.GetLength(1), height = grey.GetLength(0);
        using var file = new MemoryStream();
        file.Write([.. "GIF89a"u8, (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0xF6, 0, 0]);
        for (int i = 0; i < 128; i++)
            file.Write([(byte)(2 * i), (byte)(2 * i), (byte)(2 * i)]);
        file.Write([0x2C, 0, 0, 0, 0, (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0, 7]);
        byte[] codes = [.. Drawing.Bytes(grey).Chunk(100).SelectMany(part => part.Select(v => (byte)(v / 2)).Prepend((byte)128)), 129];
        foreach (byte[] block in codes.Chunk(255))
            file.Write([(byte)block.Length, .. block]);
        file.Write([0, 0x3B]);
        return file.ToArray();
    }

    /// <summary>TGA of a kind (2 colour, 3 grey; 10, 11 the same in runs) with this depth.</summary>
    public static byte[] Tga(double[,] grey, byte kind, byte depth, bool fromTop)
    {
        int width = grey.GetLength(1), height = grey.GetLength(0);
        byte[] values = Drawing.Bytes(grey);
        var rows = values.Chunk(width);
        byte[][] pixels = [.. (fromTop ? rows : rows.Reverse()).SelectMany(row => row).Select(v => Pixel(v, depth))];
        byte[] size = [(byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8)];
        var content = kind < 8 ? pixels.SelectMany(p => p) : Runs(pixels);
        return [0, 0, kind, .. new byte[9], .. size, depth, (byte)(fromTop ? 0x20 : 0), .. content];
    }

    private static byte[] Pixel(byte v, byte depth) => depth switch
    {
        8 => [v],
        16 => [(byte)(v >> 3 | v >> 3 << 5), (byte)(v >> 3 << 2 | v >> 6)],
        24 => [v, v, v],
        _ => [v, v, v, 255],
    };

    private static IEnumerable<byte> Runs(byte[][] pixels)
    {
        for (int i = 0; i < pixels.Length;)
        {
            int run = pixels.Skip(i).Take(128).TakeWhile(p => p.AsSpan().SequenceEqual(pixels[i])).Count();
            // Two alike or more are a run; others go in packets of at most three.
            int count = run > 1 ? run : Math.Min(3, pixels.Length - i);
            yield return (byte)((run > 1 ? 0x80 : 0) | (count - 1));
            foreach (byte b in run > 1 ? pixels[i] : pixels.Skip(i).Take(count).SelectMany(p => p))
                yield return b;
            i += count;
        }
    }
}
