using System.Globalization;
using System.Text.Json;
using Model;
using Pruning.Runs;
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
        Assert.InRange(model.Kept, most - 2, most);
        var rows = CsvTable.Read(Path.Combine(run, "iterations.csv"), "phase", "kept", "decision", "reason");
        Assert.Equal(["prune", $"{model.Kept}", "finish"], rows[^1][..3]);
        Assert.StartsWith($"1/{ratio} of the weights as asked for: lost ", rows[^1][3]);
        // On the way from 4 on each has half the weights of the one before.
        double target = double.Parse(ratio, CultureInfo.InvariantCulture);
        string[] way = [.. new double[] { 4, 8, 16, 32, 64 }.Where(r => r < target).Select(r => $"1/{r}.0 of the weights, on the way to 1/{ratio}")];
        Assert.Equal(way, rows.Where(r => r[2] == "raise").Select(r => r[3].Trim('"')));
        Assert.Equal("target", Assert.Single(CsvTable.Read(Path.Combine(run, "summary.csv"), "method"))[0]);
        using var options = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "options.json")));
        Assert.Equal(ratio, options.RootElement.GetProperty("target_ratio").GetRawText());
    }

    [Theory]
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

    private string[] Prune(string run, string ratio) =>
        ["prune", "--target-ratio", ratio, "--dense-epochs", "2", "--epochs", "1", .. Cli.Small(_data, run), "--json"];
}
