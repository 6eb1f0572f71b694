using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Tests.ModelTests;
using Tests.ModelTests.Imaging;

namespace Tests.PruningTests;

/// <summary>From a folder of colour pictures to answers, and ways of training them.</summary>
public sealed class PictureRunTests : IDisposable
{
    private const string Network = "conv4@3p1r pool2 fc8r fc3";

    private static readonly string[] Names = ["blaue Wände", "green", "red"];

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public PictureRunTests()
    {
        _data = _folder.Combine("data");
        var random = new Random64(1);
        for (int c = 0; c < Names.Length; c++)
        {
            Directory.CreateDirectory(Path.Combine(_data, Names[c]));
            for (int i = 0; i < 60; i++)
                File.WriteAllBytes(Path.Combine(_data, Names[c], $"{i:D2}.png"), Picture(2 - c, 10 + i % 3, random));
        }
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Noise, brighter in one colour.</summary>
    private static byte[] Picture(int channel, int side, Random64 random) => PictureBytes.Png(
        [.. Enumerable.Range(0, side * side * 4).Select(i => i % 4 == 3 ? (byte)255
            : (byte)((i % 4 == channel ? 90 : 0) + random.NextInt(140)))], side, side, colour: PictureBytes.ColourAndAlpha);

    private string[] Common(string run, string network = Network) =>
    [
        "--data", _data, "--size", "8x8", "--device", "cpu", "--workers", Cli.Workers, "--batch", "16", "--network", network,
        "--out", run,
    ];

    [Fact]
    public void Colours_are_trained_pruned_measured_and_answered_for_by_name()
    {
        string run = _folder.Combine("run");
        Cli.Done([
            "prune", "--dense-epochs", "8", "--epochs", "1", "--learning-rate", "0.01", "--max-drop", "5", "--augment", "none",
            .. Common(run)]);
        var model = Checkpoint.Load(Path.Combine(run, "model.safetensors"));
        Assert.Equal(Names, model.Network.Data.Names);
        Assert.Equal(150 / 5, model.Validation);
        Assert.True(model.Kept < model.Total);
        using var eval = JsonDocument.Parse(Cli.Done(
            "eval", "--model", run, "--data", _data, "--size", "8x8", "--device", "cpu", "--json").Output);
        Assert.InRange(eval.RootElement.GetProperty("accuracy").GetDouble(), 80, 100);
        Assert.Equal(30, eval.RootElement.GetProperty("images").GetInt32());

        var random = new Random64(9);
        string blue = _folder.Write("blue.png", Picture(2, 33, random)), red = _folder.Write("red.png", Picture(0, 20, random));
        using var json = JsonDocument.Parse(Cli.Done("predict", "--model", run, "--device", "cpu", "--json", blue, red).Output);
        var predictions = json.RootElement.GetProperty("predictions");
        Assert.Equal("blaue Wände", predictions[0].GetProperty("name").GetString());
        Assert.Equal(2, predictions[1].GetProperty("class").GetInt32());
        Assert.Equal(3, predictions[1].GetProperty("probabilities").GetArrayLength());
        Assert.Contains("blaue Wände", Cli.Done("predict", "--model", run, "--device", "cpu", blue).Output);

        // Other pictures with other statistics: the network's own normalization counts. Other classes are refused.
        string other = _folder.Combine("other");
        foreach (string name in Names)
        {
            Directory.CreateDirectory(Path.Combine(other, "train", name));
            Directory.CreateDirectory(Path.Combine(other, "test", name));
            File.WriteAllBytes(Path.Combine(other, "train", name, "1.png"), Picture(1, 8, random));
        }
        File.WriteAllBytes(Path.Combine(other, "test", "red", "1.png"), Picture(0, 8, random));
        Assert.Contains(" of 1)", Cli.Done("eval", "--model", run, "--data", other, "--device", "cpu").Output);
        Directory.Move(Path.Combine(other, "train", "green"), Path.Combine(other, "train", "zebra"));
        Directory.Delete(Path.Combine(other, "test", "green"));
        var (code, _, error) = Cli.Run("eval", "--model", run, "--data", other, "--device", "cpu");
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("expected the classes blaue Wände, green, red, found blaue Wände, red, zebra", error);
    }

    [Fact]
    public void A_run_says_how_it_was_trained_if_it_was_not_as_usual()
    {
        string run = _folder.Combine("sgd"), usual = _folder.Combine("usual");
        Cli.Done([
            "train", "--epochs", "6", "--optimizer", "sgd", "--momentum", "0.8", "--weight-decay", "0.002", "--label-smoothing", "0.3",
            "--augment", "flip", .. Common(run)]);
        using var options = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(run, "options.json")));
        AssertNumbers(options, ("learning_rate", 0.1), ("momentum", 0.8), ("weight_decay", 0.002), ("label_smoothing", 0.3));
        Assert.Equal(("sgd", "flip"), (Word(options, "optimizer"), Word(options, "augment")));
        Cli.Done(["train", "--epochs", "1", .. Common(usual)]);
        string all = File.ReadAllText(Path.Combine(usual, "options.json"));
        foreach (string word in (string[])["optimizer", "momentum", "weight_decay", "smoothing", "augment"])
            Assert.DoesNotContain(word, all);
        // The optimizer follows from layers, but of who asks for a rate.
        string[] normalised = ["train", "--epochs", "1", "--force", .. Common(usual, "conv4@3p1br pool2 fc3")];
        Cli.Done(normalised);
        using var followed = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(usual, "options.json")));
        AssertNumbers(followed, ("learning_rate", 0.1), ("weight_decay", 0.001));
        Assert.Equal("sgd", Word(followed, "optimizer"));
        Cli.Done([.. normalised, "--learning-rate", "0.01"]);
        Assert.DoesNotContain("\"sgd\"", File.ReadAllText(Path.Combine(usual, "options.json")));
        // Dynamic pruning goes by Adam's moments after a dense training without them; by hand the optimizer is the same.
        foreach (string method in (string[])["dynamic", "hand-set"])
        {
            string pruned = _folder.Combine(method);
            Cli.Done([
                "prune", "--method", method, "--optimizer", "sgd", "--dense-epochs", "3", "--epochs", "2", "--max-drop", "10",
                .. Common(pruned)]);
            Assert.True(Checkpoint.Load(Path.Combine(pruned, "model.safetensors")) is { } m && m.Kept <= m.Total);
        }
        // What is left is mended at a tenth of the rate that made it; half of an epoch in two it is half of that.
        double[] rates =
        [
            .. RunFiles.ReadCsv(_folder.Combine("hand-set"), "iterations.csv", RunFiles.Iterations).Where(r => r["phase"] == "retrain")
                .Select(r => RunFiles.Number(r, "learning_rate")),
        ];
        Assert.Equal(2, rates.Length);
        Assert.InRange(rates[0], 0.004, 0.007);
    }

    private static void AssertNumbers(JsonDocument options, params (string Name, double Value)[] expected) =>
        Assert.All(expected, e => Assert.Equal(e.Value, options.RootElement.GetProperty(e.Name).GetDouble()));

    private static string? Word(JsonDocument options, string name) => options.RootElement.GetProperty(name).GetString();

    [Fact]
    public void Names_of_classes_are_in_every_file()
    {
        string run = _folder.Combine("dense"), small = _folder.Combine("small"), torch = _folder.Combine("torch.safetensors");
        Cli.Done(["train", "--epochs", "2", .. Common(run)]);
        Cli.Done([
            "compress", "--model", run, "--data", _data, "--size", "8x8", "--device", "cpu", "--batch", "16", "--epochs", "1",
            "--bits", "4", "--out", small]);
        Cli.Done("export", "--model", small, "--out", torch);
        string back = _folder.Combine("back.safetensors");
        Cli.Done("import", torch, "--out", back);
        foreach (string file in (string[])[Path.Combine(run, "model.safetensors"), Path.Combine(small, "model.dcn"), back])
            Assert.Equal(Names, Secateurs.Pruning.Compression.ModelFile.Load(file).Network.Data.Names);
    }

    [Theory]
    [InlineData("--size 8", "--size: expected rows x columns such as 32x32")]
    [InlineData("--size 8x2000", "at most 1024 each, found '8x2000'")]
    [InlineData("", "--size 32x32 brings all to one size")]
    public void What_a_set_wants_is_said_with_its_option(string option, string words)
    {
        var (code, _, error) = Cli.Run(["data", "--data", _data, .. option.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.NotEqual(0, code);
        Assert.Contains(words, error);
    }
}
