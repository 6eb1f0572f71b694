namespace Secateurs.Model;

/// <summary>
/// A model's file as a stream that knows its length, whatever its kind: of a pipe, a device or what else does not know it, the content
/// is read into memory first; only the beginning of what cannot be a model.
/// </summary>
public static class InputFile
{
    /// <summary>Bytes that are read of any file, in memory or not: more than the largest network takes in any of its formats.</summary>
    public const int MostBytes = 1 << 28;

    /// <summary>Opens a file.</summary>
    /// <param name="path">What the user named.</param>
    /// <param name="what">What is expected there, for the message.</param>
    /// <exception cref="UserException">BadFile: missing, unreadable, no file or larger than <see cref="MostBytes"/>. Usage: an empty
    /// path.</exception>
    public static Stream Open(string path, string what)
    {
        if (string.IsNullOrEmpty(path))
            throw new UserException(ErrorKind.Usage, $"expected the path of {what}, found an empty one");
        if (Directory.Exists(path))
            throw BadModel.Of(path, what, "a folder");
        try
        {
            var file = File.OpenRead(path);
            // Devices and files that the system makes up while they are read have a length of 0 and content.
            if (file.CanSeek && file.Length > 0)
                return file.Length <= MostBytes ? file : throw TooLong(file, path, what);
            using (file)
                return InMemory(file, path, what);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw BadModel.Of(path, what, error.Message, error);
        }
    }

    private static MemoryStream InMemory(FileStream file, string path, string what)
    {
        var content = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        for (int n; (n = file.Read(buffer)) > 0;)
        {
            content.Write(buffer, 0, n);
            // A device may not end. The beginning is enough for whoever refuses what is no model.
            if (!MayBeModel(content.GetBuffer().AsSpan(0, (int)content.Length)))
                break;
            if (content.Length > MostBytes)
                throw TooLong(content, path, what);
        }
        content.Position = 0;
        return content;
    }

    /// <summary>
    /// Whether it begins as a coded network, as an ONNX model or, behind the length of the header, as a safetensors file.
    /// </summary>
    private static bool MayBeModel(ReadOnlySpan<byte> content) =>
        content.Length < ForeignFile.StartLength || content.StartsWith("DCN"u8) || content[8] == '{' || ForeignFile.IsOnnx(content);

    private static UserException TooLong(Stream content, string path, string what)
    {
        using (content)
            return BadModel.Of(path, $"{what} of at most {MostBytes} bytes", content is FileStream file ? $"{file.Length}" : "more");
    }
}
