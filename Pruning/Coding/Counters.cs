using System.Numerics;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// A table of adaptive probabilities, one for each context.
///
/// Formula: after the n-th bit b seen in a context, p += (b - p) / (n + 0.5); from n = 1000 on the step stays. The first bit
/// moves p from 1/2 two thirds of the way, the second two fifths of the rest: near (ones + 0.4) / (n + 0.8), the estimator of Krichevsky
/// and Trofimov (IEEE Trans. IT 27, 1981) that learns fastest where a context sees few bits.
/// Layout: 22 bits of probability above 10 bits of count; integers only, so every machine gets the same bits.
/// </summary>
internal sealed class Counters
{
    private const int Limit = 1000, One = (1 << 22) - 1;
    private static readonly int[] Step = [.. Enumerable.Range(0, Limit + 1).Select(n => 65536 * 2 / (2 * n + 3))];

    private readonly uint[] _table;

    public Counters(int count)
    {
        _table = new uint[count];
        Array.Fill(_table, 1u << 31);
    }

    public Counters(Counters source) => _table = [.. source._table];

    /// <summary>A copy of these, or so many new ones.</summary>
    public static Counters Of(Counters? source, int count) => source is null ? new(count) : new(source);

    /// <summary>Probability of a 1, in 1/4096: what <see cref="Mixer"/> stretches.</summary>
    public int Probability12(int slot) => (int)(_table[slot] >> 20);

    public void Update(int slot, int bit)
    {
        uint entry = _table[slot];
        int count = (int)(entry & 1023), p = (int)(entry >> 10);
        p += (int)((long)((bit != 0 ? One : 0) - p) * Step[count] >> 16);
        _table[slot] = (uint)p << 10 | (uint)Math.Min(count + 1, Limit);
    }

    /// <summary>Codes a bit with this one opinion.</summary>
    public int Code(BitCoder coder, int bit, int slot)
    {
        bit = coder.Code(bit, Math.Clamp((int)(_table[slot] >> 16), 32, 65536 - 32));
        Update(slot, bit);
        return bit;
    }

    /// <summary>Codes the lowest so many bits of a value down a binary tree, which takes 2^bits slots.</summary>
    /// <param name="largest">what the value is at most: a bit that could only be 0 is not coded</param>
    public int CodeTree(BitCoder coder, int value, int bits, int slot, int largest = int.MaxValue)
    {
        int node = 1, result = 0;
        for (int i = bits - 1; i >= 0; i--)
        {
            int bit = (result | 1 << i) <= largest ? Code(coder, value >> i & 1, slot + node) : 0;
            result |= bit << i;
            node = node << 1 | bit;
        }
        return result;
    }

    /// <summary>
    /// Codes a value of 0 to 2^31 - 2 (Elias gamma with a learnt length): the bit length of value + 1 down a tree of 32 slots, the bits
    /// below the highest as they are. What a damaged file says beyond that is cut to 31 bits.
    /// </summary>
    public int CodeNumber(BitCoder coder, int value, int slot)
    {
        int length = CodeTree(coder, BitOperations.Log2((uint)value + 1), 5, slot);
        uint highest = 1u << length;
        return (int)((highest | (uint)coder.Raw((int)(value + 1u & highest - 1), length)) - 1 & int.MaxValue);
    }
}
