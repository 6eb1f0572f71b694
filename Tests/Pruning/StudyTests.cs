using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Runs;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Studies that run, are broken off, go on, and are refused.</summary>
public sealed class StudyTests : IDisposable
{
    private static readonly string[] Decided =
    [
        "network", "seed", "method", "budget", "retraining", "tries", "epochs", "kept", "total", "validation_accuracy",
        "dense_validation_accuracy",
    ];

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public StudyTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_study_has_a_row_for_every_network_seed_method_budget_and_length()
    {
        string study = _folder.Combine("study");
        using var result = JsonDocument.Parse(Cli.Done([.. Study(study, _data), "--json"]).Output);
        var rows = CsvTable.Read(
            Path.Combine(study, "study.csv"), "seed", "budget", "method", "retraining", "kept", "seconds", "seconds_as_light",
            "best_try_seconds", "as_light");
        string[] expected =
        [
            .. from seed in (string[])["1", "2"]
               from budget in (string[])["1.25", "10"]
               from method in (string[])["hand-set,1", "hand-set,2", "dynamic,"]
               select $"{seed},{budget},{method}",
        ];
        Assert.Equal(expected, rows.Where(r => r[2] != "dynamic-as-light").Select(r => string.Join(',', r[..4])));
        foreach (var hand in rows.Where(r => r[2] == "hand-set"))
        {
            var light = rows.SingleOrDefault(r => r[2] == "dynamic-as-light" && r[0] == hand[0] && r[1] == hand[1] && r[3] == hand[3]);
            Assert.Equal((light?[5] ?? "", light is null ? "no" : "yes"), (hand[6], hand[8]));
            Assert.InRange(
                light is null ? 0 : int.Parse(light[4], CultureInfo.InvariantCulture),
                0, int.Parse(hand[4], CultureInfo.InvariantCulture));
            Assert.InRange(Number(hand[7]), 0, Number(hand[5]));
        }
        var groups = result.RootElement.GetProperty("groups").EnumerateArray()
            .Where(g => g.GetProperty("method").GetString() != "dynamic-as-light").ToArray();
        Assert.Equal(2 * 3, groups.Length);
        Assert.All(groups, g => Assert.Equal(2, g.GetProperty("seeds").GetInt32()));
        // Counts are called kept, shares are not, and accuracy has one name.
        string[] names =
        [
            .. groups[0].EnumerateObject().Concat(result.RootElement.GetProperty("pareto")[0].EnumerateObject()).Select(p => p.Name),
        ];
        Assert.Contains("kept_percent", names);
        Assert.Equal(2, names.Count(n => n == "test_accuracy"));
        Assert.DoesNotContain(names, n => n is "kept" or "test" or "accuracy");
        Assert.Contains("hand-set, 2 epochs", File.ReadAllText(Path.Combine(study, "table.txt")));

        // A unit is an ordinary run: the same network comes out of prune.
        string alone = _folder.Combine("alone");
        Cli.Done(["prune", "--max-drop", "1.25,10", "--dense-epochs", "2", "--epochs", "1", "--seed", "2", .. Cli.Small(_data, alone)]);
        foreach (string model in (string[])["model.safetensors", "drop-10/model.safetensors"])
            Assert.Equal(Weights(Path.Combine(alone, model)), Weights(Path.Combine(study, "fc16r-fc10", "seed-2", "dynamic", model)));
    }

    /// <summary>One seed has no deviation, and one method nothing to be sooner than.</summary>
    [Theory]
    [InlineData("dynamic,hand-set")]
    [InlineData("dynamic")]
    [InlineData("hand-set")]
    public void What_cannot_be_measured_is_null(string methods)
    {
        string[] lengths = methods == "dynamic" ? [] : ["--hand-set-epochs", "1"];
        using var result = JsonDocument.Parse(
            Cli.Done([.. Study(_folder.Combine("study"), _data)[..^4], "--seeds", "1", .. lengths, "--methods", methods, "--json"]).Output);
        var groups = result.RootElement.GetProperty("groups").EnumerateArray().ToArray();
        Assert.NotEmpty(groups);
        Assert.All(groups, g => Assert.Equal(JsonValueKind.Null, g.GetProperty("ratio_deviation").ValueKind));
    }

