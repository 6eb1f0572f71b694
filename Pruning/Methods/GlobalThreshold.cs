using Secateurs.Kernels;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// The one threshold over all layers that leaves an exact number of weights alive: the score of that rank, found by three passes of
/// histograms over all layers (<see cref="MagnitudeHistogram"/>). Of weights on it the first fall, layer by layer and index by index, as
/// many as the number asks for, so that equal scores, as of a ternary network, decide the same everywhere. Zeros are the lowest scores,
/// NaN the highest.
/// </summary>
public static class GlobalThreshold
{
    /// <summary>Prunes all layers until exactly <paramref name="kept"/> weights live, or none if no more did.</summary>
    /// <param name="pruner">Counts and prunes.</param>
    /// <param name="criterion">What thresholds are compared with.</param>
    /// <param name="kept">How many are to stay.</param>
    /// <returns>The threshold, once a layer: the smallest score that stays.</returns>
    public static float[] Prune(LayerPruner pruner, Criterion criterion, int kept)
    {
        ArgumentNullException.ThrowIfNull(pruner);
        var thresholds = new float[pruner.Layers.Count];
        int live = pruner.Moments().Sum(m => m.Live), excess = live - kept;
        if (excess <= 0)
        {
            pruner.Prune(thresholds, criterion);
            return thresholds;
        }
        var cut = MagnitudeHistogram.Select(Math.Min(excess, live - 1), (shift, prefix) => pruner.Histograms(criterion, shift, prefix));
        Array.Fill(thresholds, cut.Magnitude);
        pruner.Prune(thresholds, criterion, Tied(pruner, criterion, cut, excess - cut.Below));
        return thresholds;
    }

    /// <summary>For each layer the index below which weights on the threshold fall, so that <paramref name="falling"/> of all do.</summary>
    private static int[] Tied(LayerPruner pruner, Criterion criterion, Selection cut, int falling)
    {
        var tied = new int[pruner.Layers.Count];
        for (int i = 0; i < tied.Length && falling > 0; i++)
        {
            int here = Math.Min(falling, cut.Equal[i]);
            falling -= here;
            tied[i] = here == cut.Equal[i] ? pruner.Layers[i].WeightCount : pruner.Equal(i, criterion, cut.Magnitude)[here];
        }
        return tied;
    }
}
