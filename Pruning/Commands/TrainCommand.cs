using System.CommandLine;
using Pruning.Runs;

namespace Pruning.Commands;

/// <summary><c>train</c>: a dense network.</summary>
internal static class TrainCommand
{
    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("train", "train a dense network");
        foreach (var option in Options.Run.Prepend(Options.TrainEpochs))
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        var options = RunOptions.Read(invocation, Options.TrainEpochs, null);
        using var bench = Workbench.Open(invocation, options, null);
        var folder = RunOptions.OpenFolder(invocation, options, "dense");
        using var experiment = new Experiment(
            bench.Trainer, options, RunOptions.Settings(invocation, bench, null), folder, invocation.Terminal, invocation.Cancellation);
        var summary = experiment.FinishDense(experiment.TrainDense(RunFolder.Model));
        invocation.Terminal.Say($"next: ./run.sh prune --method dynamic --model {folder.File(RunFolder.Model)}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = folder.Path, Summary = summary });
    }
}
