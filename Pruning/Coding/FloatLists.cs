using System.Numerics;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// Codebooks and biases, bit for bit.
///
/// A float is sign, exponent and mantissa; the list says once how many low mantissa bits are zero in all its values, so values rounded
/// to fewer bits (bfloat16, half) cost fewer. An ascending list is two runs of growing magnitude, each coded as a first value and
/// differences, which saves about log2(n!) bits for n values. Biases: which are not +0 (a dead neuron's bias is, so the row's
/// liveness is the context), then their values, or a codebook of the distinct values and an index each, whichever is shorter.
/// </summary>
internal sealed class FloatLists(BitCoder coder, string nameForErrors)
{
    private const int SignBit = int.MinValue, MantissaBits = 23, MaxMagnitude = 0x7F7FFFFF;

    private readonly Counters _numbers = new(3 * 32);
    private readonly Counters _exponents = new(256);
    private readonly Counters _signs = new(3);
    private readonly Counters _live = new(4);

    /// <summary>Codes a list; the argument counts only when encoding.</summary>
    public float[] Codebook(float[] values)
    {
        int[] bits = Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
        return Array.ConvertAll(List(bits), BitConverter.Int32BitsToSingle);
    }

    /// <summary>Codes a layer's biases; <paramref name="rowLive"/> is known to both sides.</summary>
    public float[] Biases(float[] biases, bool[] rowLive)
    {
        int[] bits = coder.Decoding ? new int[rowLive.Length] : Array.ConvertAll(biases, BitConverter.SingleToInt32Bits);
        var live = new List<int>();
        int before = 0;
        for (int k = 0; k < bits.Length; k++)
        {
            before = _live.Code(coder, bits[k] != 0 ? 1 : 0, (rowLive[k] ? 2 : 0) + before);
            if (before != 0)
                live.Add(k);
        }
        if (live.Count == 0)
            return new float[rowLive.Length];

        int[] values = [.. live.Select(k => bits[k])];
        int[] shared = [.. values.Distinct().OrderBy(Order)];
        int width = MantissaBits + 4 - CommonZeros(values);
        int sharedCost = (shared.Length + 1) * width + live.Count * BitOperations.Log2((uint)shared.Length);
        if (_signs.Code(coder, shared.Length <= 256 && sharedCost < live.Count * width ? 1 : 0, 0) != 0)
        {
            shared = List(shared);
            if (shared.Length is 0 or > 256)
                throw CodedFile.Bad(nameForErrors, "1 to 256 shared biases", $"{shared.Length}");
            int levels = BitOperations.Log2((uint)shared.Length * 2 - 1);
            var indices = new Counters(1 << levels);
            for (int i = 0; i < values.Length; i++)
            {
                int index = indices.CodeTree(coder, coder.Decoding ? 0 : Array.IndexOf(shared, values[i]), levels, 0);
                if (index >= shared.Length)
                    throw CodedFile.Bad(nameForErrors, $"a bias index below {shared.Length}", $"{index}");
                values[i] = shared[index];
            }
        }
        else
        {
            int zeros = Zeros(values);
            for (int i = 0; i < values.Length; i++)
                values[i] = Signed(values[i], zeros, 1);
        }
        for (int i = 0; i < values.Length; i++)
            bits[live[i]] = values[i];
        return Array.ConvertAll(bits, BitConverter.Int32BitsToSingle);
    }

    private int[] List(int[] bits)
    {
        int count = _numbers.CodeNumber(coder, bits.Length, 0);
        if (count > CodedNetwork.MaxCodebook)
            throw CodedFile.Bad(nameForErrors, $"at most {CodedNetwork.MaxCodebook} shared values", $"{count}");
        if (coder.Decoding)
            bits = new int[count];
        if (count == 0)
            return bits;
        int zeros = Zeros(bits);
        bool ascending = bits.Zip(bits.Skip(1)).All(p => Order(p.First) <= Order(p.Second));
        if (_signs.Code(coder, ascending ? 1 : 0, 2) == 0)
            return Array.ConvertAll(bits, b => Signed(b, zeros, 1));

        int negatives = _numbers.CodeNumber(coder, bits.Count(b => b < 0), 32);
        if (negatives > count)
            throw CodedFile.Bad(nameForErrors, $"at most {count} negative values", $"{negatives}");
        for (int i = negatives - 1; i >= 0; i--)
            bits[i] = SignBit | Next(i == negatives - 1, i + 1, bits[i]);
        for (int i = negatives; i < count; i++)
            bits[i] = Next(i == negatives, i - 1, bits[i]);
        return bits;

        int Next(bool first, int neighbour, int value)
        {
            value &= ~SignBit;
            if (first)
                return Magnitude(value, zeros);
            int previous = bits[neighbour] & ~SignBit;
            long next = previous + ((long)_numbers.CodeNumber(coder, value - previous >> zeros, 64) << zeros);
            return next <= MaxMagnitude ? (int)next : throw CodedFile.Bad(nameForErrors, "finite shared values", "one that is not");
        }
    }

    private int Signed(int bits, int zeros, int signSlot)
    {
        int sign = _signs.Code(coder, bits < 0 ? 1 : 0, signSlot) != 0 ? SignBit : 0;
        return sign | Magnitude(bits & ~SignBit, zeros);
    }

    private int Magnitude(int bits, int zeros)
    {
        int exponent = _exponents.CodeTree(coder, bits >> MantissaBits, 8, 0);
        if (exponent == 255)
            throw CodedFile.Bad(nameForErrors, "finite values", "infinity or NaN");
        return exponent << MantissaBits | coder.Raw((bits & (1 << MantissaBits) - 1) >> zeros, MantissaBits - zeros) << zeros;
    }

    private int Zeros(int[] bits)
    {
        int zeros = coder.Raw(CommonZeros(bits), 5);
        return zeros <= MantissaBits
            ? zeros
            : throw CodedFile.Bad(nameForErrors, $"at most {MantissaBits} zero bits in a mantissa", $"{zeros}");
    }

    private static int CommonZeros(int[] bits) =>
        Math.Min(MantissaBits, BitOperations.TrailingZeroCount(bits.Aggregate(0, (a, b) => a | b)));

    /// <summary>Orders floats by value from their bits, -0 before +0.</summary>
    internal static int Order(int bits) => bits >= 0 ? bits : ~(bits & ~SignBit);
}
