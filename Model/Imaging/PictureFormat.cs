using System.Buffers.Binary;
using System.Text;

namespace Secateurs.Model.Imaging;

/// <summary>
/// A format whose files begin with bytes of its own, and what its container tells about being whole: decoders fill what is missing
/// with grey and call it done.
/// </summary>
internal sealed record PictureFormat(string Name, Func<byte[], bool> Begins, Func<byte[], string?> Fault)
{
    /// <summary>Encoders make at most some twenty; each costs a pass over the whole picture.</summary>
    private const int MostScans = 64;

    private const string Truncated = "a truncated one";

    private static readonly PictureFormat[] Known =
    [
        new("PNG", b => b.AsSpan().StartsWith(Png.Signature), b => Png.IsWhole(b) ? null : Truncated),
        new("JPEG", b => b is [0xFF, 0xD8, 0xFF, ..], JpegFault),
        new("GIF", b => b is [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..], b => IsWholeGif(b) ? null : Truncated),
        new("WebP", b => Tag(b, 0) == "RIFF" && Tag(b, 8) == "WEBP", b => IsWholeRiff(b) ? null : Truncated),
        // Its decoder finds the end missing.
        new("BMP", b => b is [(byte)'B', (byte)'M', ..], _ => null),
    ];

    /// <summary>The format of a file, if it is one of these.</summary>
    public static PictureFormat? Of(byte[] bytes) => Known.FirstOrDefault(f => f.Begins(bytes));

    /// <summary>What a file is that has none of these formats.</summary>
    public static string Other(byte[] bytes) => bytes switch
    {
        [] => "an empty file",
        [0x1F, 0x8B, ..] or [0, 0, >= 0x08 and <= 0x0E, ..] => "IDX or gzip through a pipe: give it as a file",
        _ when Tag(bytes, 4) == "ftyp" => $"HEIC, AVIF or a film ({Tag(bytes, 8)}): save it as JPEG or PNG",
        [(byte)'I', (byte)'I', 42, 0, ..] or [(byte)'M', (byte)'M', 0, 42, ..] => "TIFF: save it as PNG",
        [(byte)'%', (byte)'P', (byte)'D', (byte)'F', ..] => "PDF: save it as PNG",
        _ => "a file that is none of them",
    };

    /// <summary>Follows the segments (ITU-T T.81, B.1) to the end of the image.</summary>
    private static string? JpegFault(byte[] bytes)
    {
        int scans = 0;
        for (int at = 2; ;)
        {
            // The next marker: 0xFF and neither 0 (a data byte), a restart nor one more 0xFF.
            while (at + 1 < bytes.Length && !(bytes[at] == 0xFF && bytes[at + 1] is not (0 or >= 0xD0 and <= 0xD7 or 0xFF)))
                at++;
            if (at + 1 >= bytes.Length)
                return Truncated;
            byte marker = bytes[at + 1];
            if (marker == 0xD9)
                return null;
            if (marker == 0xDA && ++scans > MostScans)
                return $"one of more than {MostScans} scans";
            at += 2;
            if (marker == 1)
                continue;
            if (at + 2 > bytes.Length)
                return Truncated;
            at += BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
        }
    }

    /// <summary>Follows the blocks (GIF89a, appendix A) to the trailer.</summary>
    private static bool IsWholeGif(byte[] bytes)
    {
        int Table(int flagsAt) => flagsAt < bytes.Length && (bytes[flagsAt] & 0x80) != 0 ? 3 << (bytes[flagsAt] & 7) + 1 : 0;
        for (int at = 13 + Table(10); at < bytes.Length;)
        {
            byte block = bytes[at];
            if (block == 0x3B)
                return true;
            at += block == 0x2C ? 11 + Table(at + 9) : 2;
            while (at < bytes.Length && bytes[at] != 0)
                at += 1 + bytes[at];
            at++;
        }
        return false;
    }

    private static bool IsWholeRiff(byte[] bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4)) <= bytes.Length - 8;

    private static string Tag(byte[] bytes, int at) => bytes.Length < at + 4 ? "" : Encoding.Latin1.GetString(bytes, at, 4);
}