    [Fact]
    public void A_call_that_came_to_nothing_does_not_bind_the_next()
    {
        string study = _folder.Combine("study");
        Assert.Equal((int)ExitCode.BadData, Cli.Run(Study(study, _folder.Combine("absent"))).Code);
        Cli.Done([.. Study(study, _data)[..^4], "--seeds", "1", "--methods", "hand-set", "--hand-set-epochs", "1"]);
    }

    [Fact]
    public async Task A_killed_study_goes_on_where_it_stopped()
    {
        string whole = _folder.Combine("whole"), broken = _folder.Combine("broken"), options = Path.Combine("fc16r-fc10", "options.json");
        string first = Path.Combine(broken, "fc16r-fc10", "seed-1", "hand-set-1");
        string last = Path.Combine(broken, "fc16r-fc10", "seed-2", "dense");
        Cli.Done(Study(whole, _data));
        Directory.CreateDirectory(Path.Combine(broken, "fc16r-fc10"));
        File.Copy(Path.Combine(whole, options), Path.Combine(broken, options));
        // As long as somebody else has a claim to the last dense network the study waits for it, however late it is killed.
        using (FolderLock.TryTake($"{last}.partial"))
        using (var process = Cli.Start(_folder.Path, Study(broken, _data)))
        {
            var patience = Stopwatch.StartNew();
            while (!Directory.Exists(first) && !process.HasExited && patience.Elapsed < TimeSpan.FromMinutes(5))
                await Task.Delay(5, TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.True(Directory.Exists(first));
        Assert.False(File.Exists(Path.Combine(broken, "study.csv")), "the study ended before it was killed");
        var finished = File.GetLastWriteTimeUtc(Path.Combine(first, "study.csv"));
        Cli.Done(Study(broken, _data));
        Assert.Equal(finished, File.GetLastWriteTimeUtc(Path.Combine(first, "study.csv")));
        Assert.Equal(Rows(whole, [.. Decided, "test_accuracy"]), Rows(broken, [.. Decided, "test_accuracy"]));
        Assert.Equal(File.ReadAllText(Path.Combine(whole, "answers.csv")), File.ReadAllText(Path.Combine(broken, "answers.csv")));
        Assert.DoesNotContain(
            Directory.EnumerateDirectories(broken, "*", SearchOption.AllDirectories),
            d => d.EndsWith(".partial", StringComparison.Ordinal));

        // Once all is there, neither data nor device is needed to make the tables again.
        File.Delete(Path.Combine(broken, "table.txt"));
        string rows = File.ReadAllText(Path.Combine(broken, "study.csv"));
        Directory.Delete(_data, recursive: true);
        Cli.Done(Study(broken, _data));
        Assert.Equal(rows, File.ReadAllText(Path.Combine(broken, "study.csv")));
        Assert.True(File.Exists(Path.Combine(broken, "table.txt")));
    }

    [Fact]
    public void An_interrupted_study_has_no_unit_that_is_not_whole()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        string study = _folder.Combine("study");
        Assert.Equal((int)ExitCode.Interrupted, Cli.Run(cancelled.Token, Study(study, _data)).Code);
        Assert.False(Directory.Exists(Path.Combine(study, "fc16r-fc10", "seed-1", "dense")));
        Assert.False(File.Exists(Path.Combine(study, "study.csv")));
    }

    [Fact]
    public void Other_options_are_refused_and_other_seeds_and_lengths_are_not()
    {
        string study = _folder.Combine("study");
        string[] small = [.. Study(study, _data)[..^4], "--seeds", "1", "--methods", "hand-set"];
        Cli.Done([.. small, "--hand-set-epochs", "1"]);
        var (code, _, error) = Cli.Run([.. small, "--decay", "0.01"]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Equal(
            $"error: {Path.Combine(study, "fc16r-fc10", "options.json")}: this study began with decay = 0.0005, asked for is 0.01; "
            + "another --out begins another study\n",
            error);
        Cli.Done([.. small, "--hand-set-epochs", "2"]);
        Assert.Equal(["1", "2", "1", "2"], CsvTable.Read(Path.Combine(study, "study.csv"), "retraining").Select(r => r[0]));
    }

    /// <summary>What follows from layers stands there as if it had been said: studies of before it could be left out go on.</summary>
    [Fact]
    public void Options_are_those_that_units_have()
    {
        string study = _folder.Combine("study");
        foreach (string network in (string[])["fc8r fc10", "conv4@5s4br fc10"])
        {
            Cli.Done(
                "study", "--networks", network, "--seeds", "1", "--methods", "hand-set", "--hand-set-epochs", "1", "--dense-epochs", "1",
                "--validation", "80", "--device", "cpu", "--no-report", "--data", _data, "--out", study);
        }
        string plain = File.ReadAllText(Path.Combine(study, "fc8r-fc10", "options.json"));
        Assert.Contains("\"learning_rate\": 0.001,", plain);
        Assert.DoesNotContain("optimizer", plain);
        string normalised = File.ReadAllText(Directory.EnumerateFiles(study, "options.json", SearchOption.AllDirectories)
            .Single(f => f.Contains("conv4", StringComparison.Ordinal) && !f.Contains("seed", StringComparison.Ordinal)));
        Assert.Contains("\"optimizer\": \"sgd\"", normalised);
    }

    /// <summary>A path says nothing of what is there, and one set has many.</summary>
    [Fact]
    public void Another_set_is_refused_and_another_path_to_the_same_is_not()
    {
        string study = _folder.Combine("study"), options = Path.Combine(study, "fc16r-fc10", "options.json");
        string moved = _folder.Combine("moved");
        Cli.Done(OfSeed(1, _data));
        string sha = DataFolder.Load(_data, new()).Sha256();
        Assert.Contains($"\"data_sha256\": \"{sha}\"", File.ReadAllText(options));
        Directory.Move(_data, moved);
        Cli.Done(OfSeed(2, moved));
        Cli.Done(OfSeed(2, Path.Combine(moved, "..", "moved")));
        string rows = File.ReadAllText(Path.Combine(study, "study.csv"));
        SmallSet.Write(_data, wrongTestLabels: true);
        foreach (ulong seed in (ulong[])[1, 3])
        {
            var (code, _, error) = Cli.Run(OfSeed(seed, _data));
            Assert.Equal((int)ExitCode.Usage, code);
            Assert.StartsWith($"error: {options}: this study began with data_sha256 = \"{sha}\", asked for is ", error);
        }
        Assert.Equal(rows, File.ReadAllText(Path.Combine(study, "study.csv")));

        // A study of before goes by the path as it was typed.
        File.WriteAllLines(options, File.ReadLines(options).Where(l => !l.Contains("data_sha256", StringComparison.Ordinal)).ToArray());
        Cli.Done(OfSeed(1, _data));
        Assert.Contains("began with data = ", Cli.Run(OfSeed(1, moved)).Error);

        string[] OfSeed(ulong seed, string data) =>
            [.. Study(study, data)[..^4], "--seeds", $"{seed}", "--methods", "hand-set", "--hand-set-epochs", "1"];
    }

    [Fact]
    public async Task Two_processes_make_each_unit_once_and_the_last_writes_all()
    {
        string study = _folder.Combine("study"), alone = _folder.Combine("alone");
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => Cli.Run(Study(study, _data)))));
        Assert.All(both, b => Assert.True(b.Code == 0, b.Error));
        string[] made =
        [
            .. both.SelectMany(b => b.Error.Split('\n')).Where(l => l.Contains(" -> ", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
        ];
        string[] units = ["dense", "dynamic", "hand-set-1", "hand-set-2"];
        Assert.Equal(
            [
                .. from seed in (int[])[1, 2]
                   from unit in units
                   select $"fc16r fc10, seed {seed}, {unit} -> "
                       + Path.Combine(study, "fc16r-fc10", $"seed-{seed}", $"{unit}.partial", "partial"),
            ],
            made);
        Cli.Done(Study(alone, _data));
        Assert.Equal(Rows(alone, [.. Decided, "test_accuracy"]), Rows(study, [.. Decided, "test_accuracy"]));
        Assert.DoesNotContain(
            Directory.EnumerateFileSystemEntries(study, "*", SearchOption.AllDirectories),
            e => e.EndsWith(".partial", StringComparison.Ordinal) || e.EndsWith(".lock", StringComparison.Ordinal));
    }

    [Fact]
    public void A_unit_without_its_files_is_named()
    {
        string study = _folder.Combine("study"), seed = Path.Combine(study, "fc16r-fc10", "seed-1");
        string[] one = [.. Study(study, _data)[..^4], "--seeds", "1", "--hand-set-epochs", "1"];
        Cli.Done(one);
        string[] tables = Tables();
        foreach (string name in (string[])
            [
                "dense/summary.csv", "dense/answers.csv", "hand-set-1/study.csv", "hand-set-1/answers.csv",
                "dynamic/study.csv", "dynamic/within.csv",
            ])
        {
            string file = Path.Combine(seed, name), content = File.ReadAllText(file);
            File.Delete(file);
            Refused(file, "none");
            // What is not there when nothing was within the budget, or needed only to make more.
            if (name is not ("dense/summary.csv" or "dynamic/within.csv"))
            {
                File.WriteAllText(file, content.Split('\n')[0]);
                Refused(file, "one without a row");
            }
            File.WriteAllText(file, content);
        }
        Directory.Delete(Path.Combine(seed, "hand-set-1"), recursive: true);
        Cli.Done(one);
        Assert.Equal(tables[1], Tables()[1]);

        string[] Tables() => [File.ReadAllText(Path.Combine(study, "study.csv")), File.ReadAllText(Path.Combine(study, "answers.csv"))];

        void Refused(string file, string found)
        {
            var (code, _, error) = Cli.Run(one);
            Assert.Equal((int)ExitCode.BadFile, code);
            Assert.Equal(
                $"error: {file}: expected the file of a finished unit, found {found}; "
                + $"without the folder {Path.GetDirectoryName(file)} it is made anew\n",
                error);
            Assert.Equal(tables, Tables());
        }
    }

    [Fact]
    public async Task Without_a_folder_it_is_runs_study_and_goes_on_there()
    {
        string[] arguments = [.. Study("", _data)[..^4], "--seeds", "1", "--methods", "hand-set", "--hand-set-epochs", "1"];
        int at = Array.IndexOf(arguments, "--out");
        foreach (int units in (int[])[2, 0])
        {
            using var process = Cli.Start(_folder.Path, [.. arguments[..at], .. arguments[(at + 2)..]]);
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.ExitCode == 0, error);
            Assert.Equal(units, error.Split(" -> runs/study", StringSplitOptions.None).Length - 1);
            Assert.Contains("hand-set, 1 epochs", await output);
        }
        Assert.True(File.Exists(_folder.Combine("runs", "study", "study.csv")));
    }

