using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>bench</c>: how fast training is. Adam at a constant 1e-3 on all training images; one step before the clock starts. Of a new network,
/// whole or pruned at random, or of a file's. Seconds of the first and of the last epoch tell whether it slows down as the network learns.
/// With --inference: how fast a trained network answers, see <see cref="InferenceBench"/>.
/// </summary>
internal static class BenchCommand
{
    private static readonly StepRates Rates = new(1e-3);
    private static readonly Option<int> Epochs = Options.Number("--epochs", "epochs to time", 5, 1, 1000);
    private static readonly Option<double> Density = Options.Number(
        "--density", "part of the weights that live, drawn at random in every layer", 1.0, 1e-4, 1);
    private static readonly Option<bool> Profile = Options.Flag("--profile", "add a table of time per operation, from one more epoch");
    private static readonly Option<bool> Inference = Options.Flag(
        "--inference", "time the answers of --model instead of training, at --batch or at 1 and 1000");

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("bench", "time training, or answers with --inference");
        Option[] options =
        [
            Settings.Network.Typed, Settings.Batch.Typed, Epochs, Settings.Seed.Typed, Density, Profile, Inference, Options.Model,
            .. Options.Machine,
        ];
        foreach (var option in options)
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        if (invocation.Get(Inference))
        {
            Option[] ofTraining = [Settings.Network.Typed, Epochs, Settings.Seed.Typed, Density, Profile];
            if (ofTraining.FirstOrDefault(invocation.IsGiven) is { } idle)
                throw new UserException(ErrorKind.Usage, $"{idle.Name}: expected where training is timed, found with --inference");
            InferenceBench.Run(invocation, invocation.IsGiven(Settings.Batch.Typed) ? [invocation.Get(Settings.Batch.Typed)] : [1, 1000]);
            return;
        }
        Option[] ofNetwork = [Settings.Network.Typed, Density];
        if (invocation.IsGiven(Options.Model) && ofNetwork.FirstOrDefault(invocation.IsGiven) is { } other)
            throw new UserException(ErrorKind.Usage, $"{other.Name}: expected for a new network, found with {Options.Model.Name}");
        var model = invocation.IsGiven(Options.Model) ? EvalCommand.Load(invocation).Model : null;
        var data = Workbench.LoadData(invocation);
        var network = model?.Network ?? NetworkDescription.Parse(invocation.Get(Settings.Network.Typed), data.Shape);
        using var device = Workbench.OpenDevice(invocation);
        var options = new TrainerOptions(invocation.Get(Settings.Batch.Typed), Seed: invocation.Get(Settings.Seed.Typed));
        using var trainer = new Trainer(device, network, options, data.Train, DataSet.Empty(data.Shape), data.Test);
        Action<string> say = invocation.Terminal.Say, print = invocation.Terminal.Print;
        double density = model is null ? invocation.Get(Density) : (double)model.Kept / model.Total;
        if (model is not null)
            Pruner.Put(model, trainer);
        else if (density < 1)
            PruneAtRandom(trainer, density, options.Seed);

        var stop = invocation.Cancellation;
        trainer.Train(1, _ => Rates, stop);
        var seconds = new double[invocation.Get(Epochs)];
        for (int epoch = 0; epoch < seconds.Length; epoch++)
        {
            long start = Stopwatch.GetTimestamp();
            var score = trainer.Train(trainer.StepsPerEpoch, _ => Rates, stop);
            seconds[epoch] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            say(string.Create(
                CultureInfo.InvariantCulture,
                $"epoch {epoch + 1}: {seconds[epoch]:F4} s, loss {score.Loss:F4}, accuracy {score.Accuracy:F2} %"));
        }
        // Of layers that are computed in full; work on live weights alone is not counted.
        double median = Median(seconds), flops = trainer.TrainingStep.Operations.Sum(o => o.Flops) * trainer.StepsPerEpoch;
        double accuracy = trainer.Evaluate(Part.Test, stop).Accuracy;
        var step = trainer.TrainingStep;
        int operations = step.Operations.Count();
        string launches = device.RunsOnHost ? "" : $" in {step.LaunchCount} launches";
        double peak = Process.GetCurrentProcess().PeakWorkingSet64 / 1e6;
        print(string.Create(
            CultureInfo.InvariantCulture,
            $"{network.Name}{(density < 1 ? $" at density {density:0.######}" : "")}, batch {options.Batch}, {device.Name}: "
            + $"median {median:F4} s per epoch, min {seconds.Min():F4} s, first {seconds[0]:F4} s, last {seconds[^1]:F4} s, "
            + $"{(flops > 0 ? $"{flops / median / 1e9:F1} GFLOP/s, " : "")}test {accuracy:F2} %, "
            + $"{operations} operations per step{launches}, peak memory {peak:F0} MB"));
        if (step.GraphState is { } graph)
            print(graph);
        if (invocation.Get(Profile))
            print(ProfileTable(trainer, stop));
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Network = network.Name,
                Device = device.Name,
                options.Batch,
                Density = density,
                Epochs = seconds.Length,
                SecondsPerEpochMedian = median,
                SecondsPerEpochMin = seconds.Min(),
                SecondsFirst = seconds[0],
                SecondsLast = seconds[^1],
                Gflops = flops / median / 1e9,
                TestAccuracy = Math.Round(accuracy, 2),
                SimdBits = device.RunsOnHost ? device.SimdBits : 0,
                device.Workers,
                OperationsPerStep = operations,
                LaunchesPerStep = step.LaunchCount,
                Graph = step.GraphState,
                PeakMemoryMb = Math.Round(peak),
            });
        }
    }

    /// <summary>What training costs at a density does not depend on which weights live, as long as every layer has its share.</summary>
    private static void PruneAtRandom(Trainer trainer, double density, ulong seed)
    {
        var random = new Random64(seed);
        float[] mask = trainer.Parameters.GetMask(), weights = trainer.Parameters.GetWeights();
        foreach (var layer in trainer.Parameters.Layers)
        {
            for (int i = layer.WeightOffset; i < layer.WeightOffset + layer.WeightCount; i++)
            {
                mask[i] = random.NextDouble() < density ? 1 : 0;
                weights[i] *= mask[i];
            }
        }
        trainer.Parameters.SetWeights(weights);
        trainer.Parameters.SetMask(mask);
    }

    /// <summary>Equal operations of one step, such as two pools of one name, share a row.</summary>
    private static string ProfileTable(Trainer trainer, CancellationToken cancellation)
    {
        var measured = trainer.ProfileEpoch(_ => Rates, cancellation);
        double total = measured.Sum(m => m.Seconds);
        int steps = trainer.StepsPerEpoch;
        var table = new TextTable(trainer.Device.RunsOnHost ? "operation" : "launch", "calls", "us/step", "GFLOP/s", "%");
        foreach (var group in measured.GroupBy(m => m.Name).OrderByDescending(g => g.Sum(m => m.Seconds)))
        {
            double seconds = group.Sum(m => m.Seconds), flops = group.Sum(m => m.Flops) * steps;
            table.Add(
                group.Key, Csv.Whole(group.Count() * steps), F1(seconds / steps * 1e6), flops == 0 ? "-" : F1(flops / seconds / 1e9),
                F1(100 * seconds / total));
        }
        return table.ToString();

        static string F1(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
