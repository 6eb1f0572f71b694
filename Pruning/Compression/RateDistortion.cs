namespace Secateurs.Pruning.Compression;

/// <summary>
/// Which live weights are worth their bits. What is lightest in weights is not smallest in bytes: a weight alone in its row and column
/// costs more than one among many.
///
/// Formula: a weight at (i, j) costs log2(n / (r c)) bits of position and a few of value, where r and c are the live weights of its row and
/// column and n those of the layer: as if rows and columns were independent. Those of the smallest w² / bits go.
/// Source: Wiedemann et al., DeepCABAC: A Universal Compression Algorithm for Deep Neural Networks, 2020, which weighs error and bits of
/// values; here they are those of existence.
/// </summary>
internal static class RateDistortion
{
    /// <summary>Bits of a value and the least of a position, in round figures.</summary>
    private const double ValueBits = 3, LeastPositionBits = 1;

    /// <summary>Prunes a share of a layer's live weights, equal ones from the first.</summary>
    /// <param name="weights">Row-major; those that go become 0.</param>
    /// <param name="mask">1 = live; those that go become 0.</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="percent">Of the live weights, rounded down.</param>
    public static void Drop(Span<float> weights, Span<float> mask, int rows, int percent)
    {
        int columns = weights.Length / rows;
        int[] inRow = new int[rows], inColumn = new int[columns];
        var live = new List<int>();
        for (int i = 0; i < mask.Length; i++)
        {
            if (mask[i] == 0)
                continue;
            inRow[i / columns]++;
            inColumn[i % columns]++;
            live.Add(i);
        }
        double[] scores = new double[live.Count];
        for (int k = 0; k < scores.Length; k++)
        {
            int i = live[k];
            double position = Math.Log2((double)live.Count / ((double)inRow[i / columns] * inColumn[i % columns]));
            scores[k] = (double)weights[i] * weights[i] / (Math.Max(position, LeastPositionBits) + ValueBits);
        }
        int[] order = [.. live];
        Array.Sort(scores, order);
        foreach (int i in order.AsSpan(0, (int)((long)order.Length * percent / 100)))
            weights[i] = mask[i] = 0;
    }
}
