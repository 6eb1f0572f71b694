namespace Secateurs.Pruning.Coding;

/// <summary>
/// One binary decision of an arithmetic code. A model is written once for both directions:
/// <c>bit = coder.Code(bit, probability)</c> writes the bit when encoding, and ignores its argument and returns the
/// bit of the file when decoding.
///
/// Formula: the interval [low, high] is split at low + (high - low) / 65536 * probability; a 1 takes the lower part.
/// Bytes that low and high share are final and leave the interval. 64-bit ends make a carry unnecessary: the loss
/// when they straddle a byte boundary is far below one bit a file.
/// Source: the carry-less binary coder of Mahoney's paq/lpaq, widened from 32 to 64 bits.
/// </summary>
internal abstract class BitCoder
{
    /// <summary>Probabilities have 16 bits; <see cref="Half"/> passes a bit through unmodelled, at exactly one bit.</summary>
    public const int Half = 32768;

    private protected ulong Low;
    private protected ulong High = ulong.MaxValue;

    public abstract bool Decoding { get; }

    /// <summary>The ideal length so far, sum of -log2(probability of each bit): for the size report only.</summary>
    public double Bits { get; private protected set; }

    /// <param name="probability">that the bit is 1, in 1/65536, from 1 to 65535</param>
    public abstract int Code(int bit, int probability);

    /// <summary><paramref name="count"/> bits of <paramref name="value"/>, the highest first, unmodelled.</summary>
    public int Raw(int value, int count)
    {
        int result = 0;
        for (int i = count - 1; i >= 0; i--)
            result = result << 1 | Code(value >> i & 1, Half);
        return result;
    }

    private protected ulong Split(int probability) => Low + (High - Low >> 16) * (uint)probability;
}

internal sealed class BitEncoder : BitCoder
{
    private readonly List<byte> _bytes = [];

    public override bool Decoding => false;

    public override int Code(int bit, int probability)
    {
        Bits -= Math.Log2((bit != 0 ? probability : 65536 - probability) / 65536.0);
        ulong split = Split(probability);
        if (bit != 0)
            High = split;
        else
            Low = split + 1;
        for (; (Low ^ High) >> 56 == 0; Low <<= 8, High = High << 8 | 255)
            _bytes.Add((byte)(High >> 56));
        return bit;
    }

    /// <summary>Ends the stream with the fewest bytes that, followed by zeros, lie in the interval.</summary>
    public byte[] Finish()
    {
        for (int length = 0; length <= 8; length++)
        {
            ulong rest = length == 8 ? 0 : ulong.MaxValue >> 8 * length;
            ulong value = Low + rest & ~rest;
            if (Low > ulong.MaxValue - rest || value > High)
                continue;
            for (int i = 0; i < length; i++)
                _bytes.Add((byte)(value >> 56 - 8 * i));
            break;
        }
        while (_bytes.Count > 0 && _bytes[^1] == 0)
            _bytes.RemoveAt(_bytes.Count - 1);
        return [.. _bytes];
    }
}

/// <summary>Reads what <see cref="BitEncoder"/> wrote; behind the last byte it reads zeros, but no more than that left out.</summary>
internal sealed class BitDecoder : BitCoder
{
    private readonly byte[] _bytes;
    private readonly string _name;
    private int _position;
    private ulong _value;

    public BitDecoder(ReadOnlySpan<byte> bytes, string nameForErrors)
    {
        _bytes = bytes.ToArray();
        _name = nameForErrors;
        for (int i = 0; i < 8; i++)
            _value = _value << 8 | Next();
    }

    public override bool Decoding => true;

    public override int Code(int bit, int probability)
    {
        ulong split = Split(probability);
        int result = _value <= split ? 1 : 0;
        if (result != 0)
            High = split;
        else
            Low = split + 1;
        for (; (Low ^ High) >> 56 == 0; Low <<= 8, High = High << 8 | 255)
        {
            // Eight bytes are read ahead; when all eight are missing, the file has nothing more to say.
            if (_position >= _bytes.Length + 8) throw CodedFile.Bad(_name, "more data", "the end of the file");
            _value = _value << 8 | Next();
        }
        return result;
    }

    /// <summary>All bytes must have been read: what follows the network is not part of it.</summary>
    public void Finish()
    {
        if (_position < _bytes.Length)
            throw CodedFile.Bad(_name, "the end of the file behind the network", $"{_bytes.Length - _position} bytes more");
    }

    private ulong Next()
    {
        int i = _position++;
        return i < _bytes.Length ? _bytes[i] : 0ul;
    }
}
