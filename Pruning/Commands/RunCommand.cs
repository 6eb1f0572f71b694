using System.CommandLine;
using Model;
using Pruning.Methods;
using Pruning.Runs;

namespace Pruning.Commands;

/// <summary>What the commands that train have in common: settings, the dense network to start from, the run's folder.</summary>
internal sealed class RunCommand
{
    private readonly IReadOnlyList<Setting> _settings;

    /// <param name="name">The verb.</param>
    /// <param name="description">For --help.</param>
    /// <param name="settings">What becomes <see cref="PruneOptions"/>.</param>
    /// <param name="others">Options of this command alone.</param>
    public RunCommand(string name, string description, IReadOnlyList<Setting> settings, params IEnumerable<Option> others)
    {
        _settings = settings;
        Command = new Command(name, description);
        foreach (var option in others.Concat(settings.Select(s => s.Option)).Concat([Options.Out, Options.Force]).Concat(Options.Machine))
            Command.Options.Add(option);
    }

    public Command Command { get; }

    /// <summary>What is asked for; those settings that the command does not have keep their defaults.</summary>
    public PruneOptions Read(Invocation invocation, Checkpoint? start)
    {
        var options = _settings.Aggregate(new PruneOptions(), (o, s) => s.Apply(invocation, o));
        return start is null ? options : options with { Network = start.Network.Name };
    }

    /// <summary>What options.json says besides.</summary>
    public Dictionary<string, string> Settings(Invocation invocation, Workbench bench, string? method)
    {
        var settings = new Dictionary<string, string> { ["data"] = bench.Data.Folder, ["device"] = invocation.Get(Options.Device).ToString() };
        if (Command.Options.Contains(Options.Model) && invocation.Find(Options.Model) is { } model)
            settings["model"] = model;
        if (method is not null)
            settings["method"] = method;
        settings["verb"] = Command.Name;
        return settings;
    }

    /// <summary>Makes the run's folder and announces it.</summary>
    public static RunFolder OpenFolder(Invocation invocation, PruneOptions options, string method)
    {
        var folder = RunFolder.Create(invocation.Find(Options.Out), $"{options.Network}-{method}-seed{options.Seed}", invocation.Get(Options.Force));
        invocation.Terminal.Say($"{options.Network}, seed {options.Seed}, batch {options.Batch} -> {folder.Path}");
        return folder;
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
        var network = Commands.Settings.Network.Typed;
        if (invocation.Arguments.GetResult(network) is { Implicit: false } && invocation.Get(network) != model.Network.Name)
            throw new UserException(ExitCode.Usage, $"--network: expected {model.Network.Name}, which is in {path}, found {invocation.Get(network)}");
        return model;
    }
}
