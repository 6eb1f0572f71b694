namespace Secateurs.Pruning.Coding;

/// <summary>
/// Weights and positions as in Deep Compression: entries of <see cref="RelativeIndex"/>, their distances and their weight indices
/// each in a canonical Huffman code. A distance has the width, of 1 to 12 bits, that makes the layer shortest, tables included.
/// </summary>
internal static class HuffmanLayer
{
    private const int MaxGapBits = 12;

    /// <summary>Codes a layer's indices, in place when decoding.</summary>
    /// <returns>Bits spent on positions; the rest went to weight indices.</returns>
    public static double Code(BitCoder coder, int[] indices, int codebook, string nameForErrors)
    {
        double start = coder.Bits, weightBits = 0;
        var plans = Enumerable.Range(1, MaxGapBits).Select(bits => new Plan(indices, codebook, bits));
        var plan = coder.Decoding ? default : plans.MinBy(p => p.Cost());
        int gapBits = coder.Raw(plan.GapBits, 4);
        if (gapBits is 0 or > MaxGapBits)
            throw CodedFile.Bad(nameForErrors, $"distances of 1 to {MaxGapBits} bits", $"{gapBits}");
        int count = coder.Raw(plan.Count, HuffmanCode.Width(indices.Length));
        var gapCode = HuffmanCode.CodeTable(coder, plan.GapCode, 1 << gapBits, nameForErrors);
        double before = coder.Bits;
        var weightCode = HuffmanCode.CodeTable(coder, plan.WeightCode, codebook + 1, nameForErrors);
        weightBits += coder.Bits - before;

        using var entries = RelativeIndex.Entries(coder.Decoding ? [] : indices, gapBits).GetEnumerator();
        for (int i = 0, position = -1; i < count; i++)
        {
            entries.MoveNext();
            position += gapCode.Code(coder, entries.Current.Gap - 1) + 1;
            before = coder.Bits;
            int index = weightCode.Code(coder, entries.Current.Index);
            weightBits += coder.Bits - before;
            if (position >= indices.Length)
                throw CodedFile.Bad(nameForErrors, $"weights within a layer of {indices.Length}", "one behind its end");
            indices[position] = index;
        }
        return coder.Bits - start - weightBits;
    }

    /// <summary>One way to write a layer.</summary>
    private readonly struct Plan
    {
        private readonly long[] _gaps, _weights;

        public Plan(int[] indices, int codebook, int gapBits)
        {
            GapBits = gapBits;
            (_gaps, _weights) = RelativeIndex.Frequencies(indices, codebook, gapBits);
            GapCode = HuffmanCode.Build(_gaps);
            WeightCode = HuffmanCode.Build(_weights);
            Count = (int)_gaps.Sum();
        }

        public int GapBits { get; }
        public int Count { get; }
        public HuffmanCode GapCode { get; }
        public HuffmanCode WeightCode { get; }

        public double Cost()
        {
            var tables = new BitEncoder();
            HuffmanCode.CodeTable(tables, GapCode, _gaps.Length, "");
            HuffmanCode.CodeTable(tables, WeightCode, _weights.Length, "");
            return tables.Bits + GapCode.Cost(_gaps) + WeightCode.Cost(_weights);
        }
    }
}
