using System.Buffers.Binary;
using System.IO.Compression;

namespace Secateurs.Model;

/// <summary>
/// The content of a gzip file (RFC 1952) to its true end: all members, one after the other, as `gzip -dc` gives them, and zeros behind
/// them as tapes have them. .NET's own reader takes a missing end for the end and says nothing of bytes behind it; here each member's
/// checksum and length must stand where it ends, and what follows must be another member, zeros or nothing.
/// </summary>
/// <param name="file">Stands at the first member; the caller disposes of it.</param>
/// <param name="cancellation">Ends the reading, also of members that hold nothing.</param>
internal sealed class GzipMembers(Stream file, CancellationToken cancellation = default) : Stream
{
    private const int TrailerLength = 8;

    /// <summary>.NET's decoder reads so many bytes ahead at most; it is 8 KB today.</summary>
    private const int ReadAhead = 1 << 14;

    private readonly byte[] _last = new byte[ReadAhead + TrailerLength];
    private DeflateStream? _member;
    private long _begin, _total, _members;
    private uint _checksum, _length;
    private bool _ended;

    /// <summary>
    /// What a file of this much content takes at most: deflate adds 5 bytes to 65,535 that cannot be packed, and members of a few hundred
    /// bytes are the smallest in use. Beyond it a file holds nothing but ends and headers, which may take any time to read.
    /// </summary>
    public static long MostPacked(long content) => content + content / 8 + (1 << 20);

    /// <summary>Members in a file of this much content at most: each takes its time, also one of 20 bytes that holds nothing.</summary>
    private static long MostMembers(long content) => content / 512 + (1 << 16);

    /// <exception cref="InvalidDataException">Cut off, damaged, or something else behind the last member.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (!_ended && buffer.Length > 0)
        {
            if (_member is null && !BeginMember())
                break;
            int read = _member!.Read(buffer);
            if (read > 0)
            {
                _checksum = Crc32.Of(buffer[..read], _checksum);
                _length += (uint)read;
                _total += read;
                return read;
            }

            EndMember();
        }

        return 0;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _total;
        set => throw new NotSupportedException();
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _member?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Reads a member's header; false at the end of the file.</summary>
    private bool BeginMember()
    {
        cancellation.ThrowIfCancellationRequested();
        if (_members > MostMembers(_total))
            throw new InvalidDataException($"{_members} members for {_total} of content");
        if (file.Position > MostPacked(_total))
            throw new InvalidDataException($"{file.Position} packed bytes for {_total} of content");
        int first = file.ReadByte();
        for (; first == 0 && _begin > 0; first = file.ReadByte())
            continue;
        _ended = first < 0;
        if (_ended)
            return false;
        if (first != 0x1F || file.ReadByte() != 0x8B)
            throw new InvalidDataException("other bytes behind its end");
        if (Next() != 8)
            throw new InvalidDataException("a method of packing that is not deflate");
        int flags = Next();
        if ((flags & 0xE0) != 0)
            throw new InvalidDataException("a header with unknown flags");
        Skip(6); // time, level, system
        if ((flags & 4) != 0)
            Skip(Next() | Next() << 8); // fields of other programs
        for (int texts = (flags >> 3 & 1) + (flags >> 4 & 1); texts > 0; texts--)
        {
            while (Next() != 0) // name, remark
                continue;
        }

        if ((flags & 2) != 0)
            Skip(2); // the header's own checksum
        (_begin, _checksum, _length) = (file.Position, 0, 0);
        _members++;
        _member = new DeflateStream(file, CompressionMode.Decompress, leaveOpen: true);
        return true;
    }

    /// <summary>
    /// The decoder has read ahead, so the member ends somewhere before: where its checksum and length stand, 64 bits that no other bytes
    /// have by chance. Only an empty member's end, all zeros, may be found a byte early, and the zero that is left counts as padding.
    /// </summary>
    private void EndMember()
    {
        _member!.Dispose();
        _member = null;
        Span<byte> end = stackalloc byte[TrailerLength];
        BinaryPrimitives.WriteUInt32LittleEndian(end, _checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(end[4..], _length);
        long from = Math.Max(_begin, file.Position - ReadAhead);
        file.Position = from;
        int at = _last.AsSpan(0, file.ReadAtLeast(_last, _last.Length, throwOnEndOfStream: false)).IndexOf(end);
        if (at < 0)
            throw new InvalidDataException("no end with its checksum and length");
        file.Position = from + at + TrailerLength;
    }

    private int Next() => file.ReadByte() is >= 0 and var value ? value : throw new InvalidDataException("a header that is cut off");

    private void Skip(int count)
    {
        for (; count > 0; count--)
            Next();
    }
}
