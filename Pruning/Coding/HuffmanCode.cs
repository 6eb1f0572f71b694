using System.Numerics;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// A canonical Huffman code: only the lengths are stored; codes of one length are consecutive numbers in the order of the symbols.
///
/// Formula: Huffman's merging of the two rarest (Proc. IRE 40, 1952); should a code be longer than <see cref="MaxLength"/>, all
/// frequencies are halved and it is built again. An alphabet of which one symbol or none occurs takes no bits.
/// </summary>
internal sealed class HuffmanCode
{
    private const int MaxLength = 24;

    private readonly int[] _lengths;
    private readonly int[] _codes;
    private readonly int[] _sorted;
    private readonly int[] _ofLength = new int[MaxLength + 1];
    private readonly int _single;

    /// <param name="single">what an alphabet without lengths stands for</param>
    private HuffmanCode(int[] lengths, int single)
    {
        _lengths = lengths;
        _single = single;
        _codes = new int[lengths.Length];
        _sorted = [.. Enumerable.Range(0, lengths.Length).Where(s => lengths[s] > 0).OrderBy(s => lengths[s])];
        int code = 0, length = 0;
        foreach (int symbol in _sorted)
        {
            code <<= lengths[symbol] - length;
            length = lengths[symbol];
            _codes[symbol] = code++;
            _ofLength[length]++;
        }
    }

    /// <summary>The best code for symbols that occur so often; of a single symbol the length is 0.</summary>
    public static HuffmanCode Build(long[] frequencies)
    {
        for (int shift = 0; ; shift++)
        {
            int[] lengths = Lengths([.. frequencies.Select(f => f == 0 ? 0 : (f >> shift) + (shift > 0 ? 1 : 0))]);
            if (lengths.DefaultIfEmpty(0).Max() <= MaxLength)
                return new HuffmanCode(lengths, Math.Max(0, Array.FindIndex(frequencies, f => f > 0)));
        }
    }

    /// <summary>Bits of all symbols together, the table not counted.</summary>
    public long Cost(long[] frequencies) => frequencies.Zip(_lengths, (f, l) => f * l).Sum();

    /// <summary>
    /// Codes the table: the longest length in 5 bits, then runs of equal lengths (length, Elias gamma of the run); of an alphabet without
    /// lengths only its symbol.
    /// </summary>
    /// <param name="code">null when decoding</param>
    public static HuffmanCode CodeTable(BitCoder coder, HuffmanCode? code, int symbols, string nameForErrors)
    {
        int longest = coder.Raw(code?._lengths.Max() ?? 0, 5);
        if (longest > MaxLength)
            throw CodedFile.Bad(nameForErrors, $"Huffman codes of at most {MaxLength} bits", $"{longest}");
        if (longest == 0)
        {
            int single = coder.Raw(code?._single ?? 0, Width(symbols - 1));
            if (single >= symbols)
                throw CodedFile.Bad(nameForErrors, $"a symbol below {symbols}", $"{single}");
            return code ?? new HuffmanCode(new int[symbols], single);
        }
        int[] lengths = code?._lengths ?? new int[symbols];
        for (int i = 0; i < symbols;)
        {
            int length = coder.Raw(lengths[i], Width(longest));
            int run = Gamma(coder, coder.Decoding ? 0 : lengths.AsSpan(i).IndexOfAnyExcept(length) is var n and >= 0 ? n : symbols - i);
            if (length > longest || run > symbols - i)
            {
                throw CodedFile.Bad(nameForErrors, $"Huffman codes of at most {longest} bits for {symbols} symbols",
                    $"{run} more of {length} bits at symbol {i}");
            }
            lengths.AsSpan(i, run).Fill(length);
            i += run;
        }
        if (lengths.Sum(l => l == 0 ? 0L : 1L << MaxLength - l) != 1L << MaxLength)
            throw CodedFile.Bad(nameForErrors, "a complete Huffman code", "one with codes too many or too few");
        return code ?? new HuffmanCode(lengths, 0);
    }

    /// <summary>Codes a symbol.</summary>
    public int Code(BitCoder coder, int symbol)
    {
        if (_sorted.Length == 0)
            return _single;
        if (!coder.Decoding)
        {
            coder.Raw(_codes[symbol], _lengths[symbol]);
            return symbol;
        }
        int code = 0, first = 0, index = 0;
        for (int length = 1; ; length++)
        {
            code = code << 1 | coder.Raw(0, 1);
            first <<= 1;
            if (code - first < _ofLength[length])
                return _sorted[index + code - first];
            first += _ofLength[length];
            index += _ofLength[length];
        }
    }

    /// <summary>Bits that hold 0 to <paramref name="largest"/>.</summary>
    public static int Width(int largest) => largest == 0 ? 0 : BitOperations.Log2((uint)largest) + 1;

    /// <summary>A number from 1 on: its bit length less one in unary, then the bits below the highest.</summary>
    private static int Gamma(BitCoder coder, int value)
    {
        int length = 0;
        while (length < 20 && coder.Raw(length < BitOperations.Log2((uint)value) ? 1 : 0, 1) != 0)
            length++;
        return 1 << length | coder.Raw(value & (1 << length) - 1, length);
    }

    private static int[] Lengths(long[] frequencies)
    {
        // Nodes are numbered symbols first, then merged pairs; a parent has a higher number than its children.
        var queue = new PriorityQueue<int, (long, int)>();
        for (int s = 0; s < frequencies.Length; s++)
        {
            if (frequencies[s] > 0)
                queue.Enqueue(s, (frequencies[s], s));
        }
        var parent = new int[2 * frequencies.Length];
        int next = frequencies.Length;
        while (queue.Count > 1)
        {
            queue.TryDequeue(out int a, out var pa);
            queue.TryDequeue(out int b, out var pb);
            parent[a] = parent[b] = next;
            queue.Enqueue(next, (pa.Item1 + pb.Item1, next));
            next++;
        }
        var depth = new int[next];
        for (int node = next - 2; node >= 0; node--)
        {
            if (parent[node] != 0)
                depth[node] = depth[parent[node]] + 1;
        }
        return depth[..frequencies.Length];
    }
}
