using System.Security.Cryptography;
using System.Text;

namespace Secateurs.Model;

/// <summary>
/// Named tensors and texts, read from and written to the safetensors format (Hugging Face, 2022:
/// github.com/huggingface/safetensors), which holds data only and no code. A file written here also carries the SHA-256 of all its
/// content as the metadata "sha256", an ordinary text to other readers, so that a flipped bit in a weight is noticed.
/// </summary>
public sealed class SafeTensors
{
    private const string DigestKey = "sha256";

    private readonly string path;
    private readonly bool hasDigest;

    private SafeTensors(string path, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<SafeTensor> tensors, bool hasDigest) =>
        (this.path, Metadata, Tensors, this.hasDigest) = (path, metadata, tensors, hasDigest);

    /// <summary>The file's name, for messages.</summary>
    public string Path => path;

    /// <summary>The file's texts, without the digest.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<SafeTensor> Tensors { get; }

    /// <summary>Reads a whole file of at most <see cref="InputFile.MostBytes"/>.</summary>
    /// <exception cref="UserException">BadFile: missing, unreadable, foreign or damaged; one line with file, expected and
    /// found.</exception>
    public static SafeTensors Read(string path)
    {
        using var content = InputFile.Open(path, "a safetensors file");
        return Read(path, content);
    }

    /// <summary>Reads a file's content, from where it begins. Memory taken is bounded by its length, whatever the header claims.</summary>
    /// <exception cref="UserException">BadFile, as <see cref="Read(string)"/>.</exception>
    public static SafeTensors Read(string path, Stream content)
    {
        ArgumentNullException.ThrowIfNull(content);
        try
        {
            var header = SafeTensorsHeader.Read(path, content);
            var tensors = new List<SafeTensor>();
            foreach (SafeTensorsEntry entry in header.Entries)
            {
                byte[] data = new byte[entry.End - entry.Begin];
                content.ReadExactly(data);
                tensors.Add(new SafeTensor(entry.Name, entry.Type, entry.Shape, data));
            }

            var metadata = new Dictionary<string, string>(header.Metadata);
            bool hasDigest = metadata.Remove(DigestKey, out string? expected);
            if (hasDigest && Digest(metadata, tensors) is string found && found != expected)
            {
                throw BadModel.Of(path, $"content with SHA-256 {BadModel.Cut(expected!)}",
                    $"{found}: the file was damaged, or altered, after which it is to be saved without its metadata");
            }
            return new SafeTensors(path, metadata, tensors, hasDigest);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw BadModel.Of(path, "a readable safetensors file", error.Message, error);
        }
    }

    /// <summary>For whoever finds that this program wrote the file: then it carries a digest, and one that has none was altered.</summary>
    /// <exception cref="UserException">BadFile: it has none.</exception>
    public void DemandDigest()
    {
        if (!hasDigest)
        {
            throw BadModel.Of(
                path, $"the metadata '{DigestKey}', which this program writes into each file",
                "none: the file was damaged or altered");
        }
    }

    /// <summary>
    /// Writes a file atomically. As in the reference library wide elements go first, so that each tensor is aligned to its element;
    /// tensors of the same width keep their order. No metadata may be named "sha256", no tensor "__metadata__".
    /// </summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public static void Write(
        string path, IReadOnlyList<SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata, bool replace = true)
    {
        if (metadata.ContainsKey(DigestKey))
            throw new ArgumentException($"'{DigestKey}' is reserved", nameof(metadata));
        SafeTensor[] ordered = [.. tensors.OrderByDescending(tensor => SafeTensor.ElementSize(tensor.Type))];
        var entries = new List<SafeTensorsEntry>();
        long offset = 0;
        foreach (SafeTensor tensor in ordered)
            entries.Add(new SafeTensorsEntry(tensor.Name, tensor.Type, tensor.Shape, offset, offset += tensor.Data.Length));
        if (entries.DistinctBy(entry => entry.Name).Count() < entries.Count || entries.Any(entry => entry.Name == "__metadata__"))
            throw new ArgumentException("names of tensors must differ, also from '__metadata__'", nameof(tensors));

        var texts = new Dictionary<string, string>(metadata) { [DigestKey] = Digest(metadata, ordered) };
        AtomicFile.Write(path, file =>
        {
            new SafeTensorsHeader(texts, entries).Write(file);
            foreach (SafeTensor tensor in ordered)
                file.Write(tensor.Data);
        }, replace);
    }

    /// <summary>The tensor of this name and exactly this type and shape.</summary>
    /// <exception cref="UserException">BadFile: there is none.</exception>
    public SafeTensor Get(string name, TensorType type, params int[] shape)
    {
        SafeTensor? tensor = Tensors.FirstOrDefault(tensor => tensor.Name == name);
        if (tensor is null || tensor.Type != type || !tensor.Shape.AsSpan().SequenceEqual(shape))
        {
            throw BadModel.Of(path, $"a tensor '{name}' of {type} [{string.Join(", ", shape)}]",
                tensor is null ? "none" : $"{tensor.Type} [{string.Join(", ", tensor.Shape)}]");
        }

        return tensor;
    }

    /// <summary>
    /// SHA-256 in lower-case hex of the texts, sorted by name, and of each tensor's name, type, shape and data in file order.
    /// </summary>
    private static string Digest(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<SafeTensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, string text) in metadata.OrderBy(item => item.Key, StringComparer.Ordinal))
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{text}\0"));
        foreach (SafeTensor tensor in tensors)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{tensor.Name}\0{tensor.Type}\0{string.Join(',', tensor.Shape)}\0"));
            hash.AppendData(tensor.Data);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
