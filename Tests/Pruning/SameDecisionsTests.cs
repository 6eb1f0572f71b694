using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Secateurs.Model;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>
/// Two short searches whose every decision and last bit are recorded, so that work on the house around them shows if it changes them. A
/// change that is meant to do so records them anew (the message of a failure has what to write) and says why.
/// </summary>
public sealed class SameDecisionsTests : IDisposable
{
    private const string Network = "conv6@5p2 pool2 conv8@5r pool2 fc20r fc10";

    private const string Dense = """
        1 dense 5550 57.50 hold 0 0 0 0
        2 dense 5550 95.00 hold 0 0 0 0
        3 dense 5550 100.00 hold 0 0 0 0
        4 dense 5550 100.00 finish 0 0 0 0

        """;

    private const string HandSet = Dense + """
        5 retrain 1768 97.50 hold 0.2163612 0.1183506 0.1021942 0.2321957
        6 retrain 1768 100.00 finish 0.2163612 0.1183506 0.1021942 0.2321957
        31eff58a0f91f5c0818b3653d4eef13a05d7c71c98e7d2baf4ab828685fd0621
        """;

    private const string Dynamic = Dense + """
        5 probe 2775 100.00 raise 0.0001160205 0.0001160205 0.0001160205 0.0001160205
        6 probe 1387 100.00 raise 0.001295747 0.001295747 0.001295747 0.001295747
        7 probe 693 77.50 rollback 0.004213678 0.004213678 0.004213678 0.004213678
        8 probe 981 93.75 rollback 0.002810938 0.002810938 0.002810938 0.002810938
        9 probe 1166 100.00 raise 0.00209249 0.00209249 0.00209249 0.00209249
        10 probe 1069 98.75 rollback 0.002459072 0.002459072 0.002459072 0.002459072
        11 prune 279 71.25 hold 0.02967927 0.02967927 0.02967927 0.02967927
        12 prune 170 67.50 hold 0.04512887 0.04512887 0.04512887 0.04512887
        13 prune 114 72.50 hold 0.06096513 0.06096513 0.06096513 0.06096513
        14 prune 74 60.00 hold 0.0810513 0.0810513 0.0810513 0.0810513
        15 prune 52 50.00 hold 0.09657224 0.09657224 0.09657224 0.09657224
        16 prune 36 57.50 hold 0.1258703 0.1258703 0.1258703 0.1258703
        17 prune 36 58.75 rollback 0.1258703 0.1258703 0.1258703 0.1258703
        18 prune 25 57.50 hold 0.1655298 0.1655298 0.1655298 0.1655298
        19 prune 205 100.00 raise 0.03860781 0.03860781 0.03860781 0.03860781
        5205e6da9717299a93c72960f0986ced09e9de772c233fd61debc776335c2241
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("hand-set", HandSet)]
    [InlineData("dynamic", Dynamic)]
    public void A_short_run_takes_the_recorded_course(string method, string expected)
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Fma.IsSupported,
            "recorded on Linux, x86-64 with fused multiply-add: elsewhere the cosine of a schedule may differ by a last bit");
        string run = _folder.Combine("run"), data = SmallSet.Write(_folder.Combine("data"));
        Cli.Done(["prune", "--method", method, "--dense-epochs", "4", "--epochs", "2", "--network", Network, .. Cli.Small(data, run)[2..]]);
        string course = Course(run);
        Assert.True(expected == course, $"expected\n{expected}\nfound\n{course}");
    }

    /// <summary>
    /// A line for each iteration: number, phase, live weights, accuracy, decision, thresholds of the layers; last the weights' digest.
    /// </summary>
    private static string Course(string run)
    {
        var layers = Columns(run, "layers.csv", "iteration", "threshold").ToLookup(r => r[0], r => r[1]);
        var iterations = Columns(run, "iterations.csv", "iteration", "phase", "kept", "validation_accuracy", "decision");
        float[] weights = Checkpoint.Load(Path.Combine(run, "model.safetensors")).Weights;
        string digest = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(weights)));
        return string.Join('\n', [.. iterations.Select(r => string.Join(' ', [.. r, .. layers[r[0]]])), digest]);
    }

    /// <summary>Columns of a CSV file by name; none of them is quoted or stands behind one that is.</summary>
    private static IEnumerable<string[]> Columns(string run, string file, params string[] names)
    {
        string[] lines = File.ReadAllLines(Path.Combine(run, file)), header = lines[0].Split(',');
        int[] places = [.. names.Select(n => Array.IndexOf(header, n))];
        return lines.Skip(1).Select(l => l.Split(',')).Select(r => Array.ConvertAll(places, p => r[p]));
    }
}
