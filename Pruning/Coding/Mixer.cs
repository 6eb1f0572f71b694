namespace Secateurs.Pruning.Coding;

/// <summary>
/// The probability of a bit from several opinions, mixed in the logistic domain.
///
/// Formula: p = squash((u.x + v.x) / 2), x_i = stretch(p_i) = ln(p_i / (1 - p_i)), squash(x) = 1 / (1 + exp(-x)); u and v are two weight
/// vectors, each picked by a small context of its own. After the bit b, u += rate (b - squash(u.x)) x, and likewise v: the gradient
/// of the coding cost. An opinion is a counter of <see cref="Counters"/> in its context, or an estimate from counts.
/// Source: Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression, 2005 (paq7, lpaq).
/// Units: x has 8 fractional bits and stays within +-2047 (p within 0.0003 of 0 and 1: a file's bytes bound the bits it can yield);
/// p and weights have 16. Integers only, so every machine decodes the same bits.
/// </summary>
internal sealed class Mixer
{
    private const int MaxX = 2047;
    private static readonly int[] SquashTable = new int[2 * MaxX + 1];
    private static readonly int[] StretchTable = new int[4096];

    private readonly int[] _weights;
    private readonly int[] _x;
    private readonly (Counters? Counters, int Slot)[] _sources;
    private readonly int _rate;
    private int _count;

    static Mixer()
    {
        // exp(-x / 256) by repeated products: IEEE products are the same everywhere, a library's exp need not be.
        double e = 1;
        for (int x = 0; x <= MaxX; x++, e *= 0.99610136947011749)
        {
            SquashTable[MaxX + x] = (int)(65536 / (1 + e));
            SquashTable[MaxX - x] = 65536 - SquashTable[MaxX + x];
        }
        for (int i = 0, x = -MaxX; i < StretchTable.Length; i++)
        {
            while (x < MaxX && SquashTable[MaxX + x] < 16 * i + 8)
                x++;
            StretchTable[i] = x;
        }
    }

    /// <param name="opinions">the most that one bit has</param>
    /// <param name="contexts">the number of weight vectors</param>
    /// <param name="weight">of each opinion at the beginning, in 1/65536</param>
    /// <param name="rate">of learning, in 1/65536</param>
    public Mixer(int opinions, int contexts, int weight, int rate) : this([.. Enumerable.Repeat(weight, opinions)], contexts, rate)
    {
    }

    /// <param name="weights">of each opinion at the beginning, in 1/65536</param>
    /// <param name="contexts">the number of weight vectors</param>
    /// <param name="rate">of learning, in 1/65536</param>
    public Mixer(int[] weights, int contexts, int rate)
    {
        _weights = [.. Enumerable.Repeat(weights, contexts).SelectMany(w => w)];
        _x = new int[weights.Length];
        _sources = new (Counters?, int)[weights.Length];
        _rate = rate;
    }

    public Mixer(Mixer source)
    {
        _weights = [.. source._weights];
        _x = new int[source._x.Length];
        _sources = new (Counters?, int)[source._x.Length];
        _rate = source._rate;
    }

    /// <summary>ln(p / (1 - p)) for p = ones / total, kept inside (0, 1); for <see cref="Add(int)"/>.</summary>
    public static int Stretch(long ones, long total) => StretchTable[Math.Clamp(ones * 4096 / total, 0, 4095)];

    /// <summary>Adds an opinion in the logistic domain, in 1/256, or what stands for one.</summary>
    public void Add(int x)
    {
        _x[_count] = Math.Clamp(x, -2 * MaxX, 2 * MaxX);
        _sources[_count++] = default;
    }

    /// <summary>Adds the opinion of a counter, which learns the bit.</summary>
    public void Add(Counters counters, int slot)
    {
        _x[_count] = StretchTable[counters.Probability12(slot)];
        _sources[_count++] = (counters, slot);
    }

    /// <summary>Codes a bit with the opinions added since the last one.</summary>
    public int Code(BitCoder coder, int bit, int context, int otherContext)
    {
        var u = _weights.AsSpan(context * _x.Length, _count);
        var v = _weights.AsSpan(otherContext * _x.Length, _count);
        int ux = Dot(u), vx = Dot(v);
        bit = coder.Code(bit, SquashTable[MaxX + (ux + vx >> 1)]);
        Learn(u, (bit << 16) - SquashTable[MaxX + ux]);
        Learn(v, (bit << 16) - SquashTable[MaxX + vx]);
        for (int i = 0; i < _count; i++)
            _sources[i].Counters?.Update(_sources[i].Slot, bit);
        _count = 0;
        return bit;
    }

    private int Dot(ReadOnlySpan<int> weights)
    {
        long sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += (long)weights[i] * _x[i];
        return (int)Math.Clamp(sum >> 16, -MaxX, MaxX);
    }

    private void Learn(Span<int> weights, int error)
    {
        for (int i = 0; i < weights.Length; i++)
            weights[i] += (int)((long)_x[i] * error * _rate >> 24);
    }
}
