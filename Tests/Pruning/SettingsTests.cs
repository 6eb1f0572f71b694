using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Options that nothing would read, and how options are described.</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Controller => [.. Settings.Controller.Select(s => s.Option.Name)];

    [Theory]
    [MemberData(nameof(Controller))]
    public void A_constant_of_the_controller_does_nothing_for_a_hand_set_threshold(string option)
    {
        string value = option is "--decay" or "--teacher-share" ? "0.5" : "2";
        AssertRefused($"prune --method hand-set {option} {value}", $"{option}: expected with --method dynamic");
        AssertRefused($"prune --method static {option} {value}", "found with --method hand-set");
    }

    [Theory]
    [InlineData("prune --sensitivity 1", "--sensitivity: expected with --method hand-set, found with --method dynamic")]
    [InlineData("prune --target-ratio 9 --sensitivity 2", "--sensitivity: expected with --method hand-set, found with --target-ratio")]
    [InlineData("prune --method hand-set --enough 9", "--enough: expected with --method dynamic, found with --method hand-set")]
    [InlineData("prune --target-ratio 9 --enough 9", "--enough: expected with --method dynamic, found with --target-ratio")]
    [InlineData("prune --target-ratio 9 --first-ratio 4", "--first-ratio: expected with --method dynamic, found with --target-ratio")]
    [InlineData("prune --target-ratio 9 --resolution 2", "--resolution: expected with --method dynamic, found with --target-ratio")]
    [InlineData(
        "prune --target-ratio 9 --max-drop 0.1",
        "--max-drop: expected with --method hand-set or with --method dynamic, found with --target-ratio")]
    [InlineData(
        "prune --method static --decay 0",
        "--decay: expected with --method dynamic or with --target-ratio, found with --method hand-set")]
    [InlineData(
        "study --out x --methods dynamic --hand-set-epochs 4",
        "--hand-set-epochs: expected with --methods hand-set, found with dynamic")]
    [InlineData("prune --model M --dense-epochs 3", "--dense-epochs: expected without --model, found with --model")]
    [InlineData("train --momentum 0.5", "--momentum: expected with --optimizer sgd, found auto")]
    [InlineData(
        "prune --model M --optimizer sgd",
        "--optimizer: expected without --model or with --method hand-set, found with --model and with --method dynamic")]
    [InlineData("compare --model M --dense-epochs 3", "--dense-epochs: expected without --model, found with --model")]
    [InlineData(
        "prune --model M --learning-rate 0.001",
        "--learning-rate: expected without --model or with --method hand-set, found with --model and with --method dynamic")]
    [InlineData(
        "prune --model M --target-ratio 9 --learning-rate 0.001",
        "--learning-rate: expected without --model or with --method hand-set, found with --model and with --target-ratio")]
    public void An_option_that_nothing_reads_is_refused(string line, string expected) => AssertRefused(line, expected);

    [Fact]
    public void What_is_read_is_taken()
    {
        string data = SmallSet.Write(_folder.Combine("data"));
        string[] Small(string run) => ["--dense-epochs", "1", "--epochs", "1", .. Cli.Small(data, _folder.Combine(run))];
        Cli.Done(["prune", "--method", "hand-set", "--sensitivity", "0.5", "--max-drop", "1", .. Small("hand")]);
        // Every constant of the controller, each with its default.
        string[] constants = [.. Settings.Controller.SelectMany(s => (string[])[s.Option.Name, $"{s.Option.GetDefaultValue()}"])];
        Cli.Done(["prune", "--enough", "4", .. constants, .. Small("dynamic")]);
        string[] path = ["--path-share", "1", "--teacher-share", "0", "--decay", "0", "--prune-rate", "0.001"];
        Cli.Done(["prune", "--target-ratio", "4", .. path, .. Small("target")]);
        // The walk by hand retrains at the learning rate.
        string dense = Path.Combine(_folder.Combine("hand"), "dense.safetensors");
        Cli.Done(["compare", "--model", dense, .. Small("compare")[2..], "--max-drop", "1"]);
    }

    /// <summary>Two lines of a terminal beside the names.</summary>
    [Fact]
    public void Descriptions_are_short() =>
        Assert.All(
            [.. Settings.Dense, .. Settings.Dynamic, Settings.Sensitivity, Settings.TargetRatio],
            s => Assert.InRange(s.Option.Description!.Length, 1, 82));

    private void AssertRefused(string line, string expected)
    {
        string model = _folder.Combine("model.safetensors"), run = _folder.Combine("run");
        var network = NetworkDescription.Parse("fc10");
        int length = network.ParameterLength;
        float[] ones = [.. Enumerable.Repeat(1f, length)];
        new Checkpoint(network, ones, ones, 1, 80, new Dictionary<string, string>()).Save(model);
        string[] args = [.. line.Split(' ').Select(a => a == "M" ? model : a == "x" ? run : a)];
        var (code, output, error) = Cli.Run(args.Contains("--out") ? args : [.. args, "--out", run]);
        Assert.Equal(((int)ExitCode.Usage, ""), (code, output));
        Assert.StartsWith("error: ", error);
        Assert.Contains(expected, error);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
        Assert.False(Directory.Exists(run));
    }
}
