using static Secateurs.Kernels.SelfTest.Layers;

namespace Secateurs.Kernels.SelfTest;

/// <summary>Pruning by a score: mask, weights and moments, with scores on the threshold, of which all are kept, some or none.</summary>
internal static class ThresholdMaskCases
{
    public static IEnumerable<SelfTestCase> All => Lengths.SelectMany(n => Thresholds.Select(t => Case(n, t, 0)).Concat(Parted(n)));

    private static IEnumerable<SelfTestCase> Parted(int length) =>
        ((int[])[length / 2 + 1, length]).Distinct().SelectMany(tied => new[] { Case(length, 0.25f, tied), Case(length, 0, tied) });

    private static SelfTestCase Case(int length, float threshold, int tied)
    {
        float[] Moment(int seed) => new Numbers(seed).Uniform(length);
        return new(
            FormattableString.Invariant($"threshold mask of {length} at {threshold}, tied before {tied}"),
            memory =>
            {
                var weight = memory.Allocate<float>(Moment(5));
                var first = memory.Allocate<float>(Moment(3));
                var second = memory.Allocate<float>(Moment(4));
                var mask = memory.Allocate<float>(Mask(length));
                memory.Device.Run(ThresholdMask.Of(
                    memory.Device, memory.Allocate<float>(Weight(length)), weight, first, second, mask, memory.Allocate<float>([threshold]),
                    memory.Allocate<int>([tied])));
                return [memory.Read(mask), memory.Read(weight), memory.Read(first), memory.Read(second)];
            },
            () =>
            {
                float[] mask = ThresholdMask.Reference(Weight(length), Mask(length), threshold, tied);
                double[] Kept(float[] values) => [.. values.Select((v, i) => mask[i] == 1 ? v : 0.0)];
                return
                [
                    Expected.Exactly("mask", mask.Select(v => (double)v)), Expected.Exactly("weight", Kept(Moment(5))),
                    Expected.Exactly("first moment", Kept(Moment(3))), Expected.Exactly("second moment", Kept(Moment(4))),
                ];
            });
    }
}
