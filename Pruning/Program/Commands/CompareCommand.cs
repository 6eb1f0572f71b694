using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>compare</c>: thresholds set by hand against thresholds that follow the measured accuracy. Both start from the same dense network
/// with the same seed; each hand-set try is retrained for the epochs of the options, to which the other side scales its effort.
/// </summary>
internal static class CompareCommand
{
    private static readonly Option<bool> Full = Options.Flag(
        "--full", "goes on to the coded file: shares the dynamic side's weights and writes model.dcn");

    private static readonly RunCommand Verb = new(
        "compare", "hand-set thresholds against dynamic ones, from the same dense network", [.. Settings.Dynamic, .. Settings.Dense],
        Options.Model, Full, ReportCommand.None);

    private const string AsLight = "dynamic (as light)";

    public static (Command, Action<Invocation>) Create() => (Verb.Command, Run);

    /// <summary>A row of the table and of comparison.csv.</summary>
    private sealed record Row(string Method, string Setting, int Tries, double Epochs, SummaryRow Summary, double Seconds);

    private static void Run(Invocation invocation)
    {
        var start = RunCommand.StartModel(invocation);
        var options = Verb.Read(invocation, start, Readers.HandSet | Readers.Dynamic);
        if (options.MaxDrop.Values.Count > 1)
            throw new UserException(ErrorKind.Usage, $"--max-drop: expected one budget to compare at, found {options.MaxDrop}");
        double budget = options.MaxDrop.Least;
        using var bench = Workbench.Open(invocation, options, start);
        options = bench.Options;
        var outputs = RunOutputs.OfSearch(start is null ? null : ModelFile.Find(invocation.Find(Options.Model)!), RunFolder.Sides);
        var sharing = invocation.Get(Full) ? Sharing(options) : null;
        JobPart[] parts =
        [
            .. start is null ? (JobPart[])[JobPlan.Dense(options)] : [], JobPlan.Walk(options), JobPlan.Search(options, RunFolder.Dynamic),
            .. sharing is null ? (JobPart[])[] : [JobPlan.Compress(sharing, bench.Trainer.Network)],
        ];
        if (DryRun.IsAsked(invocation))
        {
            DryRun.Say(invocation, bench, options, parts, networks: start is null ? 3 : 2);
            return;
        }
        var job = new JobProgress(parts);
        using var folder = RunCommand.OpenFolder(invocation, options, "compare", outputs);
        var journal = folder.Begin(bench.Identity);
        RunFolder handSetFolder = folder.Inner(RunFolder.HandSet), dynamicFolder = folder.Inner(RunFolder.Dynamic);

        DenseNetwork dense;
        using (var experiment = Open(folder, null))
            dense = start is null ? experiment.TrainDense(RunFolder.Dense) : experiment.TakeDense();
        var walk = new HandSetWalk();
        var (byHand, walked, walkedLayers, _) = Prune(walk, handSetFolder, RunFolder.HandSet);
        var method = new DynamicPruning();
        var (outcome, moved, movedLayers, _) = Prune(method, dynamicFolder, RunFolder.Dynamic);

        string setting = $"S = {Number(walk.Tries[0].Sensitivity)} to {Number(walk.Tries[^1].Sensitivity)}";
        var rows = new List<Row>
        {
            new("hand-set (all tries)", setting, walk.Tries.Count, walked.PruneEpochs, walked, walked.PruneSeconds),
        };
        if (walk.Best(budget) is { } best)
            rows.Add(new Row("hand-set (best known)", $"S = {Number(best.Sensitivity)}", 1, options.Epochs, walked, best.Seconds));
        // When the other side first had a network as light as the best by hand. It is read from the finished run, so no decision sees it.
        if (method.Within(budget).FirstOrDefault(n => n.Kept <= walked.Kept) is { } light)
        {
            bench.Trainer.Restore(light.State);
            var summary = walked with
            {
                Method = method.Name,
                Kept = light.Kept,
                PruneEpochs = light.Epochs,
                PruneSeconds = light.Seconds,
                ValidationAccuracy = light.Validation.Accuracy,
                TestAccuracy = bench.Trainer.Evaluate(Part.Test).Accuracy,
            };
            rows.Add(new Row(AsLight, $"iteration {light.Iteration}", light.Tries, light.Epochs, summary, light.Seconds));
        }
        rows.Add(new Row("dynamic", $"budget {Number(budget)}", outcome.Tries, moved.PruneEpochs, moved, moved.PruneSeconds));

        folder.WriteSummary(walked, moved);
        Write(folder, rows, walked.PruneSeconds);
        folder.WriteText(RunFolder.Curves, Curves.OfComparison(
            [.. RunFolder.Sides.Select(folder.File)], $"{options.Network}, seed {options.Seed}"));
        var compressed = sharing is null ? null : Compress();
        folder.Finish();

        Action<string> say = invocation.Terminal.Say, print = invocation.Terminal.Print;
        say(string.Create(CultureInfo.InvariantCulture, $"\n{options.Network}, seed {options.Seed}, {bench.Device.Name}"));
        say(string.Create(
            CultureInfo.InvariantCulture,
            $"dense: validation {dense.Validation.Accuracy:F2} %, test {dense.Test.Accuracy:F2} %, "
            + $"{dense.Epochs:F0} epochs, {dense.Seconds:F1} s\n"));
        bool wins = moved.Ratio >= walked.Ratio;
        print(Table(rows, walked.PruneSeconds, wins ? rows[^1] : rows[0]).ToString());
        say("* the lightest within the budget; sooner: than all tries by hand,\n  where dynamic first was as light");
        print("\n" + PruneCommand.LayerTable((RunFolder.HandSet, walkedLayers), (RunFolder.Dynamic, movedLayers)));
        string headline = Headline.Of(moved, outcome.WithinBudget, walked, byHand.WithinBudget, budget);
        // In two lines, which fit 80 columns.
        print($"\n{headline.Replace("; ", ";\n", StringComparison.Ordinal)}");
        if (compressed is not null)
            CompressCommand.Show(invocation.Terminal, options.Network, compressed);
        say("");
        ReportCommand.AtEnd(invocation, folder.Path, bench.Data);
        say($"logs and plots are in {folder.Path}");
        invocation.Next("eval", "--model", dynamicFolder.File(compressed is null ? RunFolder.Model : RunFolder.Coded));
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Out = folder.Path,
                Headline = headline,
                Rows = rows.Select(r =>
                    new { r.Method, r.Setting, r.Tries, r.Epochs, r.Seconds, TimesSooner = walked.PruneSeconds / r.Seconds, r.Summary }),
                walk.Tries,
                Layers = new { HandSet = walkedLayers, Dynamic = movedLayers },
                Compressed = compressed is null ? null : CompressCommand.Result(dynamicFolder, compressed),
            });
        }

        PruneResult Prune(IPruningMethod by, RunFolder into, string name)
        {
            using var experiment = Open(into, name);
            experiment.TakeDense(dense);
            return experiment.Prune(by, dense)[0];
        }

        // The dynamic side's network as a file, within the budget of pruning.
        Compressed Compress()
        {
            var model = Checkpoint.Load(dynamicFolder.File(RunFolder.Model));
            var judge = (start ?? Checkpoint.Load(folder.File(RunFolder.Dense))) with
            {
                Seed = model.Seed,
                Validation = model.Validation,
                Split = model.Split,
            };
            var task = new CompressTask(bench.Device, model, judge, bench.Data.Redrawn(options.Split), options.Batch);
            return CompressCommand.Run(invocation, task, sharing, dynamicFolder, journal, job);
        }

        Experiment Open(RunFolder into, string? method) => new(
            bench.Trainer, options, Verb.Settings(invocation, bench, method), into, invocation.Terminal, invocation.Cancellation, job,
            journal);
    }

    /// <summary>Taught as pruning was, and within its budget.</summary>
    private static CompressOptions Sharing(PruneOptions options) => new()
    {
        TeacherShare = options.TeacherShare,
        Temperature = options.Temperature,
        MaxDrop = options.MaxDrop.Least,
    };

    private static void Write(RunFolder folder, List<Row> rows, double handSetSeconds) => CsvTable.WriteWhole(
        folder.File(RunFolder.Comparison),
        "method,setting,tries,epochs,seconds,kept,total,density,ratio,validation_accuracy,test_accuracy,times_sooner",
        rows.Select(r => new[]
        {
            r.Method, r.Setting, Csv.Whole(r.Tries), Csv.Short(r.Epochs), Csv.Three(r.Seconds), Csv.Whole(r.Summary.Kept),
            Csv.Whole(r.Summary.Total), Csv.Six((double)r.Summary.Kept / r.Summary.Total), Csv.Two(r.Summary.Ratio),
            Csv.Two(r.Summary.ValidationAccuracy), Csv.Two(r.Summary.TestAccuracy), Csv.Two(handSetSeconds / r.Seconds),
        }));

    /// <summary>Fits 80 columns; comparison.csv has more. Seconds are compared where networks are: at the first as light one.</summary>
    private static TextTable Table(List<Row> rows, double handSetSeconds, Row best)
    {
        var table = new TextTable("", "method", "tries", "time", "ratio", "valid. %", "test %", "sooner");
        foreach (var r in rows)
        {
            bool equals = r.Method == AsLight;
            table.Add(
                r == best ? "*" : "", equals ? r.Method : $"{r.Method.Split(' ')[0]}, {r.Setting}", Csv.Whole(r.Tries),
                Durations.Text(r.Seconds), $"{r.Summary.Ratio.ToString("F1", CultureInfo.InvariantCulture)}x",
                Csv.Two(r.Summary.ValidationAccuracy), Csv.Two(r.Summary.TestAccuracy),
                equals ? $"{(handSetSeconds / r.Seconds).ToString("F1", CultureInfo.InvariantCulture)}x" : "-");
        }
        return table;
    }

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}
