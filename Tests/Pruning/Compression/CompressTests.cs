using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;
using Tests.ModelTests;
using Tests.PruningTests;

namespace Tests.Compression;

/// <summary>From a pruned network to a file and back.</summary>
public sealed class CompressTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _data, _model;

    public CompressTests()
    {
        _data = SmallSet.Write(_folder.Combine("data"));
        string run = _folder.Combine("pruned");
        Cli.Done(["prune", "--method", "hand-set", "--sensitivity", "1", "--dense-epochs", "3", "--epochs", "2", .. Cli.Small(_data, run)]);
        _model = Path.Combine(run, "model.safetensors");
    }

    public void Dispose() => _folder.Dispose();

    private string[] Arguments(string outFolder, params string[] more) =>
    [
        "compress", "--model", _model, "--data", _data, "--out", _folder.Combine(outFolder),
        "--device", "cpu", "--workers", "2", "--batch", "16", "--json", .. more,
    ];

    private JsonElement Compress(string outFolder, params string[] more) =>
        JsonDocument.Parse(Cli.Done(Arguments(outFolder, more)).Output).RootElement;

    [Theory]
    [InlineData("range")]
    [InlineData("huffman")]
    public void The_file_is_the_network(string coder)
    {
        var result = Compress("coded", "--bits", "3", "--coder", coder);
        string file = _folder.Combine("coded", "model.dcn");
        Assert.Equal(new FileInfo(file).Length, result.GetProperty("bytes").GetInt64());
        var coded = CodedFile.Decode(File.ReadAllBytes(file), file);
        Assert.All(coded.Layers, l => Assert.InRange(l.Codebook.Length, 1, 7));
        var model = ModelFile.Load(file);
        Assert.Equal(result.GetProperty("kept").GetInt32(), model.Kept);
        Assert.InRange(model.Kept, 1, Checkpoint.Load(_model).Kept);

        using var evaluation = JsonDocument.Parse(Cli.Done("eval", "--model", file, "--data", _data, "--device", "cpu", "--json").Output);
        Assert.Equal(
            Math.Round(result.GetProperty("test_after").GetDouble(), 2),
            evaluation.RootElement.GetProperty("accuracy").GetDouble());
        // Out to others, and timed, straight from the file.
        foreach (string format in (string[])["onnx", "csr-npz", "safetensors"])
            Cli.Done("export", "--model", file, "--format", format, "--out", _folder.Combine(format));
        Cli.Done("bench", "--inference", "--model", file, "--data", _data, "--device", "cpu", "--batch", "20", "--json");
        Cli.Done("predict", "--model", file, "--device", "cpu", Path.Combine(_data, "t10k-images-idx3-ubyte"));
    }

    /// <summary>Before anything is trained; what is there stays.</summary>
    [Fact]
    public void More_weights_than_a_file_holds_are_refused_at_once()
    {
        var network = NetworkDescription.Parse("fc22000r fc10", Checkpoint.Load(_model).Network.Data);
        float[] ones = [.. Enumerable.Repeat(1f, network.ParameterLength)];
        string wide = _folder.Combine("wide.safetensors");
        new Checkpoint(network, ones, ones, Seed: 1, Checkpoint.Load(_model).Validation, new Dictionary<string, string>()).Save(wide);
        var (code, _, error) = Cli.Run("compress", "--model", wide, "--data", _data, "--device", "cpu", "--out", _folder.Combine("c"));
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("expected at most 16777216 weights where its dead parts are gone, found 17468000", error);
        Assert.False(File.Exists(_folder.Combine("c", "model.dcn")));
    }

    [Fact]
    public void The_table_adds_up()
    {
        var result = Compress("coded", "--bits", "4");
        string[] lines = File.ReadAllLines(_folder.Combine("coded", "compression.csv")), columns = lines[0].Split(',');
        var rows = lines.Skip(1).Select(l => columns.Zip(l.Split(',')).ToDictionary(p => p.First, p => p.Second)).ToArray();
        Assert.Equal(["fc1", "fc2", "network"], rows.Select(r => r["layer"]));
        double Number(int row, string column) => double.Parse(rows[row][column], CultureInfo.InvariantCulture);
        Assert.Equal(Number(0, "kept") + Number(1, "kept"), Number(2, "kept"));
        Assert.Equal(784 * 16 + 16 * 10, Number(2, "weights"));
        foreach (string part in (string[])["codebook", "position", "index", "bias"])
            Assert.Equal(Number(0, $"file_{part}_bytes") + Number(1, $"file_{part}_bytes"), Number(2, $"file_{part}_bytes"), 0.11);
        Assert.Equal(4.0 * (784 * 16 + 16 * 10 + 26) / Number(2, "file_bytes"), Number(2, "file_ratio"), 0.01);
        Assert.Equal(result.GetProperty("bytes").GetInt32(), Number(2, "file_bytes"));
        Assert.InRange(Number(2, "han_coded_bytes"), 1, Number(2, "han_bytes"));
    }

    [Fact]
    public void The_same_command_gives_the_same_bytes()
    {
        Compress("a", "--bits", "2");
        Compress("b", "--bits", "2");
        Assert.Equal(File.ReadAllBytes(_folder.Combine("a", "model.dcn")), File.ReadAllBytes(_folder.Combine("b", "model.dcn")));
        Assert.Equal((int)ExitCode.Usage, Cli.Run(Arguments("a", "--bits", "2")).Code);
    }

    [Fact]
    public void A_dry_run_tells_the_time_of_all_tries_and_writes_nothing()
    {
        var (once, all) = (Compress("dry", "--dry-run", "--bits", "3"), Compress("dry", "--dry-run"));
        Assert.False(Directory.Exists(_folder.Combine("dry")));
        foreach (var told in (JsonElement[])[once, all])
        {
            var part = Assert.Single(told.GetProperty("parts").EnumerateArray());
            Assert.Equal("compress", part.GetProperty("name").GetString());
            Assert.InRange(part.GetProperty("seconds").GetDouble(), 1e-6, 1e6);
            // Inputs without a live weight are not trained.
            Assert.InRange(told.GetProperty("weights").GetInt32(), 1, Checkpoint.Load(_model).Total - 1);
        }
    }

    [Fact]
    public void A_terminal_shows_a_bar_and_a_pipe_none()
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        string[] asked = Arguments("seen", "--bits", "2", "--drop", "10", "--epochs", "3");
        Assert.Equal(0, CommandLine.Run(asked, new Terminal(output, error, interactive: true, colour: false), CancellationToken.None));
        string[] bars = [.. error.ToString().Split('\r', '\n').Where(l => l.Contains('─', StringComparison.Ordinal))];
        Assert.All(bars, b => Assert.InRange(b.TrimEnd().Length, 30, 79));
        Assert.Contains("   0 %  starting  compress", bars[0], StringComparison.Ordinal);
        // Those that stay of the weights are trained for half of the time, then the values that they share.
        string half = Assert.Single(bars, b => b.Contains(" 50 % ", StringComparison.Ordinal));
        Assert.Contains("retrain 3/3  loss ", half, StringComparison.Ordinal);
        Assert.Contains(bars, b => b.Contains("share 1/3  loss ", StringComparison.Ordinal));
        JsonDocument.Parse(output.ToString()).Dispose();

        var (_, remarks) = Cli.Done([.. asked, "--force"]);
        Assert.DoesNotContain('\r', remarks);
        Assert.DoesNotContain('─', remarks);
    }

    [Fact]
    public void Bits_are_found_and_fewer_cost_fewer_bytes()
    {
        var found = Compress("auto", "--bits", "auto", "--epochs", "1", "--max-drop", "5", "--dense", _model);
        Assert.True(found.GetProperty("within_budget").GetBoolean());
        Assert.All(found.GetProperty("bits").EnumerateArray(), b => Assert.InRange(b.GetInt32(), 1, 5));
        Assert.InRange(
            Compress("less", "--bits", "3", "--epochs", "1", "--drop", "40").GetProperty("kept").GetInt32(), 1,
            (int)(0.65 * Checkpoint.Load(_model).Kept));
        Assert.InRange(
            found.GetProperty("bytes").GetInt32(), 1,
            Compress("eight", "--bits", "8", "--epochs", "1").GetProperty("bytes").GetInt32() - 1);
    }

    [Fact]
    public void A_size_that_is_asked_for_is_reached_within_the_budget_or_beyond_it()
    {
        string[] loose = ["--epochs", "1", "--dense", _model];
        int least = Compress("least", [.. loose, "--max-drop", "5"]).GetProperty("bytes").GetInt32();
        // Far more than the budget's smallest: the search ends early, with more of the network.
        int easy = Compress("easy", [.. loose, "--max-drop", "5", "--target-bytes", "1000000"]).GetProperty("bytes").GetInt32();
        Assert.InRange(easy, least + 1, 1_000_000);
        // Less than that: beyond a budget that nobody gave, but not beyond a given one.
        int small = Compress("small", [.. loose, "--target-bytes", $"{least / 2}"]).GetProperty("bytes").GetInt32();
        Assert.InRange(small, 1, least / 2);
        AssertRefused(
            ExitCode.Failed, $"expected at most {least / 2} bytes, found {least}, the smallest that was found within 5 points",
            [.. Arguments("firm", [.. loose, "--max-drop", "5", "--target-bytes", $"{least / 2}"]).Where(a => a != "--json")]);
        Assert.Equal(least, new FileInfo(_folder.Combine("firm", "model.dcn")).Length);
        AssertRefused(
            ExitCode.Usage, "--target-bytes: expected without --drop, or with --max-drop",
            Arguments("dropped", "--target-bytes", "9", "--drop", "10"));
    }

    /// <summary>
    /// Pruning and compression share one budget: what the pruned network has lost is gone from it, and the dense network beside it is
    /// found.
    /// </summary>
    [Fact]
    public void The_budget_is_against_the_dense_network()
    {
        var model = Checkpoint.Load(_model);
        string dense = Path.Combine(Path.GetDirectoryName(_model)!, "dense.safetensors");
        (int Lost, int Gained) Counts(string name, params string[] more)
        {
            Compress(name, ["--bits", "8", "--epochs", "0", .. more]);
            string[] row = File.ReadAllLines(_folder.Combine(name, "compression.csv"))[^1].Split(',');
            return (int.Parse(row[^4], CultureInfo.InvariantCulture), int.Parse(row[^3], CultureInfo.InvariantCulture));
        }

        // A dense network that is wrong everywhere: nothing can be lost against it.
        float[] weights = [.. Checkpoint.Load(dense).Weights];
        foreach (var slice in model.Network.Slices)
            weights.AsSpan(slice.WeightOffset, slice.WeightCount).Clear();
        string useless = _folder.Combine("useless.safetensors");
        (Checkpoint.Load(dense) with { Weights = weights }).Save(useless);
        Assert.True(Counts("useless", "--dense", useless) is { Lost: < 12, Gained: > 20 });
        var beside = Counts("beside");
        Assert.Equal(beside, Counts("named", "--dense", dense));
        Assert.Equal(beside, Counts("run", "--dense", Path.GetDirectoryName(dense)!));
        Assert.Equal((0, 0), Counts("itself", "--dense", _model));

        (Checkpoint.Load(dense) with { Seed = model.Seed + 1 }).Save(useless);
        AssertRefused(ExitCode.Usage, "dense network: expected one of", Arguments("other", "--dense", useless));
        AssertRefused(ExitCode.Usage, "dense network: expected one of", Arguments("other", "--dense", useless, "--dry-run"));
        Assert.False(Directory.Exists(_folder.Combine("other")));
    }

    [Fact]
    public void Rounded_and_shared_biases_cost_fewer_bytes()
    {
        int Bytes(string name, params string[] more) =>
            Compress(name, ["--bits", "3", "--epochs", "1", .. more]).GetProperty("bytes").GetInt32();
        int plain = Bytes("plain"), rounded = Bytes("rounded", "--mantissa-bits", "7"), shared = Bytes("shared", "--bias-bits", "2");
        Assert.InRange(rounded, 1, plain - 1);
        Assert.InRange(shared, 1, plain - 1);
        var biases = ModelFile.Load(_folder.Combine("shared", "model.dcn"));
        var slices = biases.Network.Slices;
        Assert.All(
            slices,
            s => Assert.InRange(biases.Weights.AsSpan(s.BiasOffset, s.BiasCount).ToArray().Where(b => b != 0).Distinct().Count(), 0, 3));
        Assert.All(
            ModelFile.Load(_folder.Combine("rounded", "model.dcn")).Weights,
            w => Assert.Equal(0, BitConverter.SingleToInt32Bits(w) & 0xFFFF));
    }

    [Fact]
    public void Training_the_values_lowers_the_loss_that_sharing_cost()
    {
        double Loss(string name, string epochs)
        {
            Compress(name, "--bits", "2", "--learning-rate", "0.003", "--epochs", epochs);
            return JsonDocument.Parse(Cli.Done(
                "eval", "--model", _folder.Combine(name, "model.dcn"), "--data", _data, "--device", "cpu", "--json").Output)
                .RootElement.GetProperty("loss").GetDouble();
        }

        Assert.InRange(Loss("trained", "10"), 0, 0.95 * Loss("untrained", "0"));
    }

    [Fact]
    public void Bad_input_is_one_line()
    {
        Compress("coded", "--bits", "2");
        string file = _folder.Combine("coded", "model.dcn");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(file, bytes);
        AssertRefused(ExitCode.BadFile, "CRC-32", "eval", "--model", file, "--data", _data, "--device", "cpu");
        AssertRefused(ExitCode.BadFile, "absent", "compress", "--model", _folder.Combine("absent"), "--data", _data);
        Compress("good", "--bits", "2");
        string good = _folder.Combine("good", "model.dcn");
        AssertRefused(ExitCode.Usage, "set aside", "compress", "--model", good, "--data", _data, "--out", _folder.Combine("twice"));
        AssertRefused(ExitCode.Usage, "set aside", "eval", "--model", good, "--data", _data, "--part", "validation");
        Assert.False(Directory.Exists(_folder.Combine("twice")));
        // A whole file whose layers are not those of its network.
        byte[] other = CodedFile.Encode(
            new CodedNetwork("fc10", [new SharedLayer("fc1", [10, 3], [1f], new int[30], new float[10])]),
            Coder.Range);
        File.WriteAllBytes(good, other);
        AssertRefused(ExitCode.BadFile, "layer fc1 (10, 784)", "eval", "--model", good, "--data", _data);
    }

    [Fact]
    public void A_layer_without_weights_and_a_dense_network_are_coded()
    {
        var model = Checkpoint.Load(_model);
        var slices = model.Network.Slices;
        float[] weights = [.. model.Weights], mask = [.. model.Mask];
        foreach (float[] flat in (float[][])[weights, mask])
            flat.AsSpan(slices[1].WeightOffset, slices[1].WeightCount).Clear();
        string empty = _folder.Combine("empty.safetensors");
        (model with { Weights = weights, Mask = mask }).Save(empty);
        foreach (string path in (string[])[empty, _folder.Combine("pruned", "dense.safetensors")])
        {
            string target = _folder.Combine(Path.GetFileNameWithoutExtension(path));
            Cli.Done(
                "compress", "--model", path, "--data", _data, "--out", target,
                "--bits", "2", "--epochs", "1", "--batch", "16", "--device", "cpu");
            Assert.Equal(Compaction.Of(Checkpoint.Load(path)).Kept, ModelFile.Load(Path.Combine(target, "model.dcn")).Kept);
        }
    }

    [Fact]
    public void Compare_goes_from_the_dense_network_to_the_file()
    {
        string run = _folder.Combine("compared");
        var (output, _) = Cli.Done(
            ["compare", "--full", "--max-drop", "2.5", "--dense-epochs", "2", "--epochs", "1", .. Cli.Small(_data, run), "--json"]);
        using var result = JsonDocument.Parse(output);
        string file = Path.Combine(run, "dynamic", "model.dcn");
        Assert.Equal(new FileInfo(file).Length, result.RootElement.GetProperty("compressed").GetProperty("bytes").GetInt64());
        Assert.True(File.Exists(Path.Combine(run, "dynamic", "compression.csv")));
        Assert.InRange(ModelFile.Load(file).Kept, 1, Checkpoint.Load(Path.Combine(run, "dynamic", "model.safetensors")).Kept);
    }

    private static void AssertRefused(ExitCode expected, string about, params string[] args)
    {
        var (code, _, error) = Cli.Run(args);
        Assert.Equal((int)expected, code);
        Assert.Contains(about, error);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), l => l.StartsWith("error:", StringComparison.Ordinal));
    }
}
