using System.Buffers.Binary;
using System.Text;

namespace Secateurs.Pruning.Export;

/// <summary>
/// One message of Protocol Buffers (Google, 2008: protobuf.dev/programming-guides/encoding), written field by field. A field is its number
/// and wire type as a varint, then the value: a varint, four bytes, or a length and that many bytes.
/// </summary>
internal sealed class ProtobufMessage
{
    private const int Varint = 0, LengthDelimited = 2, FourBytes = 5;

    private readonly List<byte> _bytes = [];

    public ProtobufMessage Number(int field, long value)
    {
        Write((ulong)field << 3 | Varint);
        Write((ulong)value);
        return this;
    }

    public ProtobufMessage Float(int field, float value)
    {
        Write((ulong)field << 3 | FourBytes);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        _bytes.AddRange(bytes);
        return this;
    }

    public ProtobufMessage Bytes(int field, ReadOnlySpan<byte> value)
    {
        Write((ulong)field << 3 | LengthDelimited);
        Write((ulong)value.Length);
        _bytes.AddRange(value);
        return this;
    }

    public ProtobufMessage Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public ProtobufMessage Message(int field, ProtobufMessage value) => Bytes(field, value.ToArray());

    /// <summary>A repeated field: one entry each.</summary>
    public ProtobufMessage Messages(int field, IEnumerable<ProtobufMessage> values)
    {
        foreach (var value in values)
            Message(field, value);
        return this;
    }

    /// <summary>A repeated field of numbers, one entry each; readers take that as well as the packed form.</summary>
    public ProtobufMessage Numbers(int field, params IEnumerable<long> values)
    {
        foreach (long value in values)
            Number(field, value);
        return this;
    }

    public byte[] ToArray() => [.. _bytes];

    /// <summary>Seven bits a byte, lowest first; the high bit says that more follow.</summary>
    private void Write(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes.Add((byte)(value | 0x80));
        _bytes.Add((byte)value);
    }
}
