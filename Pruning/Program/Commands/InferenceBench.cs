using System.Diagnostics;
using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>bench --inference</c>: images per second and latency of one network, on the dense path and on the pruned one, in calls that
/// alternate. The images of a call lie ready as bytes; what is timed is from there to logits and classes.
/// </summary>
internal static class InferenceBench
{
    private const int Rounds = 10, LeastCalls = 2;

    /// <summary>Images of a call where accuracy is counted, at least: answers are the same for any number but for rounding.</summary>
    private const int LeastCounted = 256;

    /// <summary>Of one path at least.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(0.1);

    private sealed record Row(string Path, int Batch, double ImagesPerSecond, double MedianUs, double P95Us, double TestAccuracy);

    public static void Run(Invocation invocation, IReadOnlyList<int> batches)
    {
        var (path, model) = EvalCommand.Load(invocation);
        var test = Workbench.LoadData(invocation).Test;
        using var device = Workbench.OpenDevice(invocation);
        Row[] rows = [.. batches.SelectMany(batch => Measure(device, model, test, Math.Min(batch, test.Count), invocation.Cancellation))];
        string compact = Compaction.Of(model).Network.Name;

        var table = new TextTable("path", "batch", "images/s", "median us", "p95 us", "test %");
        foreach (var row in rows)
        {
            table.Add(
                row.Path, Csv.Whole(row.Batch), Text(row.ImagesPerSecond, "F0"), Text(row.MedianUs, "F1"), Text(row.P95Us, "F1"),
                Text(row.TestAccuracy, "F2"));
        }
        invocation.Terminal.Print(
            $"{model.Network.Name}, {model.Kept} of {model.Total} weights, without dead parts {compact}; "
            + $"{device.Name}{Environment.NewLine}{table}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new
            {
                Model = path,
                Network = model.Network.Name,
                Compact = compact,
                Device = device.Name,
                model.Kept,
                model.Total,
                Inference = rows,
            });
    }

    private static Row[] Measure(ComputeDevice device, Checkpoint model, DataSet test, int batch, CancellationToken cancellation)
    {
        using var dense = Ready(device, model, test, batch, sparseBelow: 0);
        using var pruned = Ready(device, model, test, batch, Tuning.SparseAnswersBelow);
        var (denseTimes, prunedTimes) = (new List<double>(), new List<double>());
        double denseAccuracy = Accuracy(0), prunedAccuracy = Accuracy(Tuning.SparseAnswersBelow);
        for (int round = 0; round < Rounds; round++)
        {
            Time(dense, batch, denseTimes, cancellation);
            Time(pruned, batch, prunedTimes, cancellation);
        }
        return [Summary("dense", batch, denseTimes, denseAccuracy), Summary("pruned", batch, prunedTimes, prunedAccuracy)];

        double Accuracy(double sparseBelow)
        {
            using var counting = new Predictor(device, model, Math.Max(batch, LeastCounted), sparseBelow);
            return InferenceBench.Accuracy(counting, test, cancellation);
        }
    }

    /// <summary>Holds the first images, and has answered once: paper that is blank is left out of sums, a first call compiles.</summary>
    internal static Predictor Ready(ComputeDevice device, Checkpoint model, DataSet test, int batch, double sparseBelow)
    {
        var predictor = new Predictor(device, model, batch, sparseBelow);
        test.Images.AsSpan(0, batch * test.Shape.BytesPerImage).CopyTo(predictor.Images);
        predictor.Run(batch);
        return predictor;
    }

    private static void Time(Predictor inference, int batch, List<double> microseconds, CancellationToken cancellation)
    {
        long begin = Stopwatch.GetTimestamp();
        for (int call = 0; call < LeastCalls || Stopwatch.GetElapsedTime(begin) < Round; call++)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            inference.Run(batch);
            microseconds.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }
    }

    /// <summary>Percent of all images, in whole batches and a last smaller one.</summary>
    private static double Accuracy(Predictor inference, DataSet images, CancellationToken cancellation)
    {
        int correct = 0;
        for (int first = 0; first < images.Count; first += inference.Batch)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(inference.Batch, images.Count - first);
            images.Images.AsSpan(first * images.Shape.BytesPerImage, count * images.Shape.BytesPerImage).CopyTo(inference.Images);
            inference.Run(count);
            for (int i = 0; i < count; i++)
                correct += inference.Classes[i] == images.Labels[first + i] ? 1 : 0;
        }
        return 100.0 * correct / images.Count;
    }

    private static Row Summary(string path, int batch, List<double> times, double accuracy)
    {
        times.Sort();
        double median = (times[(times.Count - 1) / 2] + times[times.Count / 2]) / 2;
        return new Row(path, batch, batch / median * 1e6, median, times[(int)(0.95 * (times.Count - 1))], accuracy);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
