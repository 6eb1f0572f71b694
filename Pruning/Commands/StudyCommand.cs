using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Model;
using Pruning.Methods;
using Pruning.Runs;
using Pruning.Studies;

namespace Pruning.Commands;

/// <summary>
/// <c>study</c>: methods x networks x seeds. A dense network a seed is trained once and shared. Each finished unit is a folder, so that a
/// study that was broken off goes on where it stopped; tables are made from all units in the folder, also those of earlier calls.
/// </summary>
internal static class StudyCommand
{
    private static readonly Option<string[]> Networks = Options.Words(
        "--networks", "NAME[,NAME]", "networks, one after the other; other budgets for one of them: call study again for it with the same --out",
        [.. NetworkDescription.Known.Keys]);

    private static readonly Option<ulong[]> Seeds = Options.Ranges("--seeds", "seeds, as 1-5 or 1,3,7-9", "1-5");
    private static readonly Option<string[]> Methods = Options.Words(
        "--methods", "dynamic,hand-set", "which sides", [StudyRow.HandSet, StudyRow.Dynamic], StudyRow.HandSet, StudyRow.Dynamic);

    private static readonly Option<int[]> Lengths = Options.Numbers<int, int[]>(
        "--hand-set-epochs", "epochs of retraining a hand-set try; each is a walk of its own", [2, 4, 8, 12], 1, 100_000, values => [.. values.Distinct()]);

    private static readonly Option<string?> Out = Options.Path("--out", "DIR", "folder of the study; one that is there goes on, if the options are the same");

    private static readonly IReadOnlyList<Setting> Asked = [.. Settings.Dynamic, .. Settings.Dense.Where(s => s != Settings.Network && s != Settings.Seed)];

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("study", "methods x networks x seeds, resumable, with tables");
        foreach (var option in ((IEnumerable<Option>)[Networks, Seeds, Methods, Lengths, Out]).Concat(Asked.Select(s => s.Option)).Concat(Options.Machine))
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        string path = invocation.Find(Out) ?? throw new UserException(ExitCode.Usage, "--out: expected a folder, found none");
        // Settings of a method that is not asked for now are the study's all the same: options.json holds later calls to them.
        if (invocation.IsGiven(Lengths) && !invocation.Get(Methods).Contains(StudyRow.HandSet))
        {
            throw new UserException(
                ExitCode.Usage, $"{Lengths.Name}: expected with {Methods.Name} {StudyRow.HandSet}, found with {StudyRow.Dynamic}");
        }
        var networks = invocation.Get(Networks);
        foreach (string network in networks)
            NetworkDescription.Parse(network);
        var folder = new StudyFolder(path);
        PruneOptions[] asked = [.. networks.Select(n => Asked.Aggregate(new PruneOptions { Network = n }, (o, s) => s.Apply(invocation, o)))];
        foreach (var options in asked)
            folder.Demand(options.Network, Described(invocation, options));
        foreach (var options in asked)
        {
            foreach (ulong seed in invocation.Get(Seeds))
                RunSeed(invocation, folder, options with { Seed = seed });
        }

