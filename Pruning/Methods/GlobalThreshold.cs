namespace Pruning.Methods;

/// <summary>
/// Finds the one number t for which the thresholds t · scale(layer) leave a given number of weights alive, by counting kernels: each
/// pass tries 32 values, so four passes narrow an interval by 10^6.
/// </summary>
public static class GlobalThreshold
{
    private const int Passes = 4;

    /// <summary>Thresholds per layer that keep <paramref name="kept"/> weights, or a few less where magnitudes tie.</summary>
    /// <param name="pruner">Counts.</param>
    /// <param name="scales">One positive factor per layer: 1 for a common threshold, the deviation for one in units of it.</param>
    /// <param name="live">Live weights per layer now.</param>
    /// <param name="kept">How many are to stay, of all layers together.</param>
    public static float[] Keeping(LayerPruner pruner, double[] scales, int[] live, int kept)
    {
        ArgumentNullException.ThrowIfNull(pruner);
        int excess = live.Sum() - kept;
        if (excess <= 0)
            return new float[scales.Length];
        double low = 1e-9, high = 1e3;
        for (int pass = 0; pass < Passes; pass++)
        {
            var probes = Enumerable.Range(0, LayerPruner.Probes).Select(i => low * Math.Pow(high / low, (i + 1.0) / LayerPruner.Probes)).ToArray();
            var below = pruner.CountBelow([.. scales.Select(s => probes.Select(p => (float)(p * s)).ToArray())]);
            int first = Array.FindIndex([.. probes.Select((_, i) => below.Sum(layer => layer[i]))], total => total >= excess);
            first = first < 0 ? probes.Length - 1 : first;
            (low, high) = (first == 0 ? low : probes[first - 1], probes[first]);
        }
        return [.. scales.Select(s => (float)(high * s))];
    }
}
