using System.CommandLine;
using System.Globalization;
using Model;
using Pruning.Methods;
using Pruning.Runs;

namespace Pruning.Commands;

/// <summary><c>prune</c>: a dense network, trained first or given by --model, and one pruning method.</summary>
internal static class PruneCommand
{
    private static readonly Option<string> Method =
        Options.Choice("--method", "dynamic: thresholds follow the measured accuracy; static: one threshold set by hand", "dynamic", "static");

    private static readonly RunCommand Verb = new(
        "prune", "train a dense network, or take one, and prune it", [.. Settings.Dynamic, Settings.Sensitivity, Settings.TargetRatio, .. Settings.Dense], Method, Options.Model);

    public static (Command, Action<Invocation>) Create() => (Verb.Command, Run);

    private static void Run(Invocation invocation)
    {
        var start = RunCommand.StartModel(invocation);
        var options = Verb.Read(invocation, start);
        bool fixedThreshold = invocation.Get(Method) == "static";
        if (fixedThreshold && options.MaxDrop.Values.Count > 1)
            throw new UserException(ExitCode.Usage, $"--max-drop: expected one budget for --method static, found {options.MaxDrop}");
        bool target = options.TargetRatio > 0;
        if (target && (fixedThreshold || invocation.Arguments.GetResult(Settings.MaxDrop.Typed) is { Implicit: false }))
            throw new UserException(ExitCode.Usage, $"--target-ratio: expected alone, found with {(fixedThreshold ? "--method static" : "--max-drop")}");
        IPruningMethod method = fixedThreshold ? new StaticPruning(options.Sensitivity) : target ? new TargetPruning(options.TargetRatio) : new DynamicPruning();
        using var bench = Workbench.Open(invocation, options, start);
        if (target && (options.TargetRatio <= 1 || options.TargetRatio > bench.Trainer.Parameters.WeightCount))
        {
            throw new UserException(ExitCode.Usage, string.Create(
                CultureInfo.InvariantCulture, $"--target-ratio: expected more than 1 and at most {bench.Trainer.Parameters.WeightCount}, all weights, found {options.TargetRatio}"));
        }
        var outputs = RunOutputs.OfSearch(start is null ? null : invocation.Find(Options.Model), options.MaxDrop.Values.Skip(1).Select(RunFolder.DropName));
        using var folder = RunCommand.OpenFolder(invocation, options, method.Name, outputs);
        IReadOnlyList<PruneResult> results;
        using (var experiment = new Experiment(
            bench.Trainer, options, Verb.Settings(invocation, bench, method.Name), folder, invocation.Terminal, invocation.Cancellation))
        {
            results = experiment.Prune(method, start is null ? experiment.TrainDense(RunFolder.Dense) : experiment.TakeDense());
        }
        folder.Finish();
        var (outcome, summary, layers, _) = results[0];
        invocation.Terminal.Print(LayerTable([.. results.Select(r => (results.Count == 1 ? "" : $"budget {Csv.Short(r.Outcome.Budget)}", r.Layers))]).ToString());
        invocation.Terminal.Next("eval", "--model", folder.File(RunFolder.Model));
        if (invocation.Get(Options.Json))
        {
            // The smallest budget as ever, then whatever others were asked for.
            var others = results.Skip(1).Select(r => new { r.Outcome.Budget, r.Summary, r.Outcome.Iteration, r.Outcome.WithinBudget, r.Layers });
            invocation.Terminal.Result(new { Out = folder.Path, Summary = summary, outcome.Iteration, outcome.WithinBudget, Layers = layers, Others = others });
        }
    }

    /// <summary>What each run kept of each layer, percent.</summary>
    public static TextTable LayerTable(params IReadOnlyList<(string Name, IReadOnlyList<LayerRow> Layers)> runs)
    {
        var table = new TextTable(["layer", "weights", .. runs.Select(r => $"{r.Name} kept %".Trim())]);
        for (int i = 0; i < runs[0].Layers.Count; i++)
            table.Add([runs[0].Layers[i].Layer, Csv.Whole(runs[0].Layers[i].Total), .. runs.Select(r => Csv.Two(100 * r.Layers[i].Density))]);
        return table;
    }
}
