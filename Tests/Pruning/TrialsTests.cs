using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

/// <summary>Where a search goes next, by hand: ratios within a factor of 1.2 are not told apart, of 1,000 weights.</summary>
public sealed class TrialsTests
{
    [Theory]
    // The curve points between what is within and what is not, or beyond all that was tried.
    [InlineData(10, 100, 50, true, 50.0)]
    [InlineData(10, 1000, 950, true, 950.0)]
    // It points at what is there: settled.
    [InlineData(50, 100, 55, true, null)]
    [InlineData(50, 100, 20, true, null)]
    // The same, but what is there was never annealed: half way to what was.
    [InlineData(50, 200, 55, false, 100.0)]
    [InlineData(50, 200, 20, false, 100.0)]
    // It points at a network that is not within the budget, or beyond it: half way.
    [InlineData(10, 40, 38, true, 20.0)]
    [InlineData(10, 40, 500, true, 20.0)]
    // No room between the two.
    [InlineData(10, 14, 500, true, null)]
    [InlineData(10, 14, 12, false, null)]
    public void The_next_network_is_where_the_curve_ends_or_half_way(double good, double bad, double aim, bool found, double? expected) =>
        Assert.Equal(expected, Trials.Next(good, bad, aim, found, 1000, 1.2));
}
