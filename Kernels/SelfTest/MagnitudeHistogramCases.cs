using static Kernels.SelfTest.Layers;

namespace Kernels.SelfTest;

/// <summary>Histograms over the bits of magnitudes, and what they are for: the magnitude of any rank.</summary>
internal static class MagnitudeHistogramCases
{
    private static readonly int[] Shifts = [20, 10, 0];

    /// <summary>504 and 508 are the upper bits of magnitudes from 0.5 and from 1 on.</summary>
    private static readonly (int Shift, int Prefix)[] Ranges = [(20, 0), (10, 504), (10, 508), (0, 0)];

    public static IEnumerable<SelfTestCase> All =>
        [.. Lengths.SelectMany(n => Ranges.Select(r => Histogram(n, r.Shift, r.Prefix))), .. Lengths.Select(Selection)];

    private static SelfTestCase Histogram(int length, int shift, int prefix) => new(
        $"magnitude histogram of {length} shift {shift} prefix {prefix}",
        memory =>
        {
            var counts = memory.Allocate<int>(MagnitudeHistogram.Bins);
            memory.Device.Run(MagnitudeHistogram.Of(
                memory.Device, memory.Allocate<float>(Weight(length)), memory.Allocate<float>(Mask(length)), memory.Allocate<int>([shift, prefix]), counts));
            return [memory.Read(counts)];
        },
        () => [Expected.Exactly("counts", MagnitudeHistogram.Reference(Weight(length), Mask(length), shift, prefix).Select(n => (double)n))]);

    /// <summary>Radix selection by three histograms finds any rank's magnitude to the last bit.</summary>
    private static SelfTestCase Selection(int length)
    {
        float[] Values() => [.. new Numbers(5).Uniform(length).Zip(Weight(length), (w, tied) => w > 0.5 ? tied : w)];
        int[] Ranks() => [0, (int)Mask(length).Sum() / 3, (int)Mask(length).Sum() - 1];
        return new(
            $"radix selection of {length}",
            memory => [[.. Ranks().Select(rank => (double)Select(memory, Values(), Mask(length), rank))]],
            () =>
            {
                float[] mask = Mask(length);
                double[] sorted = [.. Values().Where((_, i) => mask[i] == 1).Select(w => (double)Math.Abs(w)).Order()];
                return [Expected.Exactly("magnitudes", Ranks().Select(rank => sorted[rank]))];
            });
    }

    private static float Select(DeviceMemory memory, float[] weight, float[] mask, int rank)
    {
        var (weights, masks) = (memory.Allocate<float>(weight), memory.Allocate<float>(mask));
        int known = 0; // the magnitude's bits, from the top
        foreach (int shift in Shifts)
        {
            var counts = memory.Allocate<int>(MagnitudeHistogram.Bins);
            var range = memory.Allocate<int>([shift, known >> (shift + 11)]);
            memory.Device.Run(MagnitudeHistogram.Of(memory.Device, weights, masks, range, counts));
            int[] found = memory.Download(counts);
            // A pass may count again what the pass before has settled: bins begin where the known bits do.
            int bin = (known >> shift) % MagnitudeHistogram.Bins;
            for (; rank >= found[bin]; bin++)
                rank -= found[bin];
            known = ((known >> (shift + 11)) * MagnitudeHistogram.Bins + bin) << shift;
        }
        return BitConverter.Int32BitsToSingle(known);
    }
}
