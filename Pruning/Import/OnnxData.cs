using System.Globalization;

namespace Secateurs.Pruning.Import;

/// <summary>
/// Elements of tensors that lie in a file beside the model (external data, as PyTorch's newer exporter writes it: model.onnx.data). Nothing
/// but a file in the model's own folder is read, and no more than a tensor's elements.
/// </summary>
/// <param name="folder">The model's.</param>
internal sealed class OnnxData(string folder)
{
    /// <summary>Where a tensor's elements lie, by its fields of the number 13: location, offset, length.</summary>
    /// <exception cref="InvalidDataException">No place in a file beside the model.</exception>
    public OnnxPlace Find(string tensor, IEnumerable<(string Key, string Text)> entries)
    {
        string location = "";
        long offset = 0, length = -1;
        foreach (var (key, text) in entries)
        {
            if (key == "location")
                location = text;
            else if (key is "offset" or "length")
            {
                if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
                {
                    throw new InvalidDataException(
                        $"the tensor {OnnxNode.Cut(tensor)} in another file, at the {key} '{OnnxNode.Cut(text)}'");
                }
                (offset, length) = key == "offset" ? (number, length) : (offset, number);
            }
        }
        string name = location.StartsWith("./", StringComparison.Ordinal) ? location[2..] : location;
        if (name is "" or "." or ".." || name.AsSpan().ContainsAny('/', '\\', '\0'))
        {
            throw new InvalidDataException(
                $"the tensor {OnnxNode.Cut(tensor)} in '{OnnxNode.Cut(location)}', which is no file beside it (external data)");
        }
        return new OnnxPlace(tensor, Path.Combine(folder, name), offset, length);
    }
}

/// <summary>Where a tensor's elements lie.</summary>
/// <param name="Tensor">Its name.</param>
/// <param name="Path">Of the file.</param>
/// <param name="Offset">Bytes before them.</param>
/// <param name="Length">Bytes; -1 where nobody says.</param>
internal sealed record OnnxPlace(string Tensor, string Path, long Offset, long Length)
{
    /// <summary>So many bytes.</summary>
    /// <exception cref="InvalidDataException">They are not there.</exception>
    public byte[] Read(int count)
    {
        string what = $"the tensor {OnnxNode.Cut(Tensor)} in {System.IO.Path.GetFileName(Path)} (external data)";
        var file = new FileInfo(Path);
        if (!file.Exists || file.LinkTarget is not null || (file.Attributes & FileAttributes.Device) != 0)
            throw new InvalidDataException($"{what}, which is not beside it: both files belong together");
        if (Offset > file.Length - count)
            throw new InvalidDataException($"{what}, which has {file.Length} bytes, of which it wants {count} from {Offset} on");
        byte[] bytes = new byte[count];
        using var stream = file.OpenRead();
        stream.Position = Offset;
        stream.ReadExactly(bytes);
        return bytes;
    }
}
