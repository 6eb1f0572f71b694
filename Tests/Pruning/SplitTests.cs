using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Test images that are drawn anew, and certificates, from the command line.</summary>
public sealed class SplitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public SplitTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Parts_are_apart_and_half_of_what_is_set_aside_certifies()
    {
        var data = DataFolder.Load(_data, new());
        var options = new PruneOptions { Validation = 81, Seed = 3, Split = 7 };
        var (training, validation, certification, test) = DataParts.Of(data, options);
        Assert.Equal((399, 81, 0, 80), (training.Count, validation.Count, certification.Count, test.Count));
        var parts = DataParts.Of(data, options with { Confidence = 0.9 });
        Assert.Equal((399, 40, 41, 80), (parts.Training.Count, parts.Validation.Count, parts.Certification.Count, parts.Test.Count));
        // Whoever is not sure trains on the same images, and sets the same aside.
        Assert.Equal(training.Images, parts.Training.Images);
        Assert.Equal(validation.Images, parts.Validation.Images.Concat(parts.Certification.Images));
        Assert.Equal(test.Images, parts.Test.Images);
    }

    [Fact]
    public void A_network_is_measured_on_the_images_that_were_drawn_for_it()
    {
        string run = _folder.Combine("run"), model = Path.Combine(run, RunFolder.Model);
        Cli.Done(["train", "--epochs", "2", "--split", "5", .. Cli.Small(_data, run)]);
        Assert.Equal(5UL, Checkpoint.Load(model).Split);

        string[] eval = ["eval", "--model", run, "--data", _data, "--json"];
        using var own = JsonDocument.Parse(Cli.Done(eval).Output);
        using var summary = JsonDocument.Parse(Cli.Done([.. eval, "--split", "5"]).Output);
        Assert.Equal(own.RootElement.GetRawText(), summary.RootElement.GetRawText());
        string written = CsvTable.Read(Path.Combine(run, RunFolder.Summary), "test_accuracy")[0][0];
        Assert.Equal(written, Csv.Two(own.RootElement.GetProperty("accuracy").GetDouble()));

        var (code, _, error) = Cli.Run([.. eval[..^1], "--split", "6"]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith($"error: --split: expected 5, as in {run}, found 6", error);
        (code, _, error) = Cli.Run(
            ["prune", "--model", run, "--split", "6", .. Cli.OfModel(_data, _folder.Combine("other"))]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith("error: --split: expected 5", error);
    }

    [Fact]
    public void A_run_says_what_is_certified_on_what_and_what_that_costs()
    {
        string run = _folder.Combine("run");
        string[] search = ["--dense-epochs", "4", "--epochs", "1", "--confidence", "0.8", "--max-drop", "20"];
        var (_, error) = Cli.Done(["prune", .. search, .. Cli.Small(_data, run)]);
        Assert.Contains("certificate for budget 20: with confidence 0.8 80 new images lose at most ", error);
        Assert.Contains(" points, by 40 images that nothing was decided by", error);
        var rows = CsvTable.Read(Path.Combine(run, RunFolder.Certificates), "budget", "images", "new_images", "bound", "certified", "kept");
        Assert.NotEmpty(rows);
        Assert.All(rows, r => Assert.Equal(("20", "40", "80"), (r[0], r[1], r[2])));
        var certified = rows.Last(r => r[4] == "yes");
        var summary = CsvTable.Read(Path.Combine(run, RunFolder.Summary), "confidence", "certified_loss", "kept")[0];
        Assert.Equal(("0.8", certified[5]), (summary[0], summary[2]));
        Assert.Equal(double.Parse(certified[3]), double.Parse(summary[1]), 0.006);

        string none = _folder.Combine("none");
        (_, error) = Cli.Done(["prune", "--dense-epochs", "4", "--epochs", "1", .. Cli.Small(_data, none), "--max-drop", "20"]);
        Assert.DoesNotContain("certificate", error);
        Assert.False(File.Exists(Path.Combine(none, RunFolder.Certificates)));
    }

    [Theory]
    [InlineData("0.5", "--confidence: expected 0 or more than 0.5, found 0.5")]
    [InlineData("1", "--confidence: expected a number from 0 to 0.9999")]
    public void Confidence_that_says_nothing_is_refused(string confidence, string expected)
    {
        string run = _folder.Combine("run");
        var (code, _, error) = Cli.Run(["prune", "--confidence", confidence, .. Cli.Small(_data, run)]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains(expected, error);
        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public void A_study_of_fresh_splits_draws_by_each_seed_and_goes_on_as_such_alone()
    {
        string study = _folder.Combine("study");
        string[] dense = Cli.Small(_data, study)[2..];
        string[] call =
        [
            "study", "--networks", "lenet-300-100", "--methods", "dynamic", "--dense-epochs", "1", "--epochs", "1", "--path-share", "0.1",
            "--max-drop", "10", "--fresh-splits", .. dense,
        ];
        Cli.Done([.. call, "--seeds", "3"]);
        string made = Path.Combine(study, "lenet-300-100", "seed-3", "dynamic", RunFolder.Model);
        Assert.Equal((3UL, 3UL), (Checkpoint.Load(made).Seed, Checkpoint.Load(made).Split));
        Assert.Contains("whether budgets hold on the test images", File.ReadAllText(Path.Combine(study, "table.txt")));

        foreach (string[] other in (string[][])[[.. call.Where(a => a != "--fresh-splits")], [.. call, "--confidence", "0.8"]])
        {
            var (code, _, error) = Cli.Run([.. other, "--seeds", "4"]);
            Assert.Equal((int)ExitCode.Usage, code);
            Assert.Contains("this study began with ", error);
        }
    }
}
