using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

/// <summary>What is blank is found whole, and nothing else.</summary>
public sealed unsafe class BlankTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("x", "0+1")]
    [InlineData(".", "")]
    [InlineData("..xx.x...x", "2+4 9+1")]
    [InlineData("x..x...x", "0+4 7+1")]
    [InlineData("x...x...x...", "0+1 4+1 8+1")]
    public void Runs_end_where_more_than_a_gap_is_blank(string pattern, string expected)
    {
        const int Gap = 2, Group = 1000;
        float* x = stackalloc float[Group + (pattern.Length + 1) * Layout.Lanes];
        // Ink is in one lane of one of the two groups, in turn.
        for (int i = 0; i < pattern.Length; i++)
            if (pattern[i] == 'x')
                x[i % 2 * Group + i * Layout.Lanes + i % Layout.Lanes] = i % 3 == 0 ? float.NaN : -1;
        int most = Blank.MostRuns(pattern.Length, Gap);
        Run* runs = stackalloc Run[most];
        int count = Blank.Runs(x, Group, Layout.Lanes, pattern.Length, Gap, runs);
        Assert.InRange(count, 0, most);
        Assert.Equal(expected, string.Join(' ', new ReadOnlySpan<Run>(runs, count).ToArray().Select(r => $"{r.First}+{r.Count}")));
    }
}
