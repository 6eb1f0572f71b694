namespace Secateurs.Pruning.Coding;

/// <summary>
/// Weights and positions in the adaptive arithmetic code: a layer's live rows, its live columns (<see cref="LiveLines"/>), then where
/// they cross, row by row, whether there is a weight (<see cref="PositionModel"/>) and which (<see cref="ValueModel"/>). Contexts look
/// left, up and at the rows before, never ahead. The mixers' weights go on from layer to layer; counters of weights begin anew.
/// Cf. DeepCABAC (Wiedemann et al., IEEE JSTSP 2020), whose contexts are the two weights before.
/// </summary>
internal sealed class RangeLayers(BitCoder coder, int version, string nameForErrors)
{
    private readonly LiveLines _lines = new();
    private readonly Mixer _positionMixer = PositionModel.NewMixer(version);
    private readonly Mixer _signMixer = ValueModel.NewSignMixer(version), _valueMixer = ValueModel.NewMixer();
    private int[]? _before;

    /// <summary>Codes the next layer's indices, in place when decoding.</summary>
    /// <returns>Bits spent on positions; the rest went to weight indices.</returns>
    public double Code(int[] indices, Geometry g, float[] codebook)
    {
        double start = coder.Bits, valueBits = 0;
        bool[] rowLive = new bool[g.Rows], columnLive = new bool[g.Columns];
        for (int i = 0; i < indices.Length; i++)
        {
            if (indices[i] != 0)
                rowLive[i / g.Columns] = columnLive[i % g.Columns] = true;
        }
        int[] before = _before ?? [];
        bool first = _before == null;
        var rowCounts = _before = new int[g.Rows];
        _lines.Rows(coder, rowLive);
        int lastRow = Array.LastIndexOf(rowLive, true);
        if (lastRow < 0)
            return coder.Bits - start;
        // A channel is an output of the layer before, where the shapes say so.
        int[]? into = first ? null : before.Length == g.Channels ? before : new int[g.Channels];
        _lines.Columns(coder, columnLive, g, into);
        int[] columns = [.. Enumerable.Range(0, g.Columns).Where(c => columnLive[c])];
        if (columns.Length == 0 || codebook.Length == 0)
            throw CodedFile.Bad(nameForErrors, "a live weight in each live row", "no live column or no shared weight");

        // The models see ranks in ascending order, whatever the order of the codebook.
        int[] bits = Array.ConvertAll(codebook, BitConverter.SingleToInt32Bits);
        int[] byRank = [0, .. Enumerable.Range(1, bits.Length).OrderBy(i => FloatLists.Order(bits[i - 1]))];
        int[] rankOf = new int[byRank.Length];
        for (int rank = 1; rank < byRank.Length; rank++)
            rankOf[byRank[rank]] = rank;
        int negatives = bits.Count(b => b < 0);

        var near = new Surroundings(g);
        var positions = new PositionModel(version, _positionMixer, near, columns.Length, into);
        var values = new ValueModel(version, _signMixer, _valueMixer, near, negatives, bits.Length - negatives);
        for (int r = 0; r <= lastRow; r++)
        {
            if (!rowLive[r])
                continue;
            var row = indices.AsSpan(r * g.Columns, g.Columns);
            foreach (int c in columns)
            {
                if (!positions.Code(coder, row[c] != 0, c, r == lastRow))
                    continue;
                double mark = coder.Bits;
                int rank = values.Code(coder, rankOf[row[c]], c);
                valueBits += coder.Bits - mark;
                near.Set(c, rank);
                row[c] = byRank[rank];
                rowCounts[r]++;
            }
            near.NextRow();
            values.NextRow();
            positions.NextRow();
        }
        return coder.Bits - start - valueBits;
    }
}
