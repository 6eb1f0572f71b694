using System.Diagnostics;
using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Export;
using Tests.PruningTests.Export;

// ONNX Runtime (CPU, two threads) and this project (two workers) on the same networks: one dense, one pruned, each exported to ONNX. Both
// get their images ready in memory, ONNX Runtime as floats and this project as bytes; what is timed is from there to the logits. The four
// take turns, so that other work on the machine meets all of them; before each turn is a pause, because ONNX Runtime's threads spin on
// after a call, and an untimed call. The table has medians, and the 10th and 95th percentile: on a machine that is busy with other things
// the 10th tells more.
//
// dotnet run -c Release --project Tests/OnnxRuntimePeer -- DENSE.safetensors PRUNED.safetensors [DATA] [ROUNDS]
if (args.Length is < 2 or > 4)
{
    Console.Error.WriteLine("expected DENSE.safetensors PRUNED.safetensors [DATA] [ROUNDS]");
    return (int)ExitCode.Usage;
}
int rounds = args.Length == 4 ? int.Parse(args[3], CultureInfo.InvariantCulture) : 20;
Checkpoint dense = Checkpoint.Load(args[0]), pruned = Checkpoint.Load(args[1]);
var data = args.Length > 2 ? DataFolder.Load(args[2], new()) : Mnist.Load(Console.Error.WriteLine);
var test = data.Test;
using var device = ComputeDevice.Cpu(workers: 2);
var folder = Directory.CreateTempSubdirectory("onnx-peer-");
try
{
    string denseFile = Path.Combine(folder.FullName, "dense.onnx"), prunedFile = Path.Combine(folder.FullName, "pruned.onnx");
    OnnxFile.Write(denseFile, dense);
    OnnxFile.Write(prunedFile, pruned);
    using var denseRuntime = new OnnxRuntime(denseFile);
    using var prunedRuntime = new OnnxRuntime(prunedFile);
    Console.WriteLine(
        $"dense {dense.Network.Name}; pruned {pruned.Kept} of {pruned.Total} weights, "
        + $"without dead parts {Compaction.Of(pruned).Network.Name}");
    Console.WriteLine($"{Processor.Name}, {device.Name}");
    foreach (int batch in (int[])[1, 1000])
        Compare(batch, denseRuntime, prunedRuntime);
}
finally
{
    folder.Delete(recursive: true);
}
return 0;

void Compare(int batch, OnnxRuntime denseRuntime, OnnxRuntime prunedRuntime)
{
    byte[] images = test.Images[..(batch * data.Shape.BytesPerImage)];
    using var input = OnnxRuntime.Input(images, data.Shape);
    using var denseOurs = new Predictor(device, dense, batch);
    using var prunedOurs = new Predictor(device, pruned, batch);
    images.CopyTo(denseOurs.Images);
    images.CopyTo(prunedOurs.Images);
    (string Name, Action Run)[] runs =
    [
        ("ONNX Runtime, dense", () => denseRuntime.Run(input)), ("this project, dense", () => denseOurs.Run(batch)),
        ("ONNX Runtime, pruned", () => prunedRuntime.Run(input)), ("this project, pruned", () => prunedOurs.Run(batch)),
    ];
    List<double>[] times = [.. runs.Select(_ => new List<double>())];
    for (int round = 0; round < rounds; round++)
        for (int r = 0; r < runs.Length; r++)
        {
            Thread.Sleep(50);
            runs[r].Run();
            long begin = Stopwatch.GetTimestamp();
            for (int call = 0; call < 3 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 0.1; call++)
            {
                long start = Stopwatch.GetTimestamp();
                runs[r].Run();
                times[r].Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            }
        }
    foreach (var t in times)
        t.Sort();
    var table = new TextTable($"batch {batch}", "median us", "images/s", "times ONNX dense", "p10 us", "times ONNX dense", "p95 us");
    for (int r = 0; r < runs.Length; r++)
    {
        double median = Quantile(r, 0.5), best = Quantile(r, 0.1);
        table.Add(
            runs[r].Name, Text(median, "F1"), Text(batch / median * 1e6, "F0"), Text(Quantile(0, 0.5) / median, "F2"), Text(best, "F1"),
            Text(Quantile(0, 0.1) / best, "F2"), Text(Quantile(r, 0.95), "F1"));
    }
    Console.WriteLine(table);

    double Quantile(int run, double part) => times[run][(int)(part * times[run].Count)];
}

static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
