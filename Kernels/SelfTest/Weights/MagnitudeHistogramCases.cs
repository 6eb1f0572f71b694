using static Secateurs.Kernels.SelfTest.Layers;

namespace Secateurs.Kernels.SelfTest;

/// <summary>Histograms over the bits of magnitudes, and what they are for: the magnitude of any rank, and how many share it.</summary>
internal static class MagnitudeHistogramCases
{
    /// <summary>504 and 508 are the upper bits of magnitudes from 0.5 and from 1 on.</summary>
    private static readonly (int Shift, int Prefix)[] Ranges = [(20, 0), (10, 504), (10, 508), (0, 0)];

    public static IEnumerable<SelfTestCase> All =>
        [.. Lengths.SelectMany(n => Ranges.Select(r => Histogram(n, r.Shift, r.Prefix))), .. Lengths.Select(RadixSelection)];

    private static SelfTestCase Histogram(int length, int shift, int prefix) => new(
        $"magnitude histogram of {length} shift {shift} prefix {prefix}",
        memory =>
        {
            var counts = memory.Allocate<int>(MagnitudeHistogram.Bins);
            memory.Device.Run(MagnitudeHistogram.Of(
                memory.Device, memory.Allocate<float>(Weight(length)), memory.Allocate<float>(Mask(length)),
                memory.Allocate<int>([shift, prefix]), counts));
            return [memory.Read(counts)];
        },
        () => [Expected.Exactly(
            "counts", MagnitudeHistogram.Reference(Weight(length), Mask(length), shift, prefix).Select(n => (double)n))]);

    /// <summary>Two layers together, with ties within and between them, some on the rank that is asked for.</summary>
    private static SelfTestCase RadixSelection(int length)
    {
        float[] Scores(int seed) => [.. new Numbers(seed).Uniform(length).Zip(Weight(length), (w, tied) => w > 0.5 ? tied : w)];
        double[][] Live() => [.. Both().Select(l => l.Score.Where((_, i) => l.Mask[i] == 1).Select(w => (double)Math.Abs(w)).ToArray())];
        (float[] Score, float[] Mask)[] Both() => [(Scores(5), Mask(length)), (Scores(6), [.. Enumerable.Reverse(Mask(length))])];
        int[] Ranks()
        {
            int live = Live().Sum(l => l.Length);
            return [0, live / 3, live / 2, live - 1];
        }
        return new(
            $"radix selection of {length}",
            memory =>
            {
                var range = memory.Allocate<int>(2);
                var counts = Both().Select(_ => memory.Allocate<int>(MagnitudeHistogram.Bins)).ToArray();
                Operation[] operations =
                [
                    .. Both().Zip(counts, (l, c) => MagnitudeHistogram.Of(
                        memory.Device, memory.Allocate<float>(l.Score), memory.Allocate<float>(l.Mask), range, c)),
                ];
                IReadOnlyList<int[]> Histograms(int shift, int prefix)
                {
                    memory.Upload([shift, prefix], range);
                    foreach (var c in counts)
                        memory.Upload<int>(new int[MagnitudeHistogram.Bins], c);
                    memory.Device.Run(operations);
                    return [.. counts.Select(memory.Download)];
                }
                return [.. Ranks().Select(rank =>
                {
                    var found = MagnitudeHistogram.Select(rank, Histograms);
                    return (double[])[found.Magnitude, found.Below, .. found.Equal.Select(n => (double)n)];
                })];
            },
            () =>
            {
                var layers = Live();
                double[] all = [.. layers.SelectMany(l => l).Order()];
                return [.. Ranks().Select(rank =>
                {
                    var equal = layers.Select(l => (double)l.Count(v => v == all[rank]));
                    return Expected.Exactly("magnitude, below, equal", [all[rank], all.Count(v => v < all[rank]), .. equal]);
                })];
            });
    }
}
