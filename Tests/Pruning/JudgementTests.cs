using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

public sealed class JudgementTests
{
    /// <summary>1,000 images, of which the dense network has the first 980 right; a budget of 0.5 point is 5 images.</summary>
    [Theory]
    [InlineData(0, 0, Verdict.Within)]
    [InlineData(5, 0, Verdict.Within)]
    [InlineData(6, 0, Verdict.Doubtful)]
    [InlineData(11, 5, Verdict.Doubtful)]
    [InlineData(15, 10, Verdict.Within)]
    [InlineData(18, 5, Verdict.Doubtful)]
    [InlineData(20, 0, Verdict.Damaged)]
    [InlineData(30, 10, Verdict.Damaged)]
    public void A_drop_counts_against_its_own_standard_error(int lost, int gained, Verdict expected)
    {
        var dense = Outcomes(i => i < 980);
        var now = Outcomes(i => (i >= lost && i < 980) || (i >= 980 && i < 980 + gained));
        var judgement = Judgement.Of(dense, now, maxDrop: 0.5);
        Assert.Equal(new Judgement(expected, lost, gained, 5), judgement);
    }

    private static Outcomes Outcomes(Func<int, bool> correct) =>
        new(new float[1000], [.. Enumerable.Range(0, 1000).Select(correct)]);
}
