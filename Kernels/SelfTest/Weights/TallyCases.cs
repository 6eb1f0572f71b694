namespace Secateurs.Kernels.SelfTest;

/// <summary>Sums of losses and counts of right answers over the first images of a buffer.</summary>
internal static class TallyCases
{
    private static readonly int[] Counts = [0, 1, 255, 256, 257, 4000];

    public static IEnumerable<SelfTestCase> All => Counts.Select(Case);

    private static SelfTestCase Case(int count)
    {
        int length = count + 7;
        float[] Loss() => [.. new Numbers(1).Uniform(length).Select(v => 5 * v)];
        int[] Correct() => new Numbers(2).Integers(length, 2);
        return new(
            $"tally {count} images",
            memory =>
            {
                var result = memory.Allocate<float>([.. Enumerable.Repeat(float.NaN, Tally.ResultLength)]);
                memory.Device.Run(Tally.Of(
                    memory.Device, memory.Allocate<float>(Loss()), memory.Allocate<int>(Correct()), memory.Allocate<int>([count]), result));
                var (loss, correct) = Tally.Read(memory.Download(result));
                return [[loss], [correct]];
            },
            () =>
            {
                double[] losses = [.. Loss().Take(count).Select(v => (double)v)];
                return
                [
                    Expected.Sums("loss", [losses.Sum()], [losses.Sum(Math.Abs)], count / PartialSums.Count + 1),
                    Expected.Exactly("correct", [Correct().Take(count).Sum()]),
                ];
            });
    }
}
