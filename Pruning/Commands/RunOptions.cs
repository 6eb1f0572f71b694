using System.CommandLine;
using Model;
using Pruning.Methods;
using Pruning.Runs;

namespace Pruning.Commands;

/// <summary>From the command line to what a run is asked for.</summary>
internal static class RunOptions
{
    /// <summary>The options of a run; those that a command does not have keep their defaults.</summary>
    public static PruneOptions Read(Invocation invocation, Option<int> epochs, Checkpoint? start)
    {
        bool Has(Option option) => invocation.Arguments.CommandResult.Command.Options.Contains(option);
        var d = new PruneOptions();
        return d with
        {
            Network = start?.Network.Name ?? invocation.Get(Options.Network),
            Seed = invocation.Get(Options.Seed),
            Batch = invocation.Get(Options.Batch),
            Validation = invocation.Get(Options.Validation),
            LearningRate = invocation.Get(Options.LearningRate),
            DenseEpochs = epochs == Options.TrainEpochs ? invocation.Get(epochs) : Has(Options.DenseEpochs) ? invocation.Get(Options.DenseEpochs) : d.DenseEpochs,
            Epochs = epochs == Options.TrainEpochs ? d.Epochs : invocation.Get(epochs),
            MaxDrop = Has(Options.MaxDrop) ? invocation.Get(Options.MaxDrop) : d.MaxDrop,
            Sensitivity = Has(Options.Sensitivity) ? invocation.Get(Options.Sensitivity) : d.Sensitivity,
        };
    }

    /// <summary>What options.json says besides.</summary>
    public static Dictionary<string, string> Settings(Invocation invocation, Workbench bench, string? method)
    {
        var settings = new Dictionary<string, string>
        {
            ["data"] = bench.Data.Folder,
            ["device"] = invocation.Get(Options.Device).ToString(),
        };
        if (invocation.Arguments.CommandResult.Command.Options.Contains(Options.Model) && invocation.Find(Options.Model) is { } model)
            settings["model"] = model;
        if (method is not null)
            settings["method"] = method;
        settings["verb"] = invocation.Arguments.CommandResult.Command.Name;
        return settings;
    }

    /// <summary>The run's folder, announced with the seed.</summary>
    public static RunFolder OpenFolder(Invocation invocation, PruneOptions options, string method)
    {
        var folder = RunFolder.Create(invocation.Find(Options.Out), $"{options.Network}-{method}-seed{options.Seed}", invocation.Get(Options.Force));
        invocation.Terminal.Say($"{options.Network}, seed {options.Seed}, batch {options.Batch} -> {folder.Path}");
        return folder;
    }
}
