using System.CommandLine;
using Secateurs.Model;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Export;
using Secateurs.Pruning.Import;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>import</c>: a network that was trained elsewhere, to be measured and pruned here; or one that <c>export</c> wrote, which comes back
/// as it was. What a file does not say is asked.
/// </summary>
internal static class ImportCommand
{
    private static readonly Argument<string> Source = new("FILE")
    {
        Description = "an ONNX model, or safetensors with PyTorch's layer names and shapes",
        Validators = { Options.DemandPaths },
    };
    private static readonly Option<string?> Target = Options.Path(
        "--out", "DIR", "where to write the network: a folder that gets model.safetensors, or a path that ends in .safetensors");
    private static readonly Option<double[]?> Mean = Options.Numbers<double, double[]?>(
        "--mean",
        "what training subtracted from pixels of 0 to 1, one number or one a channel; this or --std is asked of a file that export did not "
        + "write", [0.0], -10, 10, n => [.. n]);
    private static readonly Option<double[]?> Deviation = Options.Numbers<double, double[]?>(
        "--std", "what it divided by then: 1 for plain pixels of 0 to 1; 0.3081, with --mean 0.1307, in PyTorch's example", [1.0],
        1e-3, 1e3, n => [.. n]);
    private static readonly Option<bool> Pruned = Options.Flag("--pruned", "weights that are zero are pruned");
    internal static readonly Option<string[]> Layers = Options.Words(
        "--layers", "NAME,NAME", "names of the weights in the network's order, where shapes and numbers in names do not tell it", []);

    public static (Command, Action<Invocation>) Create()
    {
        Deviation.Aliases.Add("--deviation");
        var command = new Command("import", "read a network from another program");
        command.Arguments.Add(Source);
        Option[] options = [Settings.Network.Typed, Target, Mean, Deviation, Pruned, Layers, Options.Force, .. Options.Machine];
        foreach (var option in options)
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        string source = invocation.Arguments.GetRequiredValue(Source), named = ExportCommand.Named(invocation, Target);
        bool isFile = named.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
            || (Path.Exists(named) && !Directory.Exists(named));
        string target = ExportCommand.TakeTarget(invocation, isFile ? named : Path.Combine(named, ModelFile.Name), source);
        var images = new Lazy<ImageData?>(() => PreprocessingCheck.Data(invocation));
        var imported = Read(invocation, source, images);
        var data = imported.Raw is null ? null : images.Value;
        imported.Model.Save(target, invocation.Get(Options.Force));
        var terminal = invocation.Terminal;
        terminal.Say($"{imported.Model.Network.Name}, {imported.Model.Kept} of {imported.Model.Total} weights -> {target}");
        foreach (var (layer, name) in imported.Origins)
            terminal.Say($"{layer} <- {name}");
        if (imported.Skipped.Count > 0)
            terminal.Say($"left out, since these are no weights: {BadModel.Cut(string.Join(", ", imported.Skipped))}");
        var score = imported.Raw is null
            ? null
            : PreprocessingCheck.Run(invocation, imported.Model, imported.Raw, imported.Preprocessing, data);
        terminal.Next("eval", "--model", target);
        if (invocation.Get(Options.Json))
        {
            terminal.Result(new
            {
                Out = target,
                Network = imported.Model.Network.Name,
                imported.Model.Kept,
                imported.Model.Total,
                Layers = imported.Origins.ToDictionary(o => o.Layer, o => o.Name),
                Left = imported.Skipped,
                score?.Images,
                score?.Correct,
                score?.Accuracy,
            });
        }
    }

    /// <summary>A network with where it came from; Raw is what the file has, null where it says all that is needed.</summary>
    private sealed record Imported(
        Checkpoint Model, IReadOnlyList<(string Layer, string Name)> Origins, IReadOnlyList<string> Skipped, Checkpoint? Raw,
        Preprocessing Preprocessing);

    private static Imported Read(Invocation invocation, string source, Lazy<ImageData?> images)
    {
        using var content = InputFile.Open(source, "an ONNX model or a safetensors file");
        byte[] start = new byte[ForeignFile.StartLength];
        int length = content.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        content.Position = 0;
        if (OnnxNetwork.IsOne(source, start.AsSpan(0, length)))
            return Graph(invocation, source, content);
        var file = SafeTensors.Read(source, content);
        return TorchFile.IsOne(file) ? Own(invocation, file) : Foreign(invocation, file, images);
    }

