using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary><c>data</c>: fetches MNIST where it is absent, checks the set and says what is in it.</summary>
internal static class DataCommand
{
    public static (Command, Action<Invocation>) Create() =>
        (new Command("data", "fetch MNIST if absent, check a data set and describe it") { Options.Data, Options.Json }, Run);

    private static void Run(Invocation invocation)
    {
        var data = Workbench.LoadData(invocation);
        var table = new TextTable(["part", "images", .. Enumerable.Range(0, data.Shape.Classes).Select(c => $"class {c}")]);
        foreach (var (name, set) in new[] { ("train", data.Train), ("test", data.Test) })
            table.Add([name, Csv.Whole(set.Count), .. Classes(set).Select(n => n.ToString(CultureInfo.InvariantCulture))]);
        // Bytes of images, labels of four, and a row before and behind all images.
        long bytes = (data.Train.Count + data.Test.Count) * (data.Shape.BytesPerImage + (long)sizeof(int)) + 2 * data.Shape.Width;
        invocation.Terminal.Print($"{data.Folder}\n{table}\n{Csv.Whole(bytes)} bytes on the device");
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                data.Folder,
                Train = new { Images = data.Train.Count, Classes = Classes(data.Train) },
                Test = new { Images = data.Test.Count, Classes = Classes(data.Test) },
                DeviceBytes = bytes,
            });
        }
    }

    private static int[] Classes(DataSet set) =>
        [.. Enumerable.Range(0, set.Shape.Classes).Select(c => set.Labels.AsSpan().Count(c))];
}
