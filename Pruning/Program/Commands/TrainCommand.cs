using System.CommandLine;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary><c>train</c>: a dense network.</summary>
internal static class TrainCommand
{
    private static readonly RunCommand Verb = new("train", "train a dense network", [Settings.TrainEpochs, .. Settings.Dense]);

    public static (Command, Action<Invocation>) Create() => (Verb.Command, Run);

    private static void Run(Invocation invocation)
    {
        var options = Verb.Read(invocation, null, Readers.DenseTraining);
        using var bench = Workbench.Open(invocation, options, null);
        options = bench.Options;
        JobPart[] parts = [JobPlan.Dense(options)];
        if (DryRun.IsAsked(invocation))
        {
            DryRun.Say(invocation, bench, options, parts, networks: 1);
            return;
        }
        using var folder = RunCommand.OpenFolder(invocation, options, "dense", RunOutputs.OfSearch());
        SummaryRow summary;
        using (var experiment = new Experiment(
            bench.Trainer, options, Verb.Settings(invocation, bench, null), folder, invocation.Terminal, invocation.Cancellation,
            new JobProgress(parts), folder.Begin(bench.Identity)))
        {
            summary = experiment.FinishDense(experiment.TrainDense(RunFolder.Model));
        }
        folder.Finish();
        invocation.Next("prune", "--method", "dynamic", "--model", folder.File(RunFolder.Model));
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = folder.Path, Summary = summary });
    }
}
