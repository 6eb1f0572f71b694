namespace Secateurs.Pruning.Coding;

/// <summary>
/// Accounting (1), the one of Deep Compression's tables 2 and 3: of each stored entry (live weight or filler, see
/// <see cref="RelativeIndex"/>) a distance and a weight index, and the codebook in fp32; no biases, no Huffman tables, no header.
///
/// Formula: before Huffman, entries x (gap bits + ceil(log2(codes))) + 32 x codebook, where codes = codebook entries, and one more for zero
/// if there are fillers; after it, the code lengths of the best Huffman codes of distances and of indices instead. Source: Han, Mao and
/// Dally 2016 (arXiv 1510.00149). Its section 2 names 8-bit gaps for convolutions and 5-bit gaps for fully connected layers, but its tables
/// for LeNet count 5 bits for both: 5 is the default here.
/// </summary>
/// <param name="Entries">live weights and fillers</param>
/// <param name="WeightBits">of one weight index before Huffman</param>
/// <param name="GapBits">of one distance before Huffman</param>
/// <param name="CodedWeightBits">of one weight index after Huffman, the mean over the entries</param>
/// <param name="CodedGapBits">of one distance after Huffman, the mean over the entries</param>
public sealed record HanAccounting(
    string Name, int Weights, int Live, int Entries, int Shared, int WeightBits, int GapBits, double CodedWeightBits, double CodedGapBits)
{
    /// <summary>Bits of the layer after pruning and quantisation (P+Q in the paper).</summary>
    public double Bits => 32.0 * Shared + (double)Entries * (WeightBits + GapBits);

    /// <summary>Bits of the layer after Huffman coding too (P+Q+H).</summary>
    public double CodedBits => 32.0 * Shared + Entries * (CodedWeightBits + CodedGapBits);

    /// <summary>Counts a layer.</summary>
    public static HanAccounting Of(SharedLayer layer, int gapBits = 5)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentOutOfRangeException.ThrowIfNotEqual(gapBits, Math.Clamp(gapBits, 1, 16));
        var (gaps, weights) = RelativeIndex.Frequencies(layer.Indices, layer.Codebook.Length, gapBits);
        int entries = (int)gaps.Sum(), codes = layer.Codebook.Length + (weights[0] > 0 ? 1 : 0);
        double PerEntry(long[] frequencies) => entries == 0 ? 0 : HuffmanCode.Build(frequencies).Cost(frequencies) / (double)entries;
        return new HanAccounting(layer.Name, layer.Indices.Length, layer.Live, entries, layer.Codebook.Length,
            HuffmanCode.Width(Math.Max(codes - 1, 0)), gapBits, PerEntry(weights), PerEntry(gaps));
    }
}
