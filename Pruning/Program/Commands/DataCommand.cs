using System.CommandLine;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary><c>data</c>: fetches a known set where it is absent, checks a set and says what is in it.</summary>
internal static class DataCommand
{
    private const string Cifar = "cifar-10";

    private static readonly Option<string?> Fetch = new("--fetch")
    {
        HelpName = $"mnist|{Cifar}",
        Description = "fetch a known set if it is absent, into --data or data/NAME",
        Validators =
        {
            result =>
            {
                string[] found = [.. result.Tokens.Select(t => t.Value)];
                if (found is not ["mnist" or Cifar])
                    result.AddError($"--fetch: expected mnist or {Cifar}, found '{string.Join(' ', found)}'");
            },
        },
    };

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("data", "fetch MNIST if absent, check a data set and describe it");
        foreach (var option in (Option[])[.. Options.Set, Fetch, Options.Json])
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        var data = Load(invocation);
        var shape = data.Shape;
        int[] train = Counts(data.Train), test = Counts(data.Test);
        var table = new TextTable("class", "train", "test");
        for (int c = 0; c < shape.Classes; c++)
            table.Add(shape.NameOf(c), Csv.Whole(train[c]), Csv.Whole(test[c]));
        table.Add("all", Csv.Whole(data.Train.Count), Csv.Whole(data.Test.Count));
        // Bytes of images, labels of four, and a row before and behind all images.
        long bytes = (data.Train.Count + data.Test.Count) * (shape.BytesPerImage + (long)sizeof(int)) + 2 * shape.Width;
        string colour = shape.Channels == 1 ? "grey" : "colour";
        invocation.Terminal.Print($"{data.Folder}\n{shape.Description}, {colour}\n{table}\n{Csv.Whole(bytes)} bytes on the device");
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                data.Folder,
                shape.Channels,
                shape.Height,
                shape.Width,
                shape.Classes,
                shape.Names,
                shape.Scale,
                shape.Shift,
                Train = new { Images = data.Train.Count, Classes = train },
                Test = new { Images = data.Test.Count, Classes = test },
                data.PassedOver,
                data.Broken,
                DeviceBytes = bytes,
            });
        }
    }

    private static ImageData Load(Invocation invocation)
    {
        string? fetch = invocation.Find(Fetch), home = Environment.GetEnvironmentVariable("PRUNING_HOME");
        if (fetch is null)
            return Workbench.LoadData(invocation);
        string folder = invocation.Find(Options.Data) ?? Path.GetRelativePath(".", Path.Combine(home ?? ".", "data", fetch));
        var known = fetch == Cifar ? new KnownFiles(folder, [Cifar10.Archive], Cifar10.Sources)
            : new KnownFiles(folder, Mnist.Files, Mnist.Sources);
        known.Complete(invocation.Terminal.Say, invocation.Cancellation);
        return Workbench.LoadData(invocation, folder);
    }

    private static int[] Counts(DataSet set)
    {
        var counts = new int[set.Shape.Classes];
        foreach (int label in set.Labels)
            counts[label]++;
        return counts;
    }
}
