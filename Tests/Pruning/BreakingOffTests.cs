using System.Diagnostics;
using System.Text.Json.Nodes;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Runs that do not come to their end: what is saved, and with which exit code.</summary>
public sealed class BreakingOffTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_saves_the_model_and_the_logs_and_ends_with_130(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        string run = _folder.Combine("run"), log = Path.Combine(run, "iterations.csv");
        using var process = Cli.Start(
            _folder.Path, ["train", "--epochs", "100000", .. Cli.Small(SmallSet.Write(_folder.Combine("data")), run)]);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            var patience = Stopwatch.StartNew();
            while (!(File.Exists(log) && File.ReadAllLines(log).Length > 2)
                && !process.HasExited && patience.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
            using (var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]))
                await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(60)), "the run went on after the signal");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }

        Assert.Equal((int)ExitCode.Interrupted, process.ExitCode);
        Assert.Equal("", await output);
        Assert.Contains("interrupted: the state of iteration ", await error);
        string[] rows = File.ReadAllLines(log);
        Assert.Contains(",hold,", rows[^1]);
        Assert.Equal("interrupted", Checkpoint.Load(Path.Combine(run, "model.safetensors")).Notes["state"]);
        Assert.Equal(rows[^1].Split(',')[0], Checkpoint.Load(Path.Combine(run, "model.safetensors")).Notes["iteration"]);
    }

    [Fact]
    public async Task A_signal_ends_a_process_whose_pipe_nobody_reads()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        string images = _folder.Write("images", IdxFiles.Images(new byte[3000 * Mnist.Shape.BytesPerImage]));
        string model = _folder.Combine("model.safetensors");
        PlainNetwork.Random("fc10", 1, 0, seed: 3).Save(model);
        using var process = Cli.Start(_folder.Path, "predict", "--model", model, "--device", "cpu", images);
        try
        {
            // The first character is there when the answers are written, and more of them come than a pipe holds.
            char[] first = new char[1];
            Assert.Equal(1, await process.StandardOutput.ReadAsync(first, TestContext.Current.CancellationToken));
            using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]))
                await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), "the process went on after the signal");
            Assert.Equal((int)ExitCode.Interrupted, process.ExitCode);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    [Fact]
    public void A_run_that_never_began_is_interrupted_too()
    {
        using var cancelled = new CancellationTokenSource();
        using var error = new FirstLine(cancelled.Cancel);
        string[] args = ["train", .. Cli.Small(SmallSet.Write(_folder.Combine("data")), _folder.Combine("run"))];
        int code = CommandLine.Run(args, new Terminal(TextWriter.Null, error, interactive: false, colour: false), cancelled.Token);
        Assert.Equal((int)ExitCode.Interrupted, code);
        Assert.Contains("no iteration had ended", error.ToString());
        Assert.False(File.Exists(_folder.Combine("run", "model.safetensors")));

        Assert.Equal((int)ExitCode.Interrupted, Cli.Run(cancelled.Token, [.. args[..^1], _folder.Combine("none")]).Code);
        Assert.False(Directory.Exists(_folder.Combine("none"))); // not even the data were read
    }

    [Theory]
    [InlineData(false, Decision.Hold, 3)]
    [InlineData(false, Decision.Rollback, 2)]
    [InlineData(true, Decision.Hold, 2)]
    public void Divergence_is_exit_code_5_and_keeps_the_best_state_or_else_the_last_good_one(bool keepFirst, Decision second, int iteration)
    {
        using var device = ComputeDevice.Cpu(2);
        var data = SmallSet.Make(200, 1);
        using var trainer = new Trainer(
            device, NetworkDescription.Parse("fc8r fc10"), new TrainerOptions(16), data,
            SmallSet.Make(40, 2), SmallSet.Make(40, 3));
        var options = new PruneOptions { Network = "fc8r fc10", Batch = 16, Validation = 40, DenseEpochs = 1, Epochs = 1 };
        using var folder = RunFolder.Create(_folder.Combine("run"), "", force: false);
        var terminal = new Terminal(TextWriter.Null, TextWriter.Null, interactive: false, colour: false);
        using var experiment = new Experiment(
            trainer, options, new Dictionary<string, JsonNode>(), folder, terminal, CancellationToken.None);
        var dense = experiment.TrainDense(RunFolder.Dense);
        var poison = new Poison(keepFirst, second);

        var error = Assert.Throws<UserException>(() => experiment.Prune(poison, dense));

        Assert.Equal(ErrorKind.Diverged, error.Kind);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Contains($"the state of iteration {iteration} is in {folder.File(RunFolder.Model)}", error.Message);
        var saved = Checkpoint.Load(folder.File(RunFolder.Model));
        Assert.Equal("last good before divergence", saved.Notes["state"]);
        Assert.Equal(poison.Weights[iteration - 2], saved.Weights);
        Assert.False(File.Exists(folder.File(RunFolder.Summary)));
    }

    [Fact]
    public void A_model_that_overflows_is_named_as_diverged()
    {
        var network = NetworkDescription.Parse("fc8r fc10");
        int length = network.ParameterLength;
        var huge = new float[length];
        foreach (var layer in network.Slices)
            huge.AsSpan(layer.WeightOffset, layer.WeightCount).Fill(1e30f);
        string model = _folder.Combine("huge.safetensors");
        new Checkpoint(network, huge, [.. huge.Select(_ => 1f)], 1, 80, new Dictionary<string, string>()).Save(model);
        var (code, _, error) = Cli.Run(
            ["prune", "--model", model, .. Cli.OfModel(SmallSet.Write(_folder.Combine("data")), _folder.Combine("run"))]);
        Assert.Equal((int)ExitCode.Diverged, code);
        Assert.Contains("diverged", error);
    }

    [Theory]
    [InlineData("compress")]
    [InlineData("compare")]
    [InlineData("prune")]
    public void What_is_whole_takes_its_place_before_it_is_shown(string verb)
    {
        string data = SmallSet.Write(_folder.Combine("data")), run = _folder.Combine("run"), dense = _folder.Combine("dense");
        Cli.Done(["train", "--epochs", "2", .. Cli.Small(data, dense)]);
        string[] args = verb == "compare" ? ["compare", "--dense-epochs", "2", "--epochs", "1", "--max-drop", "50", .. Cli.Small(data, run)]
            : verb == "prune" ? ["prune", "--target-ratio", "4", "--model", dense, .. Cli.OfModel(data, run)]
            : ["compress", "--model", dense, "--data", data, "--out", run, "--device", "cpu", "--workers", Cli.Workers, "--batch", "16"];
        Cli.Done(args);
        using var full = new Full();
        var terminal = new Terminal(full, TextWriter.Null, interactive: false, colour: false);
        Assert.Equal((int)ExitCode.Failed, CommandLine.Run([.. args, "--force"], terminal, TestContext.Current.CancellationToken));
        Assert.False(Directory.Exists(Path.Combine(run, RunFolder.Partial)));
    }

    /// <summary>A disk or a pipe that takes nothing.</summary>
    private sealed class Full : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("no space left");
    }

    /// <summary>Text of the program, which does something when the first line comes: the data are read then.</summary>
    private sealed class FirstLine(Action then) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            then();
        }
    }

    /// <summary>Two iterations, the first of which may be declared the best, then weights that are no numbers.</summary>
    private sealed class Poison(bool keepFirst, Decision second) : IPruningMethod
    {
        public string Name => "poison";

        /// <summary>After each iteration.</summary>
        public List<float[]> Weights { get; } = [];

        public IReadOnlyList<PruneOutcome> Run(PruneSession session)
        {
            for (int epoch = 0; epoch < 2; epoch++)
            {
                var train = session.Train("prune", session.Trainer.StepsPerEpoch, _ => new StepRates(1e-3), epoch, 3);
                int iteration = session.Log(
                    "prune", 1e-3, train, session.Trainer.Evaluate(Part.Validation), epoch == 0 ? Decision.Hold : second, "");
                Weights.Add(session.Trainer.Parameters.GetWeights());
                if (keepFirst && epoch == 0)
                    session.KeepBest(iteration);
            }
            session.Trainer.Parameters.SetWeights([.. Weights[1].Select(_ => float.NaN)]);
            session.Train("prune", session.Trainer.StepsPerEpoch, _ => new StepRates(1e-3), 2, 3);
            throw new InvalidOperationException("training went on with weights that are no numbers");
        }
    }
}
