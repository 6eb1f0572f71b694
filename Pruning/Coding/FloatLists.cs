using System.Numerics;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// Codebooks and biases, bit for bit.
///
/// A float is sign, exponent and mantissa; the list says once how many low mantissa bits are zero in all its values, so values rounded
/// to fewer bits (bfloat16, half) cost fewer. An ascending list is two runs of growing magnitude, each coded as a first value and
/// differences, which saves about log2(n!) bits for n values. Biases: which are not +0 (a dead neuron's bias is, so the row's
/// liveness is the context), then their values, or a codebook of the distinct values and an index each, whichever is shorter.
///
/// Codebooks and biases each have a model, which has read some typical ones beforehand. In versions 1 and 2 they have one model, which has
/// read nothing, zero bits are not modelled, and a bias index has its bits where no index is that large, too.
/// </summary>
internal sealed class FloatLists
{
    private const int SignBit = int.MinValue, MantissaBits = 23, MaxMagnitude = 0x7F7FFFFF;

    private static readonly FloatLists Primed = Prime();

    private readonly BitCoder _coder;
    private readonly string _nameForErrors;
    private readonly bool _isBefore3;
    private readonly ListModel _codebooks, _biases;

    public FloatLists(BitCoder coder, int version, string nameForErrors)
    {
        (_coder, _nameForErrors, _isBefore3) = (coder, nameForErrors, version < 3);
        _codebooks = new ListModel(_isBefore3 ? null : Primed._codebooks);
        _biases = _isBefore3 ? _codebooks : new ListModel(Primed._biases);
    }

    /// <summary>One that has read nothing yet.</summary>
    private FloatLists(BitCoder coder) =>
        (_coder, _nameForErrors, _codebooks, _biases) = (coder, "", new ListModel(null), new ListModel(null));

    /// <summary>What is known of a kind of lists.</summary>
    private sealed class ListModel(ListModel? source)
    {
        public Counters Numbers { get; } = Counters.Of(source?.Numbers, 3 * 32);
        public Counters Exponents { get; } = Counters.Of(source?.Exponents, 256);
        public Counters Signs { get; } = Counters.Of(source?.Signs, 3);
        public Counters Live { get; } = Counters.Of(source?.Live, 4);
        public Counters Zeros { get; } = Counters.Of(source?.Zeros, 32);
    }

    /// <summary>Codes a list; the argument counts only when encoding.</summary>
    public float[] Codebook(float[] values)
    {
        int[] bits = Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
        return Array.ConvertAll(List(_codebooks, bits), BitConverter.Int32BitsToSingle);
    }

    /// <summary>Codes a layer's biases; <paramref name="rowLive"/> is known to both sides.</summary>
    public float[] Biases(float[] biases, bool[] rowLive)
    {
        int[] bits = _coder.Decoding ? new int[rowLive.Length] : Array.ConvertAll(biases, BitConverter.SingleToInt32Bits);
        var live = new List<int>();
        int before = 0;
        for (int k = 0; k < bits.Length; k++)
        {
            before = _biases.Live.Code(_coder, bits[k] != 0 ? 1 : 0, (rowLive[k] ? 2 : 0) + before);
            if (before != 0)
                live.Add(k);
        }
        if (live.Count == 0)
            return new float[rowLive.Length];

        int[] values = [.. live.Select(k => bits[k])];
        int[] shared = [.. values.Distinct().OrderBy(Order)];
        int width = MantissaBits + 4 - CommonZeros(values);
        int sharedCost = (shared.Length + 1) * width + live.Count * BitOperations.Log2((uint)shared.Length);
        if (_biases.Signs.Code(_coder, shared.Length <= 256 && sharedCost < live.Count * width ? 1 : 0, 0) != 0)
        {
            shared = List(_biases, shared);
            if (shared.Length is 0 or > 256)
                throw CodedFile.Bad(_nameForErrors, "1 to 256 shared biases", $"{shared.Length}");
            int levels = BitOperations.Log2((uint)shared.Length * 2 - 1), largest = _isBefore3 ? int.MaxValue : shared.Length - 1;
            var indices = new Counters(1 << levels);
            for (int i = 0; i < values.Length; i++)
            {
                int index = indices.CodeTree(_coder, _coder.Decoding ? 0 : Array.IndexOf(shared, values[i]), levels, 0, largest);
                if (index >= shared.Length)
                    throw CodedFile.Bad(_nameForErrors, $"a bias index below {shared.Length}", $"{index}");
                values[i] = shared[index];
            }
        }
        else
        {
            int zeros = Zeros(_biases, values);
            for (int i = 0; i < values.Length; i++)
                values[i] = Signed(_biases, values[i], zeros, 1);
        }
        for (int i = 0; i < values.Length; i++)
            bits[live[i]] = values[i];
        return Array.ConvertAll(bits, BitConverter.Int32BitsToSingle);
    }

