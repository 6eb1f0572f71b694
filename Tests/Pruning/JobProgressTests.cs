using System.Text.Json;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>What a person reads while a job goes on, and at its end.</summary>
public sealed class JobProgressTests
{
    private static readonly JobPart[] Parts = [new("dense", 4, true), new("hand-set", 10, true), new("dynamic", 6, false)];

    [Fact]
    public void One_bar_goes_through_all_parts_and_never_back()
    {
        var job = new JobProgress(Parts);
        var seen = new List<double> { job.Done };
        Assert.Equal("──────────   0 %  starting", job.Bar(10));
        job.Begin("dense");
        foreach (double epoch in (double[])[0.25, 1, 2, 3, 4])
            Report("dense", epoch);
        Assert.InRange(seen[^1], 0.15, 0.2);
        job.Begin("hand-set");
        Assert.Equal(0.2, job.Done, 1e-9);
        // Many more tries than expected: the end comes nearer, and stays away.
        for (int t = 1; t <= 12; t++)
            foreach (double epoch in (double[])[1, 2])
                Report($"retrain S={t}", epoch);
        Assert.InRange(seen[^1], 0.6, 0.7 - 1e-6);
        job.Begin("dynamic");
        Assert.Equal(0.7, job.Done, 1e-9);
        Report("probe", 0.25);
        Report("prune", 0.25);
        Assert.InRange(seen[^1], 0.7, 1);
        Assert.Equal(seen.Order(), seen);
        Assert.InRange(job.Left, 0, 1e3);
        // What others do is skipped, and what is unknown changes nothing.
        var late = new JobProgress(Parts);
        late.Begin("dynamic");
        late.Begin("nothing");
        Assert.Equal(0.7, late.Done, 1e-9);

        void Report(string phase, double epoch)
        {
            job.Report(phase, epoch);
            seen.Add(job.Done);
        }
    }

    [Theory]
    [InlineData(9.04, "9.0 s", "0:09")]
    [InlineData(125, "2:05", "2:05")]
    [InlineData(3725, "1:02:05", "1:02:05")]
    [InlineData(86400, "24:00:00", "24:00:00")]
    [InlineData(double.NaN, "?", "?")]
    public void Hours_are_shown(double seconds, string text, string clock) =>
        Assert.Equal((text, clock), (Durations.Text(seconds), Durations.Clock(seconds)));

    [Fact]
    public void A_row_fits_80_columns_and_says_in_words_what_was_decided()
    {
        foreach (var verdict in Enum.GetValues<Verdict>())
        {
            foreach (double annealed in (double[])[0, 12.5])
            {
                var judged = new JudgedNetwork(123456.7, annealed, 3, new Judgement(verdict, 1000, 1000, 1000));
                string row = RunLog.Short(new IterationRow(
                    9999, 12345.6, "retrain", 359_999, 4e-3, 0.1, 0.1, 100, 2, 246_913, Decision.Rollback, "", judged));
                Assert.InRange(row.Length, 40, 79);
                Assert.Contains(annealed > 0 ? "annealed: " : "  ", row, StringComparison.Ordinal);
                Assert.DoesNotContain("rollback", row, StringComparison.OrdinalIgnoreCase);
            }
        }
        Assert.Equal(
            "   8 prune    98.13 %     8.2x    0:03  look: within the budget",
            RunLog.Short(new IterationRow(
                8, 4.5, "prune", 3.1, 4e-3, 0.1, 0.1, 98.13, 32638, 266200, Decision.Raise, "", new JudgedNetwork(
                    8.2, 0, 7, new Judgement(Verdict.Within, 59, 56, 10)))));
    }

    [Fact]
    public void The_end_is_a_sentence()
    {
        var dynamic = Row(kept: 2155, seconds: 14.9, test: 98.36);
        var byHand = Row(kept: 79697, seconds: 18, test: 98.38);
        Assert.Equal("123.5 times lighter, test accuracy 98.36 % instead of 98.41 %: 0.05 points lost", Headline.Of(dynamic, 0.1, true));
        Assert.Equal(
            "123.5 times lighter, test accuracy 98.50 % instead of 98.41 %: nothing lost; "
            + "by hand 3.3 times, 98.38 %, in 1.2 times the time",
            Headline.Of(dynamic with { TestAccuracy = 98.5 }, true, byHand, true, 0.1));
        Assert.EndsWith("; by hand nothing within the budget, in half the time", Headline.Of(
            dynamic, true, byHand with { Kept = 266200, PruneSeconds = 7.5 }, false, 0.1), StringComparison.Ordinal);
        Assert.EndsWith(
            "outside the budget of 0.1 points on the validation images", Headline.Of(dynamic, 0.1, false), StringComparison.Ordinal);
        Assert.Equal(
            "nothing pruned: no lighter network is within the budget of 0.1 points", Headline.Of(Row(266200, 1, 98.41), 0.1, false));
    }

    [Theory]
    [InlineData("train")]
    [InlineData("prune")]
    [InlineData("compare")]
    public void A_dry_run_tells_time_and_disk_and_writes_nothing(string verb)
    {
        using var folder = new TemporaryFolder();
        string run = folder.Combine("run");
        using var told = JsonDocument.Parse(Cli.Done([
            verb, "--dry-run", .. Cli.Small(SmallSet.Write(folder.Combine("data")), run), "--json"]).Output);
        Assert.False(Directory.Exists(run));
        var root = told.RootElement;
        Assert.Equal(12_704, root.GetProperty("weights").GetInt32());
        Assert.InRange(root.GetProperty("bytes").GetInt64(), 500_000, 1_000_000);
        double[] parts = [.. root.GetProperty("parts").EnumerateArray().Select(p => p.GetProperty("seconds").GetDouble())];
        Assert.Equal(verb switch { "train" => 1, "prune" => 2, _ => 3 }, parts.Length);
        Assert.All(parts, p => Assert.InRange(p, 1e-6, 1e6));
        Assert.Equal(parts.Sum(), root.GetProperty("seconds").GetDouble(), parts.Sum() * 1e-9);
    }

    private static SummaryRow Row(int kept, double seconds, double test) =>
        new("lenet-300-100", "dynamic", "cpu", 1, 20, 100, 9, seconds, 98.16, 98.41, 98.09, test, kept, 266200);
}
