using System.Buffers.Binary;
using System.IO.Compression;
using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>Builds IDX and gzip bytes by hand, right or wrong.</summary>
internal static class IdxFiles
{
    /// <summary>A header of big-endian words, then the elements.</summary>
    public static byte[] Bytes(uint[] header, byte[] elements)
    {
        byte[] bytes = new byte[4 * header.Length + elements.Length];
        for (int i = 0; i < header.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4 * i), header[i]);
        elements.CopyTo(bytes, 4 * header.Length);
        return bytes;
    }

    public static byte[] Images(byte[] pixels) => Bytes([0x803, (uint)(pixels.Length / 784), 28, 28], pixels);

    public static byte[] Labels(params byte[] labels) => Bytes([0x801, (uint)labels.Length], labels);

    /// <summary>Pixels of a set that is not MNIST: noise that differs from image to image.</summary>
    public static byte[] Noise(int count, ulong seed = 1)
    {
        var random = new Random64(seed);
        byte[] pixels = new byte[count * 784];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)random.NextInt(256);
        return pixels;
    }

    public static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
            gzip.Write(content);
        return packed.ToArray();
    }
}