    private int[] List(ListModel model, int[] bits)
    {
        int count = model.Numbers.CodeNumber(_coder, bits.Length, 0);
        if (count > CodedNetwork.MaxCodebook)
            throw CodedFile.Bad(_nameForErrors, $"at most {CodedNetwork.MaxCodebook} shared values", $"{count}");
        if (_coder.Decoding)
            bits = new int[count];
        if (count == 0)
            return bits;
        int zeros = Zeros(model, bits);
        bool ascending = bits.Zip(bits.Skip(1)).All(p => Order(p.First) <= Order(p.Second));
        if (model.Signs.Code(_coder, ascending ? 1 : 0, 2) == 0)
            return Array.ConvertAll(bits, b => Signed(model, b, zeros, 1));

        int negatives = model.Numbers.CodeNumber(_coder, bits.Count(b => b < 0), 32);
        if (negatives > count)
            throw CodedFile.Bad(_nameForErrors, $"at most {count} negative values", $"{negatives}");
        for (int i = negatives - 1; i >= 0; i--)
            bits[i] = SignBit | Next(i == negatives - 1, i + 1, bits[i]);
        for (int i = negatives; i < count; i++)
            bits[i] = Next(i == negatives, i - 1, bits[i]);
        return bits;

        int Next(bool first, int neighbour, int value)
        {
            value &= ~SignBit;
            if (first)
                return Magnitude(model, value, zeros);
            int previous = bits[neighbour] & ~SignBit;
            long next = previous + ((long)model.Numbers.CodeNumber(_coder, value - previous >> zeros, 64) << zeros);
            return next <= MaxMagnitude ? (int)next : throw CodedFile.Bad(_nameForErrors, "finite shared values", "one that is not");
        }
    }

    private int Signed(ListModel model, int bits, int zeros, int signSlot)
    {
        int sign = model.Signs.Code(_coder, bits < 0 ? 1 : 0, signSlot) != 0 ? SignBit : 0;
        return sign | Magnitude(model, bits & ~SignBit, zeros);
    }

    private int Magnitude(ListModel model, int bits, int zeros)
    {
        int exponent = model.Exponents.CodeTree(_coder, bits >> MantissaBits, 8, 0);
        if (exponent == 255)
            throw CodedFile.Bad(_nameForErrors, "finite values", "infinity or NaN");
        int mantissa = _coder.Raw((bits & (1 << MantissaBits) - 1) >> zeros, MantissaBits - zeros) << zeros;
        return exponent << MantissaBits | mantissa;
    }

    private int Zeros(ListModel model, int[] bits)
    {
        int common = CommonZeros(bits);
        int zeros = _isBefore3 ? _coder.Raw(common, 5) : model.Zeros.CodeTree(_coder, common, 5, 0);
        return zeros <= MantissaBits
            ? zeros
            : throw CodedFile.Bad(_nameForErrors, $"at most {MantissaBits} zero bits in a mantissa", $"{zeros}");
    }

    private static int CommonZeros(int[] bits) =>
        Math.Min(MantissaBits, BitOperations.TrailingZeroCount(bits.Aggregate(0, (a, b) => a | b)));

    /// <summary>Orders floats by value from their bits, -0 before +0.</summary>
    internal static int Order(int bits) => bits >= 0 ? bits : ~(bits & ~SignBit);

    /// <summary>
    /// Reads what pruned networks have: a few values of either sign between 0.17 and 0.7, as many different biases around 0, mantissas of
    /// 3 and 4 bits.
    /// </summary>
    private static FloatLists Prime()
    {
        var lists = new FloatLists(new BitEncoder());
        foreach (var (count, mantissa) in ((int, int)[])[(5, 3), (7, 4)])
        {
            lists.Codebook([.. Enumerable.Range(0, count).Select(Shared)]);
            float[] biases = [.. Enumerable.Range(0, 4 * count).Select(i => Rounded((i % count - count / 2) * 0.7f / count + 0.01f))];
            lists.Biases(biases, [.. biases.Select(_ => true)]);

            float Shared(int i) => Rounded((i < count / 2 ? -1 : 1) * (0.17f + Math.Abs(i - count / 2) / (float)count));
            float Rounded(float value) =>
                BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) & -(1 << MantissaBits - mantissa));
        }
        return lists;
    }
}
