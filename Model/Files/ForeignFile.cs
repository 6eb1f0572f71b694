using System.Buffers;
using System.Text;

namespace Secateurs.Model;

/// <summary>
/// Names a file that is not what was asked for, so that the user reads what it is and what to do. Files are known by how they begin; each
/// reader asks only after it has found that the file is not its own.
/// </summary>
public static class ForeignFile
{
    /// <summary>Bytes of a file's start that tell all of these apart.</summary>
    public const int StartLength = 512;

    private const int TarMagic = 257; // after one entry's names and numbers, POSIX.1-1988

    private static readonly SearchValues<byte> Printable =
        SearchValues.Create([.. "\t\n\r"u8, .. Enumerable.Range(' ', '~' - ' ' + 1).Select(letter => (byte)letter)]);

    /// <summary>What the file is, to stand behind "found", or null where the start is of nothing known.</summary>
    /// <param name="start">Its first <see cref="StartLength"/> bytes, or all of a shorter one.</param>
    public static string? Describe(ReadOnlySpan<byte> start) => start switch
    {
        [] => "an empty file",
        // The length of the header, little endian and at most 100 MB, then its JSON.
        [_, _, _, < 6, 0, 0, 0, 0, (byte)'{', ..] => "a safetensors file",
        [(byte)'D', (byte)'C', (byte)'N', ..] => "a coded network (.dcn)",
        [0, 0, 0x08 or 0x09 or (>= 0x0B and <= 0x0E), > 0 and < 9 and var dimensions, ..] =>
            $"an IDX file of {Elements(start[2])} in {dimensions} dimension{(dimensions > 1 ? "s" : "")}",
        [0x1F, 0x8B, ..] => "a gzip file; gzip -d unpacks it",
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', ..] => "a bzip2 file; bzip2 -d unpacks it",
        [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] => "an xz file; xz -d unpacks it",
        [0x28, 0xB5, 0x2F, 0xFD, ..] => "a Zstandard file; zstd -d unpacks it",
        [(byte)'7', (byte)'z', 0xBC, 0xAF, ..] => "a 7z archive; unpack it",
        [(byte)'P', (byte)'K', 3 or 5 or 7, 4 or 6 or 8, ..] => Zip(start),
        [0x80, >= 2 and <= 5, ..] => "a Python pickle, such as PyTorch's older .pt; load it and save its tensors with safetensors",
        [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => "a PNG picture",
        [0xFF, 0xD8, 0xFF, ..] => "a JPEG picture",
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] => "a GIF picture",
        [(byte)'B', (byte)'M', _, _, _, _, 0, 0, 0, 0, ..] => "a BMP picture",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "a WebP picture",
        [(byte)'%', (byte)'P', (byte)'D', (byte)'F', ..] => "a PDF document",
        [0x89, (byte)'H', (byte)'D', (byte)'F', ..] => "an HDF5 file, such as Keras's .h5",
        [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', ..] => "a NumPy array (.npy)",
        [(byte)'P', (byte)'A', (byte)'R', (byte)'1', ..] => "a Parquet table",
        [(byte)'G', (byte)'G', (byte)'U', (byte)'F', ..] => "a GGUF file",
        [_, _, _, _, (byte)'T', (byte)'F', (byte)'L', (byte)'3', ..] => "a TensorFlow Lite model",
        [0, 5, 0x16, 7, ..] => "what macOS keeps beside a file (._NAME), not the file itself",
        [0x08, 0x01, 0x12, ..] => "a TensorFlow SavedModel",
        _ when IsOnnx(start) => "an ONNX model",
        _ when start.Length > TarMagic && start[TarMagic..].StartsWith("ustar"u8) => "a tar archive; unpack it",
        _ when start.StartsWith("version https://git-lfs"u8) => "a Git LFS pointer; git lfs pull fetches the file itself",
        _ when start.StartsWith("MATLAB "u8) => "a MATLAB file (.mat)",
        _ => Text(start),
    };

    /// <summary>ModelProto: its first field is ir_version, the next one a text, the graph or another low field of the model.</summary>
    public static bool IsOnnx(ReadOnlySpan<byte> start) =>
        start is [0x08, > 1 and < 32, 0x12 or 0x1A or 0x22 or 0x28 or 0x32 or 0x3A or 0x42, ..];

    private static string Elements(byte type) => type switch
    {
        0x08 => "unsigned bytes",
        0x09 => "signed bytes",
        0x0B => "16-bit integers",
        0x0C => "32-bit integers",
        0x0D => "32-bit floats",
        _ => "64-bit floats",
    };

    /// <summary>The first entry's name tells PyTorch's and NumPy's archives from others.</summary>
    private static string Zip(ReadOnlySpan<byte> start)
    {
        const int name = 30;
        var entry = start.Length > name ? start.Slice(name, Math.Min(start[name - 4], start.Length - name)) : [];
        return entry.EndsWith(".pkl"u8) || entry.IndexOf("/.format_version"u8) > 0 || entry.IndexOf("/.data/"u8) > 0
            ? "a PyTorch file (.pth or .pt, a zip archive); load it and save its tensors with safetensors"
            : entry.EndsWith(".npy"u8) ? "NumPy arrays (.npz, a zip archive)" : "a zip archive; unpack it";
    }

    /// <summary>A page that came in the place of a download, or any other text.</summary>
    private static string? Text(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith(Encoding.UTF8.Preamble))
            start = start[Encoding.UTF8.Preamble.Length..];
        start = start.TrimStart(" \t\r\n"u8);
        if (start is [(byte)'<', (byte)'!' or (byte)'?' or (>= (byte)'A' and <= (byte)'Z') or (>= (byte)'a' and <= (byte)'z'), ..])
            return "a web page (HTML or XML), as comes in the place of a download that failed";
        return start.IndexOfAnyExcept(Printable) < 0 ? "a text file" : null;
    }
}
