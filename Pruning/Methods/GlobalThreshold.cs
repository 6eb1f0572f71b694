namespace Pruning.Methods;

/// <summary>
/// Finds the one threshold over all layers that leaves a given number of weights alive, by counting kernels: each pass tries 32 values,
/// so four passes narrow an interval by 10^6.
/// </summary>
public static class GlobalThreshold
{
    private const int Passes = 4;

    /// <summary>Prunes all layers by the threshold of <see cref="Keeping"/>.</summary>
    /// <returns>It, once a layer.</returns>
    public static float[] Prune(LayerPruner pruner, Criterion criterion, int kept)
    {
        ArgumentNullException.ThrowIfNull(pruner);
        float threshold = Keeping(pruner, criterion, pruner.Moments().Sum(m => m.Live), kept);
        float[] thresholds = [.. pruner.Layers.Select(_ => threshold)];
        pruner.Prune(thresholds, criterion);
        return thresholds;
    }

    /// <summary>The threshold that keeps <paramref name="kept"/> weights, or a few less where scores are within 3e-5 of each other.</summary>
    /// <param name="pruner">Counts.</param>
    /// <param name="criterion">What thresholds are compared with.</param>
    /// <param name="live">Live weights now.</param>
    /// <param name="kept">How many are to stay.</param>
    public static float Keeping(LayerPruner pruner, Criterion criterion, int live, int kept)
    {
        ArgumentNullException.ThrowIfNull(pruner);
        int excess = live - kept;
        if (excess <= 0)
            return 0;
        double low = 1e-12, high = 1e3;
        for (int pass = 0; pass < Passes; pass++)
        {
            float[] tried =
            [
                .. Enumerable.Range(0, LayerPruner.ThresholdsPerPass).Select(i => (float)(low * Math.Pow(high / low, (i + 1.0) / LayerPruner.ThresholdsPerPass))),
            ];
            var below = pruner.CountBelow([.. pruner.Layers.Select(_ => tried)], criterion);
            int first = Array.FindIndex([.. tried.Select((_, i) => below.Sum(layer => layer[i]))], total => total >= excess);
            first = first < 0 ? tried.Length - 1 : first;
            (low, high) = (first == 0 ? low : tried[first - 1], tried[first]);
        }
        return (float)high;
    }
}
