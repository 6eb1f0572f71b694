using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Tests.ModelTests;
using static Tests.PruningTests.RunFiles;

namespace Tests.PruningTests;

/// <summary>What runs write, and that they write the same again.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly string[] Again = ["--epochs", "1"], Short = ["--dense-epochs", "2", .. Again];

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public RunTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("hand-set")]
    [InlineData("dynamic")]
    public void Prune_writes_the_files_of_the_contract(string method)
    {
        string run = _folder.Combine("run");
        var (output, _) = Cli.Done(["prune", "--method", method, .. Short, .. Cli.Small(_data, run), "--json"]);

        var iterations = ReadCsv(run, "iterations.csv", Iterations);
        Assert.Equal(
            Enumerable.Range(1, iterations.Count), iterations.Select(r => int.Parse(r["iteration"], CultureInfo.InvariantCulture)));
        Assert.All(iterations, r => Assert.Contains(r["decision"], (string[])["raise", "hold", "rollback", "finish"]));
        Assert.All(iterations, r => Assert.Equal(Number(r, "kept") / Number(r, "total"), Number(r, "density"), 1e-6));
        Assert.All(iterations, r => Assert.Matches(@"^\d+\.\d\d$", r["validation_accuracy"]));
        Assert.Equal("dense", iterations[0]["phase"]);
        Assert.All(iterations, r => Assert.NotEqual("", r["reason"]));
        var layers = ReadCsv(run, "layers.csv", Layers);
        Assert.Equal(2 * iterations.Count, layers.Count);
        foreach (var row in iterations)
            Assert.Equal(Number(row, "kept"), layers.Where(l => l["iteration"] == row["iteration"]).Sum(l => Number(l, "kept")));

        var summary = Assert.Single(ReadCsv(run, "summary.csv", Summary));
        Assert.Equal(method, summary["method"]);
        Assert.Equal(Number(summary, "total") / Number(summary, "kept"), Number(summary, "ratio"), 0.005);
        foreach (string column in (string[])["dense_validation_accuracy", "dense_test_accuracy", "validation_accuracy", "test_accuracy"])
            Assert.Matches(@"^\d+\.\d\d$", summary[column]);

        var model = Checkpoint.Load(Path.Combine(run, "model.safetensors"));
        Assert.Equal(Number(summary, "kept"), model.Kept);
        Assert.InRange(model.Kept, 1, model.Total - 1);
        Assert.Equal(model.Total, Checkpoint.Load(Path.Combine(run, "dense.safetensors")).Kept);
        using var options = Json(File.ReadAllText(Path.Combine(run, "options.json")));
        Assert.Equal(1, options.RootElement.GetProperty("epochs").GetInt32());
        Assert.Equal(method, options.RootElement.GetProperty("method").GetString());
        using var environment = Json(File.ReadAllText(Path.Combine(run, "environment.json")));
        Assert.Equal(Cli.Workers, $"{environment.RootElement.GetProperty("workers").GetInt32()}");
        Assert.Contains("</svg>", File.ReadAllText(Path.Combine(run, "curves.svg")));
        using var result = Json(output);
        Assert.Equal(model.Kept, result.RootElement.GetProperty("summary").GetProperty("kept").GetInt32());

        // The judged network is the one in the file.
        using var evaluation = Json(Cli.Done(
            "eval", "--model", Path.Combine(run, "model.safetensors"), "--part", "validation", "--data", _data,
            "--device", "cpu", "--json").Output);
        Assert.Equal(Number(summary, "validation_accuracy"), evaluation.RootElement.GetProperty("accuracy").GetDouble(), 1e-9);
    }

    /// <summary>
    /// What a row says of its judgement against what it says else: 80 validation images, of which a budget of 5 points is 4.
    /// </summary>
    [Theory]
    [InlineData("hand-set", "5")]
    [InlineData("dynamic", "5")]
    [InlineData("dynamic", "1.25,5")]
    public void A_row_of_a_network_that_was_judged_says_what_it_was_and_what_it_lost(string method, string budgets)
    {
        string run = _folder.Combine("run");
        string[] harsh = method == "hand-set" ? ["--sensitivity", "2.5"] : [];
        Cli.Done([
            "prune", "--method", method, .. harsh, "--max-drop", budgets, "--dense-epochs", "2", "--epochs", "2", .. Cli.Small(_data, run),
        ]);

        string[] columns = ["ratio", "annealed", "origin", "lost", "gained", "allowed"];
        var rows = ReadCsv(run, "iterations.csv", Iterations);
        var (judged, others) = (rows.Where(r => r["ratio"] != "").ToArray(), rows.Where(r => r["ratio"] == "").ToArray());
        // Epochs of dense training, and all but the last of hand-set retraining.
        Assert.Equal(method == "hand-set" ? ["dense", "dense", "retrain"] : ["dense", "dense"], others.Select(r => r["phase"]));
        Assert.All(others, r => Assert.All(columns, c => Assert.Equal("", r[c])));
        Assert.Contains(judged, r => r["lost"] != "0");
        Assert.Contains(judged, r => r["gained"] != "0");
        int Correct(Dictionary<string, string> row) => (int)Math.Round(Number(row, "validation_accuracy") / 100 * 80);
        int dense = Correct(rows[1]);
        foreach (var row in judged)
        {
            double balance = Number(row, "lost") - Number(row, "gained");
            Assert.Equal(Correct(row), dense - balance);
            Assert.Equal("4", row["allowed"]);
            Assert.Equal(Math.Floor(Number(row, "total") / Number(row, "ratio") + 1e-3), Number(row, "kept"));
            bool look = row["phase"] == "prune" && row["annealed"] == "0";
            if (method == "dynamic")
                Assert.Equal(balance <= 4 ? "raise" : look ? "hold" : "rollback", row["decision"]);
        }

        // By hand both epochs anneal; a network on or off the way down goes on from one that was before it.
        foreach (var row in judged.Where(r => r["phase"] != "prune"))
            Assert.Equal((row["phase"] == "probe" ? "0" : "2", "0"), (row["annealed"], row["origin"]));
        var way = judged.Where(r => r["phase"] == "prune").ToArray();
        Assert.Equal(method == "dynamic", way.Any(r => r["origin"] != "0"));
        foreach (var row in way.Where(r => r["origin"] != "0"))
        {
            var origin = Assert.Single(way, r => r["iteration"] == row["origin"]);
            Assert.True(Number(origin, "iteration") < Number(row, "iteration") && Number(origin, "ratio") <= Number(row, "ratio"));
        }
    }

    /// <summary>Logs of earlier versions, as those in Results, have no columns of a judgement.</summary>
    [Fact]
    public void A_log_without_the_columns_of_a_judgement_is_drawn()
    {
        string run = _folder.Combine("run"), log = Path.Combine(run, "iterations.csv"), picture = Path.Combine(run, "curves.svg");
        Cli.Done(["prune", .. Short, .. Cli.Small(_data, run)]);
        string[] lines = [.. File.ReadAllLines(log).Select(l => l.Split(',', 19)).Select(f => string.Join(',', [.. f[..12], f[18]]))];
        Assert.EndsWith(",density,decision,reason", lines[0]);
        File.WriteAllLines(log, lines);
        File.Delete(picture);
        Cli.Done("plot", "--run", run);
        // All that was pruned is a point, in both panels; what was retrained nobody says.
        int pruned = lines[1..].Count(l => l.Split(',') is var f && f[8] != f[9]);
        string[] rings = [.. File.ReadAllLines(picture).Where(l => l.Contains("<circle class=\"ring ", StringComparison.Ordinal))];
        Assert.InRange(rings.Count(l => l.Contains("<title>", StringComparison.Ordinal)), 1, 2 * pruned);
    }

    [Theory]
    [InlineData("hand-set")]
    [InlineData("dynamic")]
    public void The_same_seed_gives_the_same_files_and_another_seed_others(string method)
    {
        string[] runs = [.. new[] { ("a", "1"), ("b", "1"), ("c", "2") }.Select(r =>
        {
            string run = _folder.Combine(r.Item1);
            Cli.Done(["prune", "--method", method, .. Short, .. Cli.Small(_data, run), "--seed", r.Item2]);
            return run;
        })];
        AssertSameCourse(runs[0], runs[1]);
        Assert.NotEqual(Course(runs[0]), Course(runs[2]));
    }

    [Theory]
    [InlineData("hand-set")]
    [InlineData("dynamic")]
    public void Garbage_for_test_labels_changes_no_decision(string method)
    {
        string other = SmallSet.Write(_folder.Combine("other"), wrongTestLabels: true), a = _folder.Combine("a"), b = _folder.Combine("b");
        Cli.Done(["prune", "--method", method, .. Short, .. Cli.Small(_data, a)]);
        Cli.Done(["prune", "--method", method, .. Short, .. Cli.Small(other, b)]);
        AssertSameCourse(a, b);
        string Test(string run) => Assert.Single(ReadCsv(run, "summary.csv", Summary))["test_accuracy"];
        Assert.NotEqual(Test(a), Test(b));
    }

    [Fact]
    public void Pruning_a_file_goes_the_way_of_pruning_what_was_just_trained()
    {
        string whole = _folder.Combine("whole"), part = _folder.Combine("part");
        Cli.Done(["prune", "--method", "hand-set", "--sensitivity", "0.5", .. Short, .. Cli.Small(_data, whole)]);
        Cli.Done(["prune", "--method", "hand-set", "--sensitivity", "0.5", "--model", Path.Combine(whole, "dense.safetensors"), .. Again,
            .. Cli.Small(_data, part)[2..]]);
        Assert.Equal(Weights(whole), Weights(part));
    }

    [Fact]
    public void Compare_walks_by_hand_until_accuracy_is_lost_and_each_row_can_be_had_alone()
    {
        string run = _folder.Combine("run");
        var (output, remarks) = Cli.Done(["compare", "--max-drop", "2.5", .. Short, .. Cli.Small(_data, run), "--json"]);
        // With two digits more in a ratio or a time the table still fits 80 columns.
        var table = remarks.Split('\n').SkipWhile(l => !l.Contains("tries", StringComparison.Ordinal)).Take(5);
        Assert.All(table, l => Assert.InRange(l.Length, 70, 78));
        using var result = Json(output);
        var tries = result.RootElement.GetProperty("tries").EnumerateArray().ToArray();
        double floor = Number(ReadCsv(run, "iterations.csv", Iterations)[^1], "validation_accuracy") - 2.5;
        double Accuracy(JsonElement t) => t.GetProperty("validation").GetProperty("accuracy").GetDouble();
        Assert.All(tries[..^1], t => Assert.True(Accuracy(t) >= floor - 0.005));
        Assert.True(Accuracy(tries[^1]) < floor);
        Assert.Equal(Enumerable.Range(1, tries.Length).Select(n => 0.25 * n), tries.Select(t => t.GetProperty("sensitivity").GetDouble()));

        var rows = ReadCsv(
            run, "comparison.csv",
            "method,setting,tries,epochs,seconds,kept,total,density,ratio,validation_accuracy,test_accuracy,times_sooner");
        Assert.Equal(["hand-set (all tries)", "hand-set (best known)", "dynamic (as light)", "dynamic"], rows.Select(r => r["method"]));
        Assert.InRange(Number(rows[2], "kept"), Number(rows[3], "kept"), Number(rows[0], "kept"));
        Assert.InRange(Number(rows[2], "seconds"), 0, Number(rows[3], "seconds"));
        Assert.Equal(tries.Length, Number(rows[0], "epochs"));
        Assert.Equal("1.00", rows[0]["times_sooner"]);
        double first = Number(rows[0], "seconds"), last = Number(rows[^1], "seconds"), rounding = 0.0006 / first + 0.0006 / last;
        Assert.Equal(first / last, Number(rows[^1], "times_sooner"), 0.005 + first / last * rounding);
        Assert.Equal(2, ReadCsv(run, "summary.csv", Summary).Count);

        string alone = _folder.Combine("alone"), best = tries[^2].GetProperty("sensitivity").GetRawText();
        Cli.Done([
            "prune", "--method", "hand-set", "--sensitivity", best, "--model", Path.Combine(run, "dense.safetensors"), .. Again,
            .. Cli.Small(_data, alone)[2..]]);
        Assert.Equal(Weights(Path.Combine(run, "hand-set")), Weights(alone));
        string dynamic = _folder.Combine("dynamic");
        Cli.Done([
            "prune", "--max-drop", "2.5", "--model", Path.Combine(run, "dense.safetensors"), .. Again, .. Cli.OfModel(_data, dynamic)]);
        Assert.Equal(Weights(Path.Combine(run, "dynamic")), Weights(dynamic));

        string picture = _folder.Combine("compare.svg");
        Cli.Done("plot", "--run", run, "--out", picture);
        Assert.Contains("hand-set", File.ReadAllText(picture));
    }

    /// <summary>12,704 weights: the way down ends where a layer has none left, or at once where it begins near there.</summary>
    [Theory]
    [InlineData("6")]
    [InlineData("10000")]
    public void A_budget_that_allows_all_ends_with_a_network_that_has_weights(string firstRatio)
    {
        string run = _folder.Combine("run");
        Cli.Done([
            "prune", "--max-drop", "100", "--first-ratio", firstRatio, "--dense-epochs", "1", "--epochs", "1", .. Cli.Small(_data, run)]);
        Assert.InRange(Number(Assert.Single(ReadCsv(run, "summary.csv", Summary)), "kept"), 1, 300);
        Assert.Contains("has no weights left at 1/", File.ReadAllText(Path.Combine(run, "log.txt")), StringComparison.Ordinal);
    }

    [Fact]
    public void Looks_lie_on_one_way_down_and_a_teacher_changes_it()
    {
        string run = _folder.Combine("run"), alone = _folder.Combine("alone");
        string[] prune = ["prune", "--max-drop", "30", "--first-ratio", "10", "--dense-epochs", "2", "--epochs", "1"];
        Cli.Done([.. prune, .. Cli.Small(_data, run)]);
        Cli.Done([.. prune, .. Cli.Small(_data, alone), "--teacher-share", "0"]);
        var rows = ReadCsv(run, "iterations.csv", Iterations);
        var looks = rows.Where(r => r["phase"] == "prune" && r["annealed"] == "0").ToList();
        Assert.True(looks.Count > 3);
        Assert.Equal("0", looks[0]["origin"]);
        Assert.Equal(looks.SkipLast(1).Select(r => r["iteration"]), looks.Skip(1).Select(r => r["origin"]));
        Assert.All(looks.Zip(looks.Skip(1)), p => Assert.True(Number(p.Second, "ratio") >= 1.41 * Number(p.First, "ratio")));
        Assert.All(looks, r => Assert.Equal(0.004, Number(r, "learning_rate")));
        Assert.All(Rates(run, "probe"), r => Assert.Equal(0, r));
        Assert.Equal(0.0015, Rates(run, "dense")[0], 1e-4);
        // The first that is annealed is a look, and the way goes on from there; others come after all looks.
        var annealed = rows.Where(r => r["phase"] == "prune" && r["annealed"] != "0").ToList();
        Assert.All(annealed, row => Assert.True(Number(row, "annealed") > 0.2));
        var look = rows[rows.IndexOf(annealed[0]) - 1];
        Assert.Equal((look["iteration"], look["ratio"], "0"), (annealed[0]["origin"], annealed[0]["ratio"], look["annealed"]));
        Assert.All(annealed.Skip(1), row => Assert.True(Number(row, "iteration") > Number(looks[^1], "iteration")));
        var (taught, untaught) = (Course(run).Split('\n'), Course(alone).Split('\n'));
        int first = rows.FindIndex(r => r["phase"] == "prune");
        Assert.Equal(taught[..first], untaught[..first]);
        Assert.NotEqual(taught[first], untaught[first]);
    }

    private static double[] Rates(string run, string phase) =>
        [.. ReadCsv(run, "iterations.csv", Iterations).Where(r => r["phase"] == phase).Select(r => Number(r, "learning_rate"))];
}
