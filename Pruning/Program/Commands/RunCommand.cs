using System.CommandLine;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

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
        Option[] common = [Options.Out, Options.Force, GivenWords.From, DryRun.Option, .. Options.Machine];
        foreach (var option in others.Concat(settings.Select(s => s.Option)).Concat(common))
            Command.Options.Add(option);
    }

    public Command Command { get; }

    /// <summary>
    /// What is asked for; those settings that the command does not have keep their defaults. A dense network to start from brings its name,
    /// and where it was trained here the split into training and validation images: what it has learned from must not decide.
    /// </summary>
    /// <param name="invocation">What was given.</param>
    /// <param name="start">The dense network of --model; null where one is trained.</param>
    /// <param name="methods">What else reads settings.</param>
    /// <exception cref="UserException">Usage: an option contradicts the network, or nothing reads it.</exception>
    public PruneOptions Read(Invocation invocation, Checkpoint? start, Readers methods)
    {
        Commands.Settings.RefuseIdle(invocation, _settings, start is null ? methods | Readers.DenseTraining : methods);
        var options = Commands.Settings.Read(invocation, _settings, new PruneOptions());
        if (start is null)
            return options;
        options = options with { Network = Given(invocation, Commands.Settings.Network, start.Network.Name) };
        return start.Validation == 0 ? options : options with
        {
            Seed = Given(invocation, Commands.Settings.Seed, start.Seed),
            Validation = Given(invocation, Commands.Settings.Validation, start.Validation),
            Split = Given(invocation, Commands.Settings.Split, start.Split),
        };
    }

    /// <summary>What --model brings, which an option may repeat but not contradict.</summary>
    public static T Given<T>(Invocation invocation, Setting<T> setting, T value)
    {
        var option = setting.Typed;
        if (invocation.IsGiven(option) && !Equals(invocation.Get(option), value))
        {
            throw new UserException(
                ErrorKind.Usage,
                $"{option.Name}: expected {value}, as in {invocation.Find(Options.Model)}, found {invocation.Get(option)}; "
                + "leave the option out");
        }
        return value;
    }

    /// <summary>What options.json says besides.</summary>
    public Dictionary<string, JsonNode> Settings(Invocation invocation, Workbench bench, string? method)
    {
        var settings = new Dictionary<string, JsonNode>
        {
            [GivenWords.Key] = GivenWords.Of(invocation),
            ["data"] = bench.Data.Folder,
            ["device"] = invocation.Device.ToString(),
        };
        if (Command.Options.Contains(Options.Model) && invocation.Find(Options.Model) is { } model)
            settings["model"] = model;
        if (method is not null)
            settings["method"] = method;
        settings["verb"] = Command.Name;
        return settings;
    }

    /// <summary>Claims the run's folder and announces it.</summary>
    public static RunFolder OpenFolder(Invocation invocation, PruneOptions options, string method, RunOutputs outputs)
    {
        var folder = invocation.OpenFolder($"{options.Network}-{method}-seed{options.Seed}", outputs);
        string then = folder.Replaces ? $", and takes the place of the run in {Path.GetDirectoryName(folder.Path)} when it is whole" : "";
        invocation.Terminal.Say($"{options.Network}, seed {options.Seed}, batch {options.Batch} -> {folder.Path}{then}");
        return folder;
    }

    /// <summary>The dense network that --model names, or null.</summary>
    /// <exception cref="UserException">BadFile. Usage: the network is pruned already.</exception>
    public static Checkpoint? StartModel(Invocation invocation)
    {
        if (EvalCommand.Find(invocation) is not var (path, model))
            return null;
        if (model.Kept < model.Total)
        {
            string dense = Path.Combine(Path.GetDirectoryName(path) ?? "", RunFolder.Dense);
            throw new UserException(ErrorKind.Usage,
                $"{path}: expected a dense network to start from, found one with {model.Kept} of {model.Total} weights"
                + (File.Exists(dense) ? $"; {dense} is what it was pruned from" : ""));
        }
        return model;
    }
}
