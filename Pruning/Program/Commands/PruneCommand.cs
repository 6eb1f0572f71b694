using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary><c>prune</c>: a dense network, trained first or given by --model, and one pruning method.</summary>
internal static class PruneCommand
{
    private const string HandSet = HandSetPruning.MethodName;

    private static readonly Option<string> Method =
        Options.Choice("--method", "thresholds follow the measured accuracy, or are set by hand", ("static", HandSet), "dynamic", HandSet);

    private static readonly RunCommand Verb = new(
        "prune", "train a dense network, or take one, and prune it",
        [.. Settings.Dynamic, Settings.Sensitivity, Settings.TargetRatio, .. Settings.Dense], Method, Options.Model, ReportCommand.None);

    public static (Command, Action<Invocation>) Create() => (Verb.Command, Run);

    private static void Run(Invocation invocation)
    {
        bool handSet = invocation.Get(Method) == HandSet, target = invocation.IsGiven(Settings.TargetRatio.Option);
        if (handSet && target)
            throw new UserException(ErrorKind.Usage, $"--target-ratio: expected with --method dynamic, found with --method {HandSet}");
        var start = RunCommand.StartModel(invocation);
        var options = Verb.Read(invocation, start, handSet ? Readers.HandSet : target ? Readers.Target : Readers.Dynamic);
        if (handSet && options.MaxDrop.Values.Count > 1)
            throw new UserException(ErrorKind.Usage, $"--max-drop: expected one budget for --method {HandSet}, found {options.MaxDrop}");
        IPruningMethod method = handSet ? new HandSetPruning(options.Sensitivity)
            : target ? new TargetPruning(options.TargetRatio) : new DynamicPruning();
        using var bench = Workbench.Open(invocation, options, start);
        options = bench.Options;
        if (target)
            TargetPruning.Demand(options.TargetRatio, bench.Trainer.Parameters.WeightCount);
        var outputs = RunOutputs.OfSearch(
            start is null ? null : ModelFile.Find(invocation.Find(Options.Model)!),
            options.MaxDrop.Values.Skip(1).Select(RunFolder.DropName));
        JobPart[] parts =
        [
            .. start is null ? (JobPart[])[JobPlan.Dense(options)] : [],
            handSet ? JobPlan.OneTry(options) : JobPlan.Search(options, method.Name),
        ];
        if (DryRun.IsAsked(invocation))
        {
            DryRun.Say(invocation, bench, options, parts, networks: options.MaxDrop.Values.Count + (start is null ? 1 : 0));
            return;
        }
        using var folder = RunCommand.OpenFolder(invocation, options, method.Name, outputs);
        IReadOnlyList<PruneResult> results;
        using (var experiment = new Experiment(
            bench.Trainer, options, Verb.Settings(invocation, bench, method.Name), folder, invocation.Terminal, invocation.Cancellation,
            new JobProgress(parts), folder.Begin(bench.Identity)))
        {
            results = experiment.Prune(method, start is null ? experiment.TrainDense(RunFolder.Dense) : experiment.TakeDense());
        }
        folder.Finish();
        var (outcome, summary, layers, _) = results[0];
        invocation.Terminal.Print(
            LayerTable([.. results.Select(r => (results.Count == 1 ? "" : $"budget {Csv.Short(r.Outcome.Budget)}", r.Layers))]).ToString());
        if (Zeros(bench.Trainer) is > 0 and var zeros)
        {
            invocation.Terminal.Say(
                string.Create(CultureInfo.InvariantCulture, $"{zeros:N0} of the {summary.Kept:N0} kept weights are zero"));
        }
        foreach (var r in results)
        {
            string budget = results.Count == 1 ? "" : $"budget {Csv.Short(r.Outcome.Budget)}: ";
            invocation.Terminal.Print($"\n{budget}{Headline.Of(r.Summary, r.Outcome.Budget, r.Outcome.WithinBudget)}");
        }
        ReportCommand.AtEnd(invocation, folder.Path, bench.Data);
        invocation.Next("eval", "--model", folder.File(RunFolder.Model));
        if (invocation.Get(Options.Json))
        {
            // The smallest budget as ever, then whatever others were asked for.
            var others = results.Skip(1)
                .Select(r => new { r.Outcome.Budget, r.Summary, r.Outcome.Iteration, r.Outcome.WithinBudget, r.Layers });
            invocation.Terminal.Result(
                new
                {
                    Out = folder.Path,
                    Headline = Headline.Of(summary, outcome.Budget, outcome.WithinBudget),
                    Summary = summary,
                    outcome.Iteration,
                    outcome.WithinBudget,
                    Layers = layers,
                    Others = others,
                });
        }
    }

    /// <summary>Live weights that are zero, as of a network that came in with zeros that were not marked as pruned.</summary>
    private static int Zeros(Trainer trainer)
    {
        float[] weights = trainer.Parameters.GetWeights(), mask = trainer.Parameters.GetMask();
        return trainer.Parameters.Layers.SelectMany(l => Enumerable.Range(l.WeightOffset, l.WeightCount))
            .Count(i => mask[i] != 0 && weights[i] == 0);
    }

    /// <summary>What each run kept of each layer, percent.</summary>
    public static TextTable LayerTable(params IReadOnlyList<(string Name, IReadOnlyList<LayerRow> Layers)> runs)
    {
        var table = new TextTable(["layer", "weights", .. runs.Select(r => $"{r.Name} kept %".Trim())]);
        for (int i = 0; i < runs[0].Layers.Count; i++)
        {
            table.Add(
                [runs[0].Layers[i].Layer, Csv.Whole(runs[0].Layers[i].Total), .. runs.Select(r => Csv.Two(100 * r.Layers[i].Density))]);
        }
        return table;
    }
}
