using static Secateurs.Kernels.SelfTest.Layers;

namespace Secateurs.Kernels.SelfTest;

/// <summary>Count, mean and deviation of live weights; a weight that is not finite shows.</summary>
internal static class WeightStatisticsCases
{
    public static IEnumerable<SelfTestCase> All => [.. Lengths.Select(Case), NotFinite(float.NaN), NotFinite(float.PositiveInfinity)];

    private static SelfTestCase Case(int length) => new(
        $"moments of {length}",
        memory =>
        {
            var found = FindMoments(memory, new Numbers(1).Uniform(length), Mask(length));
            return [[found.Live], [found.Mean], [found.Deviation]];
        },
        () =>
        {
            float[] weight = new Numbers(1).Uniform(length), mask = Mask(length);
            var want = WeightStatistics.Reference(weight, mask);
            double[] live = [.. weight.Where((_, i) => mask[i] == 1).Select(w => Math.Abs((double)w))];
            double relative = (length / PartialSums.Count + 2) * Expected.Rounding;
            // The variance is the difference of two sums, so its bound is absolute; a root makes it worse near zero.
            double variance = relative * (live.Average(w => w * w) + 2 * Math.Abs(want.Mean) * live.Average());
            return
            [
                Expected.Exactly("live", [want.Live]), new("mean", [want.Mean], [relative * live.Average()]),
                new("deviation", [want.Deviation], [want.Deviation > 0 ? variance / want.Deviation : Math.Sqrt(variance)]),
            ];
        });

    private static SelfTestCase NotFinite(float value) => new(
        FormattableString.Invariant($"moments with a weight that is {value}"),
        memory => [[double.IsFinite(FindMoments(memory, [1, value, 2], [1, 1, 1]).Deviation) ? 1 : 0]],
        () => [Expected.Exactly("finite", [0])]);

    private static LayerStatistics FindMoments(DeviceMemory memory, float[] weight, float[] mask)
    {
        var result = memory.Allocate<float>([.. Enumerable.Repeat(float.NaN, WeightStatistics.ResultLength)]);
        memory.Device.Run(WeightStatistics.Of(memory.Device, memory.Allocate<float>(weight), memory.Allocate<float>(mask), result));
        return WeightStatistics.Read(memory.Download(result));
    }
}
