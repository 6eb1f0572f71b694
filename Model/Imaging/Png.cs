using System.Buffers.Binary;

namespace Secateurs.Model.Imaging;

/// <summary>What has to be known of PNG (ISO 15948) before its decoder is asked.</summary>
internal static class Png
{
    /// <summary>Where the header chunk has depth, kind of colour, and its checksum.</summary>
    private const int Depth = 24, Colour = 25, Checksum = 29;

    private const byte Grey = 0, GreyWithAlpha = 4;

    private const uint Change = 0xDFF24B14;

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The chunks follow each other to the one that ends the picture.</summary>
    public static bool IsWhole(byte[] bytes)
    {
        for (long at = Signature.Length; at + 12 <= bytes.Length;)
        {
            if (bytes.AsSpan((int)at + 4, 4).SequenceEqual("IEND"u8))
                return true;
            at += 12 + BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan((int)at));
        }
        return false;
    }

    /// <summary>Grey of 16 bits, of which the decoder would keep the upper 8.</summary>
    public static bool IsDeepGrey(byte[] bytes) =>
        bytes.AsSpan().StartsWith(Signature) && bytes.Length > Checksum + 4 && bytes[Depth] == 16 && bytes[Colour] == Grey;

    /// <summary>
    /// The same picture said to be grey and alpha of 8 bits: two bytes a pixel either way, equally filtered. A CRC is linear, so that these
    /// two bytes change it by the same bits in every file, and it still finds damage.
    /// </summary>
    public static byte[] AsPairs(byte[] bytes)
    {
        byte[] pairs = [.. bytes];
        (pairs[Depth], pairs[Colour]) = (8, GreyWithAlpha);
        var checksum = pairs.AsSpan(Checksum);
        BinaryPrimitives.WriteUInt32BigEndian(checksum, BinaryPrimitives.ReadUInt32BigEndian(checksum) ^ Change);
        return pairs;
    }
}
