using System.CommandLine;
using Model;
using Pruning.Methods;
using Pruning.Runs;

namespace Pruning.Commands;

/// <summary><c>prune</c>: a dense network, trained first or given by --model, and one pruning method.</summary>
internal static class PruneCommand
{
    private static readonly Option<string> Method =
        Options.Choice("--method", "dynamic: thresholds follow the measured accuracy; static: one threshold set by hand", "dynamic", "static");

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("prune", "train a dense network, or take one, and prune it");
        foreach (var option in (Option[])[Method, Options.Sensitivity, Options.MaxDrop, Options.Epochs, Options.DenseEpochs, Options.Model, .. Options.Run])
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        var start = StartModel(invocation);
        var options = RunOptions.Read(invocation, Options.Epochs, start);
        IPruningMethod method = invocation.Get(Method) == "static" ? new StaticPruning(options.Sensitivity) : new HandSetWalk();
        using var bench = Workbench.Open(invocation, options, start);
        var folder = RunOptions.OpenFolder(invocation, options, method.Name);
        using var experiment = new Experiment(
            bench.Trainer, options, RunOptions.Settings(invocation, bench, method.Name), folder, invocation.Terminal, invocation.Cancellation);
        var dense = start is null ? experiment.TrainDense(RunFolder.Dense) : experiment.TakeDense();
        var (summary, outcome) = experiment.Prune(method, dense);
        invocation.Terminal.Say(LayerTable(("", experiment.Layers)).ToString());
        invocation.Terminal.Say($"next: ./run.sh eval --model {folder.File(RunFolder.Model)}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = folder.Path, Summary = summary, outcome.Iteration, outcome.WithinBudget, experiment.Layers });
    }

    /// <summary>The dense network that --model names, or null.</summary>
    /// <exception cref="UserException">BadFile. Usage: the network is pruned already, or contradicts --network.</exception>
    public static Checkpoint? StartModel(Invocation invocation)
    {
        if (invocation.Find(Options.Model) is not { } path)
            return null;
        var model = Checkpoint.Load(path);
        if (model.Kept < model.Total)
            throw new UserException(ExitCode.Usage, $"{path}: expected a dense network to start from, found one with {model.Kept} of {model.Total} weights");
        if (invocation.Arguments.GetResult(Options.Network) is { Implicit: false } && invocation.Get(Options.Network) != model.Network.Name)
            throw new UserException(ExitCode.Usage, $"--network: expected {model.Network.Name}, which is in {path}, found {invocation.Get(Options.Network)}");
        return model;
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
