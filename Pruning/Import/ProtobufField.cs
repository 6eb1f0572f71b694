using System.Buffers.Binary;

namespace Secateurs.Pruning.Import;

/// <summary>
/// A field of a message of Protocol Buffers (protobuf.dev/programming-guides/encoding), read where it lies: nothing is copied, and what a
/// length claims must be there.
/// </summary>
/// <param name="Number">Which field.</param>
/// <param name="Value">Of a varint; else 0.</param>
/// <param name="Bytes">What a length covers, or the four or eight bytes of a fixed number; of a varint none.</param>
/// <param name="IsVarint">Whether it is one.</param>
internal readonly record struct ProtobufField(int Number, ulong Value, ReadOnlyMemory<byte> Bytes, bool IsVarint)
{
    private const int MostVarint = 10, NumberBits = 29;

    /// <summary>The fields of a message, in their order.</summary>
    /// <exception cref="InvalidDataException">While they are read: these bytes are no message.</exception>
    public static IEnumerable<ProtobufField> Of(ReadOnlyMemory<byte> message)
    {
        for (int at = 0; at < message.Length;)
        {
            ulong key = Varint(message.Span, ref at), number = key >> 3;
            if (number is 0 or >= 1ul << NumberBits)
                throw new InvalidDataException($"a field of the number {number}");
            if ((key & 7) == 0)
            {
                yield return new((int)number, Varint(message.Span, ref at), default, true);
                continue;
            }
            ulong length = (key & 7) switch
            {
                1 => sizeof(ulong),
                2 => Varint(message.Span, ref at),
                5 => sizeof(uint),
                var type => throw new InvalidDataException($"a field of the wire type {type}"),
            };
            if (length > (ulong)(message.Length - at))
                throw new InvalidDataException($"a field of {length} bytes where {message.Length - at} are left");
            yield return new((int)number, 0, message.Slice(at, (int)length), false);
            at += (int)length;
        }
    }

    /// <summary>Of a repeated field of numbers: one, or all of its packed form.</summary>
    public IEnumerable<long> Numbers()
    {
        if (IsVarint)
            yield return (long)Value;
        for (int at = 0; at < Bytes.Length;)
            yield return (long)Varint(Bytes.Span, ref at);
    }

    /// <summary>Of a field of the type float.</summary>
    public float Float => Bytes.Length == sizeof(float) ? BinaryPrimitives.ReadSingleLittleEndian(Bytes.Span)
        : throw new InvalidDataException($"a float of {Bytes.Length} bytes");

    private static ulong Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (int i = 0; i < MostVarint && at < bytes.Length; i++)
        {
            byte next = bytes[at++];
            value |= (ulong)(next & 0x7F) << 7 * i;
            if (next < 0x80)
                return value;
        }
        throw new InvalidDataException("a number that does not end");
    }
}
