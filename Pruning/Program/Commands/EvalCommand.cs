using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Compression;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>eval</c>: the network of a file on the test images, or on the images that were set aside when it was trained: accuracy in all and of
/// each class, which class is taken for which, and which images are wrong.
/// </summary>
internal static class EvalCommand
{
    private static readonly Option<string> Part = Options.Choice("--part", "which images", "test", "validation");

    /// <summary>Classes whose confusions fit a terminal, and wrong images that are listed there; --json has all.</summary>
    private const int MostColumns = 12, MostListed = 60, MostInJson = 100;

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
        invocation.RemarkHalf(named);
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
        var confusion = new Confusion(images, trainer.Answers(Model.Part.Test, invocation.Cancellation));
        invocation.Terminal.Print($"\n{PerClass(confusion, images.Shape)}");
        if (confusion.Classes <= MostColumns)
            invocation.Terminal.Print($"\nrows: what it is, columns: what it is taken for\n{Matrix(confusion)}");
        if (Listed(confusion) is { Length: > 0 } wrong)
            invocation.Terminal.Print($"\nwrong, image: what it is -> what it is taken for\n{wrong}");
        if (invocation.Get(Options.Json))
        {
            var classes = Enumerable.Range(0, confusion.Classes);
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
                Classes = classes.Select(c => new
                {
                    Class = c,
                    Name = images.Shape.NameOf(c),
                    Images = confusion.Images(c),
                    Correct = confusion.Count(c, c),
                    Accuracy = Math.Round(confusion.Accuracy(c), 2),
                }),
                // Of very many classes it follows from the list of wrong images.
                Confusion = confusion.Classes > MostInJson ? null : classes.Select(l => classes.Select(a => confusion.Count(l, a))),
                Wrong = confusion.Wrong.Select(w => new { w.Image, w.Label, w.Answer }),
            });
        }
    }

    private static TextTable PerClass(Confusion confusion, DataShape shape)
    {
        var table = new TextTable("class", "images", "right", "accuracy %", "most often taken for");
        for (int c = 0; c < confusion.Classes; c++)
        {
            table.Add(
                shape.NameOf(c), Csv.Whole(confusion.Images(c)), Csv.Whole(confusion.Count(c, c)),
                confusion.Images(c) > 0 ? Csv.Two(confusion.Accuracy(c)) : "-",
                confusion.MostOften(c) is var (answer, count)
                    ? string.Create(CultureInfo.InvariantCulture, $"{shape.NameOf(answer)} ({count} times)") : "");
        }
        return table;
    }

    private static TextTable Matrix(Confusion confusion)
    {
        int[] classes = [.. Enumerable.Range(0, confusion.Classes)];
        var table = new TextTable(["", .. classes.Select(c => Csv.Whole(c))]);
        foreach (int label in classes)
            table.Add([Csv.Whole(label), .. classes.Select(a => confusion.Count(label, a) is > 0 and var n ? Csv.Whole(n) : "-")]);
        return table;
    }

    /// <summary>As many to a line as fit 80 columns.</summary>
    private static string Listed(Confusion confusion)
    {
        string[] all = [.. confusion.Wrong.Select(w => string.Create(CultureInfo.InvariantCulture, $"{w.Image}: {w.Label} -> {w.Answer}"))];
        if (all.Length == 0)
            return "";
        int width = all.Max(w => w.Length) + 2, row = Math.Max(1, 80 / width);
        var lines = all.Take(MostListed).Chunk(row).Select(l => string.Concat(l.Select(w => w.PadRight(width))).TrimEnd());
        string more = all.Length > MostListed
            ? string.Create(CultureInfo.InvariantCulture, $"\n... and {all.Length - MostListed} more, which --json lists") : "";
        return string.Join('\n', lines) + more;
    }
}
