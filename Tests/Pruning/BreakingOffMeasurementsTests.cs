using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>bench and selftest keep nothing and end soon.</summary>
public sealed class BreakingOffMeasurementsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("epoch 1:", "epoch 2:", "bench", "--network", "fc16r fc10", "--batch", "16", "--epochs", "1000")]
    [InlineData("test ", "fc1 forward", "bench", "--network", "fc16r fc10", "--batch", "16", "--epochs", "1", "--profile")]
    [InlineData("denormal numbers are flushed", "lenet", "selftest")]
    public void They_end_where_they_are_asked_to(string cue, string never, params string[] args)
    {
        string[] machine =
        [
            "--device", "cpu", "--workers", "1",
            .. args[0] == "bench" ? (string[])["--data", SmallSet.Write(_folder.Combine("data"))] : [],
        ];
        using var cancellation = new CancellationTokenSource();
        using var text = new Watching(cue, cancellation);
        Assert.Equal(
            (int)ExitCode.Interrupted,
            CommandLine.Run([.. args, .. machine], new Terminal(text, text, interactive: false, colour: false), cancellation.Token));
        Assert.Contains(cue, text.ToString());
        Assert.DoesNotContain(never, text.ToString());
    }

    [Fact]
    public void A_benchmark_of_answers_too()
    {
        string data = SmallSet.Write(_folder.Combine("data")), model = _folder.Combine("model.safetensors");
        PlainNetwork.Random("fc16r fc10", 0.5, 0, seed: 1).Save(model);
        var (code, output, error) = Cli.Run(
            new CancellationToken(canceled: true), "bench", "--inference", "--model", model, "--data", data, "--device", "cpu");
        Assert.Equal((int)ExitCode.Interrupted, code);
        Assert.DoesNotContain("dense", output + error);
    }

    /// <summary>Interrupts as soon as a line holds some words.</summary>
    private sealed class Watching(string cue, CancellationTokenSource cancellation) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value!.Contains(cue, StringComparison.Ordinal))
                cancellation.Cancel();
        }
    }
}
