using System.Buffers.Binary;
using System.IO.Compression;

namespace Model;

/// <summary>
/// A file's content, whether it lies there plain or as gzip (RFC 1952); the first two bytes tell, not the name.
/// </summary>
public sealed class Unpacked : IDisposable
{
    /// <summary>Deflate yields at most 258 bytes for 2 bits and a block's header, so no honest file claims more than this.</summary>
    private const int MaxRatio = 1032;

    private const int SmallestGzip = 18;

    private readonly FileStream file;

    /// <summary>Opens the file and reads how long its content claims to be, without unpacking or allocating it.</summary>
    /// <exception cref="InvalidDataException">A gzip that cannot be one; reading on throws the same where it is damaged.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read; likewise UnauthorizedAccessException.</exception>
    public Unpacked(string path)
    {
        file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        try
        {
            bool packed = file.Length >= 2 && file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            Length = packed ? ReadUnpackedLength() : file.Length;
            file.Position = 0;
            Content = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public Stream Content { get; }

    /// <summary>
    /// Bytes of the content: the file's own size, or what the last four bytes of the gzip claim. .NET's reader checks each member's
    /// CRC but takes a missing end for the end and ignores bytes behind it; comparing this length with the content's finds both. It is
    /// the whole length only for a gzip of one member, as the tools write it.
    /// </summary>
    public long Length { get; }

    public void Dispose()
    {
        if (Content != file)
            Content.Dispose();
        file.Dispose();
    }

    private long ReadUnpackedLength()
    {
        if (file.Length < SmallestGzip)
            throw new InvalidDataException($"{file.Length} bytes are too few");
        Span<byte> last = stackalloc byte[4];
        file.Position = file.Length - last.Length;
        file.ReadExactly(last);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(last);
        if (length > file.Length * MaxRatio)
            throw new InvalidDataException($"its end claims {length} bytes, more than {file.Length} packed bytes can hold");
        return length;
    }
}
