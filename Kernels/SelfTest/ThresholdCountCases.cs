using static Kernels.SelfTest.Layers;

namespace Kernels.SelfTest;

/// <summary>How many live weights lie below each of several thresholds.</summary>
internal static class ThresholdCountCases
{
    public static IEnumerable<SelfTestCase> All => Lengths.Append(0).Select(Case);

    private static SelfTestCase Case(int length) => new(
        $"threshold count of {length}",
        memory =>
        {
            var result = memory.Allocate<float>([.. Enumerable.Repeat(float.NaN, ThresholdCount.ResultLength(Thresholds.Length))]);
            memory.Device.Run(ThresholdCount.Of(
                memory.Device, memory.Allocate<float>(Weight(length)).SubView(0, length),
                memory.Allocate<float>(Mask(length + 1)).SubView(0, length), memory.Allocate<float>(Thresholds), result));
            return [[.. ThresholdCount.Read(memory.Download(result)).Select(n => (double)n)]];
        },
        () =>
        [
            Expected.Exactly("counts", ThresholdCount.Reference(Weight(length), Mask(length + 1)[..length], Thresholds).Select(n => (double)n)),
        ]);
}