    [Fact]
    public void An_interrupted_study_says_how_it_goes_on()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        string study = _folder.Combine("a study");
        string[] arguments = Study(study, _data);
        var (code, _, error) = Cli.Run(cancelled.Token, arguments);
        Assert.Equal((int)ExitCode.Interrupted, code);
        Assert.Contains(
            $"finished units are kept in {study}; the same command goes on with the others\n"
            + "next: secateurs study --networks 'fc16r fc10' --dense-epochs 2 ",
            error);
        Assert.Contains($" --out '{study}' --seeds 1-2 --hand-set-epochs 1,2\n", error);
    }

    [Fact]
    public void Garbage_for_test_labels_changes_no_decision()
    {
        string other = SmallSet.Write(_folder.Combine("other"), wrongTestLabels: true), a = _folder.Combine("a"), b = _folder.Combine("b");
        Cli.Done(Study(a, _data));
        Cli.Done(Study(b, other));
        Assert.Equal(Rows(a, Decided), Rows(b, Decided));
        Assert.NotEqual(Rows(a, ["test_accuracy"]), Rows(b, ["test_accuracy"]));
    }

    private static string[] Study(string study, string data) =>
    [
        "study", "--networks", "fc16r fc10", "--dense-epochs", "2", "--epochs", "1", "--max-drop", "1.25,10",
        .. Cli.Small(data, study)[2..], "--seeds", "1-2", "--hand-set-epochs", "1,2",
    ];

    private static string[] Rows(string study, string[] columns) =>
        [.. CsvTable.Read(Path.Combine(study, "study.csv"), columns).Select(r => string.Join(',', r))];

    private static byte[] Weights(string model) => [.. SafeTensors.Read(model).Tensors.SelectMany(t => t.Data)];

    private static double Number(string text) => text.Length == 0 ? 0 : double.Parse(text, CultureInfo.InvariantCulture);
}
