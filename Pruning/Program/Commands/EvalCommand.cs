using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Pruning.Compression;

namespace Secateurs.Program.Commands;

/// <summary><c>eval</c>: the network of a file on the test images, or on the images that were set aside when it was trained.</summary>
internal static class EvalCommand
{
    private static readonly Option<string> Part = Options.Choice("--part", "which images", "test", "validation");

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("eval", "measure a network's loss and accuracy");
        foreach (var option in (Option[])[Options.Model, Part, Settings.Split.Option, .. Options.Machine])
            command.Options.Add(option);
        return (command, Run);
    }

    /// <summary>The network that --model names, and its file, which of a run's folder is the one in it.</summary>
    /// <exception cref="UserException">Usage: no --model. BadFile: not a network of this program.</exception>
    public static (string Path, Checkpoint Model) Load(Invocation invocation) =>
        Find(invocation) ?? throw new UserException(ErrorKind.Usage, "--model: expected a file, found none");

    /// <summary>The same, or null where there is no --model.</summary>
    public static (string Path, Checkpoint Model)? Find(Invocation invocation)
    {
        if (invocation.Find(Options.Model) is not { } named)
            return null;
        string path = ModelFile.Find(named);
        return (path, ModelFile.Load(path));
    }

    /// <summary>Which division of the images a network was made with; a coded file does not say it, so that an option must.</summary>
    /// <exception cref="UserException">Usage: the option contradicts the network.</exception>
    public static ulong Split(Invocation invocation, Checkpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Validation == 0 ? invocation.Get(Settings.Split.Typed) : RunCommand.Given(invocation, Settings.Split, model.Split);
    }

    private static void Run(Invocation invocation)
    {
        var (path, model) = Load(invocation);
        string part = invocation.Get(Part);
        if (part == "validation" && model.Validation == 0)
            throw new UserException(ErrorKind.Usage, $"--part validation: {path} does not say which images were set aside");
        var data = Workbench.LoadData(invocation).Redrawn(Split(invocation, model));
        var images = part == "test" ? data.Test : data.Train.Split(model.Validation, model.Seed).Validation;
        using var device = Workbench.OpenDevice(invocation);
        using var trainer = Workbench.ForMeasuring(device, model, images);
        var score = trainer.Evaluate(Model.Part.Test);
        invocation.Terminal.Print(string.Create(
            CultureInfo.InvariantCulture,
            $"{model.Network.Name}, {model.Kept:N0} of {model.Total:N0} weights: "
            + $"{part} accuracy {score.Accuracy:F2} % ({score.Correct} of {score.Images}), loss {score.Loss:F4}"));
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Model = path,
                Network = model.Network.Name,
                Part = part,
                score.Images,
                score.Correct,
                Accuracy = Math.Round(score.Accuracy, 2),
                score.Loss,
                model.Kept,
                model.Total,
            });
        }
    }
}
