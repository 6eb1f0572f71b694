using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Several budgets in one search.</summary>
public sealed class BudgetsTests : IDisposable
{
    /// <summary>Points of 80 validation images: 1 and 8 images.</summary>
    private const string Small = "1.25", Large = "10";

    private static readonly string[] Short = ["--dense-epochs", "2", "--epochs", "1"];

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public BudgetsTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_search_gives_a_network_for_every_budget()
    {
        string both = Prune("both", $"{Large},{Small}"), large = Prune("large", Large);

        // The largest budget alone decides how far the way down goes, so up to there the two are the same run.
        var (shared, alone) = (Rows(both), Rows(large));
        static string[] Way(List<string[]> rows) => [.. rows.Where(r => r[1] == "prune" && r[11] == "0").Select(Measured)];
        Assert.True(Way(alone).Length > 3);
        Assert.Equal(Way(alone), Way(shared));

        Assert.All(shared.Where(r => r[1] is "probe" or "prune"), r => Assert.Equal("8", r[9]));
        foreach (var (folder, allowed) in new[] { (both, 1), (Path.Combine(both, "drop-10"), 8) })
        {
            var model = Checkpoint.Load(Path.Combine(folder, "model.safetensors"));
            var summary = Assert.Single(CsvTable.Read(Path.Combine(folder, "summary.csv"), "kept", "dense_epochs", "prune_epochs"));
            Assert.Equal(model.Kept, Number(summary[0]));
            // The lightest of the networks that this budget allows, whichever budget they were tried for, until it was settled.
            double settled = Number(summary[1]) + Number(summary[2]) + 0.01;
            var judged = shared.Where(r => r[1] is "probe" or "prune" && Number(r[10]) <= settled).ToArray();
            var allowing = judged.Where(r => Number(r[7]) - Number(r[8]) <= allowed).ToArray();
            Assert.Equal(allowing.Min(r => Number(r[2])), model.Kept);
        }
    }

    [Fact]
    public void Budgets_are_a_number_or_an_array_in_json()
    {
        static string Json(params double[] values) =>
            Regex.Replace(JsonSerializer.Serialize(new Budgets(values), Terminal.Json), @"\s", "");
        Assert.Equal("0.1", Json(0.1));
        Assert.Equal("[0.1,0.5]", Json(0.5, 0.1, 0.5));
        foreach (string text in (string[])["0.1", "[0.1,0.5]"])
            Assert.Equal(text, Json([.. JsonSerializer.Deserialize<Budgets>(text, Terminal.Json)!.Values]));
    }

    [Fact]
    public void A_run_in_the_folder_of_a_budget_is_not_written_over()
    {
        string outer = _folder.Combine("outer"), inner = Path.Combine(outer, "drop-mine");
        Cli.Done(["train", "--epochs", "1", .. Cli.Small(_data, inner)]);
        Assert.Equal((int)ExitCode.Usage, Cli.Run(["train", "--epochs", "1", .. Cli.Small(_data, outer)]).Code);
        Assert.True(File.Exists(Path.Combine(inner, "model.safetensors")));
    }

    private string Prune(string name, string budgets)
    {
        string run = _folder.Combine(name);
        Cli.Done(["prune", "--max-drop", budgets, "--first-ratio", "4", .. Short, .. Cli.Small(_data, run)]);
        return run;
    }

    private static List<string[]> Rows(string run) => CsvTable.Read(
        Path.Combine(run, "iterations.csv"), "iteration", "phase", "kept", "ratio", "train_loss", "validation_loss", "density", "lost",
        "gained", "allowed", "epoch", "annealed");

    private static string Measured(string[] row) => $"{row[1]} {row[2]} {row[4]} {row[5]} {row[6]}";

    private static double Number(string field) => double.Parse(field, CultureInfo.InvariantCulture);
}