    /// <summary>A file that says its layers itself.</summary>
    private static Imported Graph(Invocation invocation, string source, Stream content)
    {
        Option[] unread = [Settings.Network.Typed, Layers];
        if (unread.FirstOrDefault(invocation.IsGiven) is { } option)
            throw new UserException(ErrorKind.Usage, $"{option.Name}: {source} says its layers itself; leave the option out");
        var found = OnnxNetwork.Read(source, content, invocation.Get(Pruned));
        if (!found.TakesBytes)
        {
            var preprocessing = Told(invocation, source, found.Model.Network.Data.Channels);
            return new(preprocessing.Apply(found.Model), found.Origins, [], found.Model, preprocessing);
        }
        if (invocation.IsGiven(Mean) || invocation.IsGiven(Deviation))
        {
            throw new UserException(
                ErrorKind.Usage, $"{Mean.Name}, {Deviation.Name}: {source} says that it takes pixels of 0 to 255; leave the option out");
        }
        return new(found.Model, found.Origins, [], null, Preprocessing.Own);
    }

    /// <summary>What the options say of the pixels of a file that does not.</summary>
    /// <exception cref="UserException">Usage: nothing, or not what so many channels ask for.</exception>
    private static Preprocessing Told(Invocation invocation, string source, int channels)
    {
        if (!invocation.IsGiven(Mean) && !invocation.IsGiven(Deviation))
        {
            throw new UserException(ErrorKind.Usage, $"{source}: expected --mean or --std, since the file does not say how its pixels "
                + "were prepared, found neither; --mean 0.1307 --std 0.3081 is PyTorch's MNIST example, --std 1 plain pixels of 0 to 1");
        }
        var told = Told(invocation);
        return told.Fits(channels) ? told : throw new UserException(
            ErrorKind.Usage, $"--mean, --std: expected one number{(channels > 1 ? $" or {channels}" : "")}, since {source} has "
                + $"{channels} channel{(channels > 1 ? "s" : "")}, found {told}");
    }

    private static Preprocessing Told(Invocation invocation) => new(invocation.Get(Mean)!, invocation.Get(Deviation)!);

    private static Imported Own(Invocation invocation, SafeTensors file)
    {
        var model = TorchFile.Read(file);
        var slices = model.Network.Slices;
        var network = Settings.Network.Typed;
        if (invocation.IsGiven(network) && !NetworkDescription.Parse(invocation.Get(network)).HasLayersOf(model.Network))
            throw Contradiction(network.Name, model.Network.Name, invocation.Get(network));
        var told = Told(invocation);
        if ((invocation.IsGiven(Mean) || invocation.IsGiven(Deviation)) && !told.Is(Preprocessing.Own))
            throw Contradiction("--mean, --std", OptionWords.Of(Preprocessing.Own), OptionWords.Of(told));
        if (invocation.Get(Pruned) && slices.Any(l => model.Mask.AsSpan(l.WeightOffset, l.WeightCount).Count(1f)
            != l.WeightCount - model.Weights.AsSpan(l.WeightOffset, l.WeightCount).Count(0f)))
            throw Contradiction(Pruned.Name, "masks that keep weights of zero", "zeros that are pruned");
        if (invocation.IsGiven(Layers) && !invocation.Get(Layers).SequenceEqual(slices.Select(l => l.Name)))
        {
            throw Contradiction(
                Layers.Name, string.Join(",", slices.Select(l => l.Name)), BadModel.Cut(string.Join(",", invocation.Get(Layers))));
        }
        return new(model, [.. slices.Select(l => (l.Name, l.Name))], [], null, Preprocessing.Own);

        UserException Contradiction(string option, string expected, string found) =>
            new(ErrorKind.Usage, $"{option}: expected {expected}, as {file.Path} says, found {found}; leave the option out");
    }

    /// <summary>A file of names and shapes alone: the network is told, the size of its images by the network or by the data.</summary>
    private static Imported Foreign(Invocation invocation, SafeTensors file, Lazy<ImageData?> images)
    {
        string line = invocation.Get(Settings.Network.Typed);
        var shape = invocation.Find(Options.Data) is null ? NetworkDescription.ImagesOf(line) : images.Value?.Shape;
        var network = NetworkDescription.Parse(line, shape);
        var found = ForeignNetwork.Read(file, network, invocation.IsGiven(Layers) ? invocation.Get(Layers) : null, invocation.Get(Pruned));
        var preprocessing = Told(invocation, file.Path, network.Data.Channels);
        return new(preprocessing.Apply(found.Model), found.Origins, found.Skipped, found.Model, preprocessing);
    }
}
