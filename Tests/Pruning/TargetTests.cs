using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Runs;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>A ratio that is asked for.</summary>
public sealed class TargetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public TargetTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    /// <summary>12,704 weights; 16 divides them, and 13.7 is between two powers of 2.</summary>
    [Theory]
    [InlineData("1.2")]
    [InlineData("13.7")]
    [InlineData("16")]
    [InlineData("127.04")]
    public void As_many_weights_are_kept_as_asked_for(string ratio)
    {
        string run = _folder.Combine("run");
        using var result = JsonDocument.Parse(Cli.Done(Prune(run, ratio)).Output);
        var model = Checkpoint.Load(Path.Combine(run, "model.safetensors"));
        int most = (int)Math.Floor(model.Total / double.Parse(ratio, CultureInfo.InvariantCulture));
        Assert.Equal(most, model.Kept);
        var rows = CsvTable.Read(
            Path.Combine(run, "iterations.csv"), "phase", "kept", "decision", "learning_rate", "ratio", "annealed", "origin");
        // On the way from 4 on each has half the weights of the one before, and the last goes on from the lightest. Rates rise to 20.
        double target = double.Parse(ratio, CultureInfo.InvariantCulture);
        string[] pruned = [.. rows.Where(r => r[0] == "prune").Select(r => r[3])];
        Assert.All(pruned, (rate, i) => Assert.Equal(
            0.004 * Math.Min(1, Math.Sqrt(Math.Min(target, 4 << i) / 20)), double.Parse(rate, CultureInfo.InvariantCulture), 1e-9));
        string[] way = [.. Enumerable.Range(2, 5).Select(n => 1 << n).Where(r => r < target).Select(r => $"{model.Total / r}")];
        Assert.Equal(way, rows.Where(r => r[2] == "raise").Select(r => r[1]));
        Assert.All(rows[..^1], r => Assert.Equal(["", "", ""], r[4..]));
        string origin = way.Length == 0 ? "0" : $"{rows.Count - 1}";
        Assert.Equal(["prune", $"{model.Kept}", "finish", pruned[^1], ratio, rows[^1][5], origin], rows[^1]);
        Assert.InRange(double.Parse(rows[^1][5], CultureInfo.InvariantCulture), 0.2, 2);
        Assert.Equal("target", Assert.Single(CsvTable.Read(Path.Combine(run, "summary.csv"), "method"))[0]);
        using var options = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "options.json")));
        Assert.Equal(ratio, options.RootElement.GetProperty("target_ratio").GetRawText());
    }

    /// <summary>Networks of few different weights, whose scores are equal as long as nothing is trained.</summary>
    [Theory]
    [InlineData("ternary", "4")]
    [InlineData("ternary", "1.7")]
    [InlineData("binary", "2")]
    [InlineData("binary", "300")]
    [InlineData("equal", "3")]
    [InlineData("zero", "5")]
    public void As_many_are_kept_of_a_network_whose_weights_are_equal(string kind, string ratio)
    {
        var random = new Random(7);
        Func<float> draw = kind switch
        {
            "ternary" => () => (random.Next(3) - 1) * 0.1f,
            "binary" => () => random.Next(2) == 0 ? 0.05f : -0.05f,
            "equal" => () => 0.05f,
            _ => () => 0,
        };
        string model = Save(_ => draw(), bias: 0), run = _folder.Combine("run");
        Cli.Done(["prune", "--model", model, "--target-ratio", ratio, "--epochs", "1", .. Cli.OfModel(_data, run)]);
        int asked = (int)(12704 / double.Parse(ratio, CultureInfo.InvariantCulture));
        Assert.Equal(asked, Checkpoint.Load(Path.Combine(run, "model.safetensors")).Kept);
    }

    /// <summary>Neurons that nothing wakes, so that zeros stay zeros: 128 weights are not.</summary>
    [Fact]
    public void Kept_weights_that_are_zero_are_counted()
    {
        string model = Save(i => i % 100 == 0 ? 1 : 0, bias: -1e6f), run = _folder.Combine("run");
        string[] prune = ["prune", "--model", model, "--epochs", "1", .. Cli.OfModel(_data, run), "--force", "--target-ratio"];
        Assert.Contains("\n1,142 of the 1,270 kept weights are zero\n", Cli.Done([.. prune, "10"]).Error);
        Assert.DoesNotContain("are zero", Cli.Done([.. prune, "100"]).Error);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("12705")]
    public void A_ratio_that_cannot_be_is_refused(string ratio)
    {
        string run = _folder.Combine("run");
        var (code, _, error) = Cli.Run(Prune(run, ratio));
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Equal($"error: --target-ratio: expected more than 1 and at most 12704, all weights, found {ratio}\n", error);
        Assert.False(Directory.Exists(run));
    }

    /// <summary>A dense network with weights by their index and biases of the first layer.</summary>
    private string Save(Func<int, float> weight, float bias)
    {
        var network = NetworkDescription.Parse("fc16r fc10");
        var (slices, length) = (network.Slices, network.ParameterLength);
        float[] weights = new float[length], mask = [.. Enumerable.Repeat(1f, length)];
        foreach (int i in slices.SelectMany(l => Enumerable.Range(l.WeightOffset, l.WeightCount)))
            weights[i] = weight(i);
        weights.AsSpan(slices[0].BiasOffset, slices[0].BiasCount).Fill(bias);
        string path = _folder.Combine("start.safetensors");
        new Checkpoint(network, weights, mask, 1, 80, new Dictionary<string, string>()).Save(path);
        return path;
    }

    private string[] Prune(string run, string ratio) =>
        ["prune", "--target-ratio", ratio, "--dense-epochs", "2", "--epochs", "1", .. Cli.Small(_data, run), "--json"];
}
