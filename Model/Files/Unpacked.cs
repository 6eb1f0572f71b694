namespace Secateurs.Model;

/// <summary>
/// A file's content, whether it lies there plain or as gzip; the first two bytes tell, not the name. Only a regular file or a link to one
/// is opened: a pipe or a device might never end, or never begin.
/// </summary>
public sealed class Unpacked : IDisposable
{
    /// <summary>Deflate yields at most 258 bytes for 2 bits and a block's header, so no honest file unpacks to more than this.</summary>
    private const int MaxRatio = 1032;

    private readonly FileStream _file;

    /// <summary>Opens the file without unpacking or allocating its content.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">Bytes of content that are wanted at most; a gzip that is longer than any of that is not read.</param>
    /// <param name="cancellation">Ends the unpacking.</param>
    /// <exception cref="InvalidDataException">A gzip that is too long; reading on throws it where one is damaged or cut off.</exception>
    /// <exception cref="IOException">Missing, unreadable or no regular file; likewise UnauthorizedAccessException.</exception>
    public Unpacked(string path, long most, CancellationToken cancellation = default)
    {
        _file = Open(path);
        try
        {
            bool packed = _file.ReadByte() == 0x1F && _file.ReadByte() == 0x8B;
            _file.Position = 0;
            if (packed && _file.Length > GzipMembers.MostPacked(most))
                throw new InvalidDataException($"{_file.Length} bytes, too long for {most} of content");
            Length = packed ? null : _file.Length;
            MostLength = packed ? _file.Length * MaxRatio : _file.Length;
            Content = packed ? new GzipMembers(_file, cancellation) : _file;
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public Stream Content { get; }

    /// <summary>Bytes of the content, or null for a gzip, where only reading tells.</summary>
    public long? Length { get; }

    /// <summary>Bytes that the content cannot exceed.</summary>
    public long MostLength { get; }

    public void Dispose()
    {
        Content.Dispose();
        _file.Dispose();
    }

    /// <summary>Pipes and devices have no length, so they are known without opening them, which might wait for ever.</summary>
    private static FileStream Open(string path)
    {
        if (Directory.Exists(path))
            throw new IOException("a folder");
        if (!File.Exists(path))
            throw new FileNotFoundException("no file");
        var file = new FileInfo(path);
        file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        if (!file.Exists)
            throw new FileNotFoundException("a link to no file");
        if (file.Length == 0)
            throw new IOException("an empty file, a pipe or a device");
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        if (stream.CanSeek)
            return stream;
        stream.Dispose();
        throw new IOException("a pipe or a device");
    }
}
