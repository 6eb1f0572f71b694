using Model;
using Pruning.Coding;

namespace Pruning.Compression;

/// <summary>A network in either of its files: a checkpoint (.safetensors) or a coded network (.dcn), told apart by how they begin.</summary>
public static class ModelFile
{
    private const int MaxCodedBytes = 1 << 28;

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="UserException">BadFile: missing, damaged, foreign; one line with the reason.</exception>
    public static Checkpoint Load(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> start = stackalloc byte[3];
            if (file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length || !start.SequenceEqual("DCN"u8))
                return Checkpoint.Load(path);
            if (file.Length > MaxCodedBytes)
                throw CodedFile.Bad(path, $"at most {MaxCodedBytes} bytes", $"{file.Length}");
            byte[] bytes = new byte[file.Length];
            file.Position = 0;
            file.ReadExactly(bytes);
            return SharedNetwork.ToCheckpoint(CodedFile.Decode(bytes, path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Checkpoint.Load(path); // says what is wrong with it
        }
    }
}
