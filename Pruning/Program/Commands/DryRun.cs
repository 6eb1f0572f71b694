using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary><c>--dry-run</c>: what a command would do, about how long that takes and how much it writes. Nothing is written.</summary>
internal static class DryRun
{
    public static readonly Option<bool> Option = Options.Flag("--dry-run", "say what would be done, how long and how much disk it takes");

    /// <summary>Bytes of what a run writes besides networks: tables, log, pictures.</summary>
    private const double Besides = 500_000;

    /// <summary>Steps of training that are timed at most, for so many seconds.</summary>
    private const int MostSteps = 200;
    private const double Seconds = 0.5;

    public static bool IsAsked(Invocation invocation) => invocation.Get(Option);

    /// <summary>Trains some steps, which nothing keeps, and says what all of it would take.</summary>
    /// <param name="invocation">The call.</param>
    /// <param name="bench">With a trainer that is not needed any more.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="parts">Of the job.</param>
    /// <param name="networks">That it writes.</param>
    public static void Say(Invocation invocation, Workbench bench, PruneOptions options, IReadOnlyList<JobPart> parts, int networks)
    {
        var trainer = bench.Trainer;
        double epoch = SecondsPerEpoch(trainer, invocation.Cancellation), all = parts.Sum(p => p.Epochs) * epoch;
        // Weights, biases and a mask of the same length, in float32.
        double bytes = networks * 2.0 * sizeof(float) * trainer.Parameters.WeightCount + Besides;
        var table = new TextTable("part", "time");
        foreach (var part in parts.GroupBy(p => p.Name))
        {
            int count = part.Count();
            table.Add(
                count == 1 ? part.Key : $"{part.Key}, {count} times",
                $"{(part.All(p => p.IsCounted) ? "" : "~")}{Durations.Text(part.Sum(p => p.Epochs) * epoch)}");
        }
        table.Add("all", $"~{Durations.Text(all)}");
        var data = bench.Data;
        invocation.Terminal.Print(string.Create(
            CultureInfo.InvariantCulture,
            $"{trainer.Network.Name}, {trainer.Parameters.WeightCount:N0} weights; {data.Train.Count:N0} training images, of which "
            + $"{options.Validation:N0} decide, and {data.Test.Count:N0} test images; {bench.Device.Name}\n\n{table}\n\n"
            + $"disk: about {bytes / 1e6:F1} MB; nothing was written"));
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Network = trainer.Network.Name,
                Weights = trainer.Parameters.WeightCount,
                Device = bench.Device.Name,
                Parts = parts.Select(p => new { p.Name, Seconds = p.Epochs * epoch }),
                Seconds = all,
                Bytes = (long)bytes,
            });
        }
    }

    private static double SecondsPerEpoch(Trainer trainer, CancellationToken cancellation)
    {
        int piece = Math.Clamp(trainer.StepsPerEpoch / 20, 1, MostSteps / 10), steps = 0;
        // The first steps make the program and warm the caches.
        trainer.Train(piece, _ => default, cancellation);
        var clock = Stopwatch.StartNew();
        while (steps < MostSteps && clock.Elapsed.TotalSeconds < Seconds)
        {
            trainer.Train(piece, _ => default, cancellation);
            steps += piece;
        }
        return clock.Elapsed.TotalSeconds / steps * trainer.StepsPerEpoch;
    }
}