        var (rows, answers) = folder.Gather();
        var summary = StudySummary.Of(rows, answers);
        string text = StudyText.Of(summary);
        AtomicFile.Write(folder.File(StudyFolder.Table), stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
        invocation.Terminal.Say($"\n{text}\n{folder.File(StudyFolder.Rows)}, {folder.File(StudyFolder.Answers)} and {folder.File(StudyFolder.Table)} are written");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = path, summary.Groups, summary.Pairs, Pareto = summary.Points });
    }

    /// <summary>What all units of a network have in common. Seeds, methods and retraining lengths name units, so more of them may follow.</summary>
    private static JsonObject Described(Invocation invocation, PruneOptions options)
    {
        var all = JsonSerializer.SerializeToNode(options, Terminal.Json)!.AsObject();
        all.Remove("seed");
        all.Insert(0, "data", JsonValue.Create(invocation.Find(Options.Data) ?? "mnist"));
        all.Insert(0, "simd", JsonValue.Create(invocation.Get(Options.Simd)));
        all.Insert(0, "workers", JsonValue.Create(invocation.Get(Options.Workers)));
        all.Insert(0, "device", JsonValue.Create(invocation.Get(Options.Device).ToString()));
        all.Insert(0, "verb", JsonValue.Create("study"));
        return all;
    }

    private static void RunSeed(Invocation invocation, StudyFolder folder, PruneOptions options)
    {
        var (network, seed) = (options.Network, options.Seed);
        var methods = invocation.Get(Methods);
        int[] lengths = methods.Contains(StudyRow.HandSet) ? [.. invocation.Get(Lengths).Where(e => Missing(HandSetUnit(e)))] : [];
        bool dynamic = methods.Contains(StudyRow.Dynamic) && Missing(StudyRow.Dynamic);
        if (lengths.Length == 0 && !dynamic && !Missing(StudyRow.Dense))
            return;
        using var bench = Workbench.Open(invocation, options, null);
        var trainer = bench.Trainer;
        if (Missing(StudyRow.Dense))
        {
            Unit(StudyRow.Dense, options, (experiment, into) =>
            {
                experiment.FinishDense(experiment.TrainDense(RunFolder.Dense));
                StudyAnswers.Write(into.File(StudyFolder.Answers), [StudyAnswers.Of(network, seed, StudyRow.Dense, 0, 0, trainer.EvaluateEach(Part.Test))]);
            });
        }
        // Always by way of the file, so that a study that goes on starts from the same bits and the same seconds.
        Workbench.Put(Checkpoint.Load(Path.Combine(folder.Unit(network, seed, StudyRow.Dense), RunFolder.Dense)), trainer);
        double[] took = [.. CsvTable.ReadOrRefuse(
            Path.Combine(folder.Unit(network, seed, StudyRow.Dense), RunFolder.Summary), "the summary.csv of a run",
            f => double.Parse(f[0], CultureInfo.InvariantCulture), "dense_seconds")];
        if (took.Length == 0)
            throw new UserException(ExitCode.BadFile, $"{folder.Unit(network, seed, StudyRow.Dense)}: expected a row in {RunFolder.Summary}, found none");
        var dense = new DenseNetwork(trainer.Save(), options.DenseEpochs, took[0], trainer.Evaluate(Part.Validation), trainer.Evaluate(Part.Test));

        foreach (int length in lengths)
        {
            var walk = new HandSetWalk();
            Unit(HandSetUnit(length), options with { Epochs = length }, (experiment, into) =>
            {
                experiment.TakeDense(dense);
                Write(into, StudyRow.HandSet, length, experiment.Prune(walk, dense), r => walk.Best(r.Outcome.Budget)?.Seconds ?? double.NaN);
            });
        }
        if (dynamic)
        {
            var method = new DynamicPruning();
            Unit(StudyRow.Dynamic, options, (experiment, into) =>
            {
                experiment.TakeDense(dense);
                var results = experiment.Prune(method, dense);
                // Every network within a budget, measured now that the search has ended: one of them is the first as light as by hand.
                StudyRow.Write(into.File(StudyFolder.Within), results.SelectMany(r => method.Within(r.Outcome.Budget).Select(light =>
                {
                    trainer.Restore(light.State);
                    return new StudyRow(
                        network, seed, StudyRow.DynamicAsLight, r.Outcome.Budget, 0, light.Tries, light.Epochs, light.Seconds, double.NaN, light.Kept, r.Summary.Total,
                        light.Validation.Accuracy, trainer.Evaluate(Part.Test).Accuracy, dense.Validation.Accuracy, dense.Test.Accuracy, dense.Seconds);
                })));
                Write(into, StudyRow.Dynamic, 0, results, _ => double.NaN);
            });
        }

        bool Missing(string unit) => !folder.Has(network, seed, unit);

        void Unit(string unit, PruneOptions own, Action<Experiment, RunFolder> run) => folder.Make(network, seed, unit, into =>
        {
            invocation.Terminal.Say($"{network}, seed {seed}, {unit} -> {into.Path}");
            using var experiment = new Experiment(trainer, own, new Dictionary<string, string> { ["unit"] = unit, ["verb"] = "study" }, into, invocation.Terminal, invocation.Cancellation);
            run(experiment, into);
        });

        void Write(RunFolder into, string method, int retraining, IReadOnlyList<PruneResult> results, Func<PruneResult, double> best)
        {
            StudyRow.Write(into.File(StudyFolder.Rows), results.Select(r => new StudyRow(
                network, seed, method, r.Outcome.Budget, retraining, r.Outcome.Tries, r.Outcome.Epochs, r.Outcome.Seconds, best(r), r.Summary.Kept, r.Summary.Total,
                r.Summary.ValidationAccuracy, r.Summary.TestAccuracy, dense.Validation.Accuracy, dense.Test.Accuracy, dense.Seconds)));
            StudyAnswers.Write(into.File(StudyFolder.Answers), results.Select(r => StudyAnswers.Of(network, seed, method, r.Outcome.Budget, retraining, r.Test)));
        }
    }

    private static string HandSetUnit(int length) => string.Create(CultureInfo.InvariantCulture, $"{StudyRow.HandSet}-{length}");
}
