using Secateurs.Pruning.Compression;

namespace Tests.Compression;

/// <summary>Weights that cost more bits than they are worth.</summary>
public class RateDistortionTests
{
    private const int Rows = 20, Columns = 30;

    /// <summary>A block of equal weights and two on their own, as far from all others: these cost more, and go first.</summary>
    [Fact]
    public void Of_equal_weights_lonely_ones_go_first()
    {
        float[] weights = Layer(1f), mask = [.. weights.Select(w => w == 0 ? 0f : 1f)];
        int live = mask.Count(m => m != 0), lonely = 17 * Columns + 25, other = 5 * Columns + 28;
        (weights[lonely], mask[lonely], weights[other], mask[other]) = (1f, 1f, -1f, 1f);
        RateDistortion.Drop(weights, mask, Rows, percent: 100 * 2 / (live + 2) + 1);
        Assert.Equal((0f, 0f, 0f, 0f), (weights[lonely], mask[lonely], weights[other], mask[other]));
        Assert.Equal(live, mask.Count(m => m != 0));
    }

    /// <summary>Where all cost the same, the smallest go; so many, and mask and weight together.</summary>
    [Theory]
    [InlineData(0), InlineData(10), InlineData(33), InlineData(99)]
    public void Of_equal_costs_the_smallest_go(int percent)
    {
        float[] weights = [.. Enumerable.Range(0, Rows * Columns).Select(i => (i * 7919 % 601 - 300.5f) / 8)], before = [.. weights];
        float[] mask = [.. weights.Select(_ => 1f)];
        RateDistortion.Drop(weights, mask, Rows, percent);
        int gone = weights.Length * percent / 100;
        Assert.Equal(gone, mask.Count(m => m == 0));
        float[] order = [.. before.Select(Math.Abs).Order()];
        for (int i = 0; i < weights.Length; i++)
        {
            Assert.Equal(mask[i] == 0 ? 0 : before[i], weights[i]);
            Assert.True(mask[i] == 0 ? Math.Abs(before[i]) <= order[gone] : Math.Abs(before[i]) >= order[Math.Max(0, gone - 1)]);
        }
    }

    [Fact]
    public void Nothing_lives_and_nothing_goes()
    {
        float[] weights = new float[6], mask = new float[6];
        RateDistortion.Drop(weights, mask, 2, 50);
        Assert.All(weights.Concat(mask), v => Assert.Equal(0, v));
    }

    /// <summary>6 x 5 weights in a corner.</summary>
    private static float[] Layer(float weight) =>
        [.. Enumerable.Range(0, Rows * Columns).Select(i => i / Columns < 6 && i % Columns < 5 ? weight : 0)];
}
