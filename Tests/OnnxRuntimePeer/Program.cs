using System.Diagnostics;
using System.Globalization;
using Kernels;
using Model;
using Pruning.Export;
using Pruning.Runs;
using Tests.PruningTests.Export;

// ONNX Runtime (CPU, two threads) and this project (two workers) on the same networks: one dense, one pruned, each exported to ONNX. Both get
// their images ready in memory, ONNX Runtime as floats and this project as bytes; what is timed is from there to the logits. The four take
// turns, so that other work on the machine meets all of them; before each turn is a pause, because ONNX Runtime's threads spin on after a call,
// and an untimed call. The table has medians, the last column the 95th percentile.
//
// dotnet run -c Release --project Tests/OnnxRuntimePeer -- DENSE.safetensors PRUNED.safetensors [ROUNDS]
if (args.Length is < 2 or > 3)
{
    Console.Error.WriteLine("expected DENSE.safetensors PRUNED.safetensors [ROUNDS]");
    return (int)ExitCode.Usage;
}
int rounds = args.Length == 3 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 20;
Checkpoint dense = Checkpoint.Load(args[0]), pruned = Checkpoint.Load(args[1]);
var test = Mnist.Load(null, Console.Error.WriteLine).Test;
using var device = ComputeDevice.Cpu(workers: 2);
var folder = Directory.CreateTempSubdirectory("onnx-peer-");
try
{
    string denseFile = Path.Combine(folder.FullName, "dense.onnx"), prunedFile = Path.Combine(folder.FullName, "pruned.onnx");
    OnnxFile.Write(denseFile, dense);
    OnnxFile.Write(prunedFile, pruned);
    using var denseRuntime = new OnnxRuntime(denseFile);
    using var prunedRuntime = new OnnxRuntime(prunedFile);
    Console.WriteLine($"dense {dense.Network.Name}; pruned {pruned.Kept} of {pruned.Total} weights, without dead parts {Compaction.Of(pruned).Network.Name}");
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
    byte[] images = test.Images[..(batch * DataSet.PixelsPerImage)];
    using var input = OnnxRuntime.Input(images);
    using var denseOurs = new Inference(device, dense, batch);
    using var prunedOurs = new Inference(device, pruned, batch);
    images.CopyTo(denseOurs.Images);
    images.CopyTo(prunedOurs.Images);
    (string Name, Action Run)[] runs =
    [
        ("ONNX Runtime, dense", () => denseRuntime.Run(input)), ("this project, dense", () => denseOurs.Run(batch)),
        ("ONNX Runtime, pruned", () => prunedRuntime.Run(input)), ("this project, pruned", () => prunedOurs.Run(batch)),
    ];
    int calls = Math.Max(5, 200 / batch);
    double[][] times = [.. runs.Select(_ => new double[rounds * calls])];
    for (int round = 0; round < rounds; round++)
        for (int r = 0; r < runs.Length; r++)
        {
            Thread.Sleep(50);
            runs[r].Run();
            for (int call = 0; call < calls; call++)
            {
                long start = Stopwatch.GetTimestamp();
                runs[r].Run();
                times[r][round * calls + call] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            }
        }
    foreach (double[] t in times)
        Array.Sort(t);
    double reference = times[0][times[0].Length / 2];
    var table = new TextTable($"batch {batch}", "median us", "images/s", "times ONNX dense", "p95 us");
    for (int r = 0; r < runs.Length; r++)
    {
        double median = times[r][times[r].Length / 2], tail = times[r][(int)(0.95 * times[r].Length)];
        table.Add(runs[r].Name, Text(median, "F1"), Text(batch / median * 1e6, "F0"), Text(reference / median, "F2"), Text(tail, "F1"));
    }
    Console.WriteLine(table);
}

static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
