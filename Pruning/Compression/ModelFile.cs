using Secateurs.Model;

namespace Secateurs.Pruning.Compression;

/// <summary>
/// A network as its user names it: a checkpoint (.safetensors) or a coded network (.dcn), told apart by how they begin, or the folder of
/// the run that wrote one.
/// </summary>
public static class ModelFile
{
    /// <summary>What a run calls its network, and its coded one.</summary>
    public const string Name = "model.safetensors", CodedName = "model.dcn";

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="UserException">BadFile: missing, damaged, foreign; one line with the reason.</exception>
    public static Checkpoint Load(string path)
    {
        using var content = InputFile.Open(path, "a model file");
        try
        {
            Span<byte> start = stackalloc byte[3];
            bool coded = content.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
                && start.SequenceEqual("DCN"u8);
            content.Position = 0;
            if (!coded)
                return Checkpoint.Read(path, content);
            byte[] bytes = new byte[content.Length];
            content.ReadExactly(bytes);
            return SharedNetwork.Decode(bytes, path);
        }
        catch (IOException error)
        {
            throw BadModel.Of(path, "a readable model file", error.Message, error);
        }
    }

    /// <summary>The file that a path means: of a run's folder its model.safetensors, or model.dcn where only that is there.</summary>
    /// <exception cref="UserException">BadFile: a folder that has neither.</exception>
    public static string Find(string path)
    {
        if (!Directory.Exists(path))
            return path;
        string[] names = [Name, CodedName];
        return names.Select(n => Path.Combine(path, n)).FirstOrDefault(File.Exists)
            ?? throw BadModel.Of(path, $"a model file, or a run's folder with {string.Join(" or ", names)}", "a folder without");
    }
}
