using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

/// <summary>Loss against ratio, from made-up looks and annealed networks.</summary>
public sealed class LossCurveTests
{
    /// <summary>Ratios twice as large from one to the next; 10,000 validation images.</summary>
    private static LossCurve Curve(int[] looks, params (double Ratio, double Lost)[] annealed) =>
        new([.. looks.Select((lost, i) => (8.0 * (1 << i), (double)lost))], annealed, 10_000);

    [Fact]
    public void It_ends_where_looks_less_the_usual_gain_reach_the_budget()
    {
        // On a straight line smoothing changes nothing: 20 images at 8, 40 at 16 ... 100 at 128; annealing is believed to gain 20.
        var curve = Curve([20, 40, 60, 80, 100]);
        Assert.Equal(20, curve.Gain(50), 1e-9);
        Assert.Equal(32, curve.Ratio(40), 0.5);
        Assert.Equal(16 * Math.Sqrt(2), curve.Ratio(30), 0.5);
        Assert.Equal(128, curve.Ratio(80), 1e-9);
        Assert.Equal(128, curve.Ratio(1000), 1e-9);
        Assert.Equal(8, curve.Ratio(0), 0.1);
    }

    [Fact]
    public void Where_no_ratio_is_within_the_budget_it_is_1() => Assert.Equal(1, Curve([120, 140, 160]).Ratio(10));

    [Fact]
    public void A_network_that_is_finding_its_feet_says_nothing()
    {
        // 90 images at 8 and 70 at 16, when a lighter one loses 30.
        var curve = Curve([90, 70, 30, 30, 30, 100]);
        Assert.InRange(curve.Ratio(15), 64, 128);
    }

    [Fact]
    public void What_annealing_gained_counts_near_its_ratio_most()
    {
        var curve = Curve([20, 40, 60, 80, 100], (16, 0), (128, 90));
        // 40 images at 16 and 10 at 128, between which it lies, and beside them a belief of 20.
        Assert.InRange(curve.Gain(16), 30, 40);
        Assert.InRange(curve.Gain(128), 10, 16);
        Assert.True(curve.Gain(16) > curve.Gain(45) && curve.Gain(45) > curve.Gain(128));
        // So it ends at a heavier one than without: 90 images more than what is annealed at 128 loses.
        Assert.InRange(curve.Ratio(60), 50, 100);
    }
}
