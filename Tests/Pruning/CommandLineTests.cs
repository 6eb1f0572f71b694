using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Arguments, exit codes and where text goes.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(
        "",
        "expected one of devices, selftest, data, train, prune, compare, study, compress, eval, predict, export, import, plot, report, "
        + "resume, bench")]
    [InlineData("trian", "unknown command 'trian'; did you mean train?")]
    [InlineData("train --sed 3", "unknown option '--sed'; did you mean --seed?")]
    [InlineData("prune --max-dorp 1", "did you mean --max-drop?")]
    [InlineData("predict --modle x y.png", "unknown option '--modle'; did you mean --model?")]
    [InlineData("devices 1", "unknown argument '1'")]
    [InlineData("train --epochs 0", "--epochs: expected a number from 1 to 100000, found '0'")]
    [InlineData("train --epochs 1.5", "--epochs: expected a number from 1 to 100000, found '1.5'")]
    [InlineData("train --epochs 1,000", "--epochs: expected a number")]
    [InlineData("train --batch -1", "--batch: expected a number from 1 to 4096, found '-1'")]
    [InlineData("train --seed -1", "--seed: expected a number from 0 to 18446744073709551615, found '-1'")]
    [InlineData("train --learning-rate NaN", "--learning-rate: expected a number")]
    [InlineData("train --learning-rate Infinity", "--learning-rate: expected a number")]
    [InlineData("prune --max-drop 101", "--max-drop: expected a number from 0 to 100, found '101'")]
    [InlineData("prune --max-drop 0.1,x", "--max-drop: expected a number from 0 to 100, found 'x'")]
    [InlineData("prune --method hand-set --max-drop 0.1,0.5", "--max-drop: expected one budget for --method hand-set, found 0.1,0.5")]
    [InlineData("compare --max-drop 0.1,0.5", "--max-drop: expected one budget to compare at, found 0.1,0.5")]
    [InlineData("prune --method guess", "--method: expected dynamic or hand-set, found 'guess'")]
    [InlineData("train --device gpu", "--device: expected auto, cuda, opencl or cpu")]
    [InlineData("train --device cuda:x", "found 'cuda:x'")]
    [InlineData("train --simd 333", "--simd: expected 512, 256 or 128, found '333'")]
    [InlineData("train --network lenet-6", "'lenet-6' is no layer")]
    [InlineData("train --network fc20", "the last layer must be fc10")]
    [InlineData("train --epochs", "--epochs")]
    [InlineData("eval", "--model: expected a file, found none")]
    [InlineData("bench --density 0", "--density: expected a number from 0.0001 to 1, found '0'")]
    [InlineData("bench --density 0.02 --model x.safetensors", "--density: expected for a new network, found with --model")]
    [InlineData("bench --inference --density 0.02", "--density: expected where training is timed, found with --inference")]
    [InlineData("compress", "--model: expected a file, found none")]
    [InlineData("compress --bits 9", "--bits: expected auto or a number from 1 to 8, found '9'")]
    [InlineData("compress --coder zip", "--coder: expected range or huffman, found 'zip'")]
    [InlineData("eval --part train", "--part: expected test or validation, found 'train'")]
    [InlineData(
        "prune --target-ratio 60 --method hand-set",
        "--target-ratio: expected with --method dynamic, found with --method hand-set")]
    [InlineData("prune --target-ratio -1", "--target-ratio: expected a number from 0 to 1000000000, found '-1'")]
    [InlineData("prune --first-ratio 1", "--first-ratio: expected 0 or more than 1, found 1")]
    [InlineData("prune --first-ratio 0.5", "--first-ratio: expected 0 or more than 1, found 0.5")]
    [InlineData("study --seeds 5-1", "--seeds: expected numbers or ranges such as 1-5, at most 10000 of them, found '5-1'")]
    [InlineData("study --device cpu:0 --device cpu:1", "--device")]
    [InlineData("study --seeds 1 --seeds 2", "--seeds")]
    [InlineData("study --methods guess", "--methods: expected hand-set or dynamic, found 'guess'")]
    [InlineData("study --hand-set-epochs 0,4", "--hand-set-epochs: expected a number from 1 to 100000, found '0'")]
    [InlineData("study --out x --networks lenet-6", "'lenet-6' is no layer")]
    [InlineData("plot", "--run: expected a folder, found none")]
    [InlineData("predict x.png", "--model: expected a file, found none")]
    [InlineData("bench --network fc10 --model x.safetensors", "--network: expected for a new network, found with --model")]
    public void A_mistake_is_one_line_on_the_error_stream_and_exit_code_2(string line, string expected)
    {
        string data = SmallSet.Write(_folder.Combine("data"));
        string[] args = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (line.Contains("--network", StringComparison.Ordinal))
            args = [.. args, "--data", data];
        var (code, output, error) = Cli.Run(args);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Equal("", output);
        Assert.Contains(expected, error);
        Assert.StartsWith("error: ", error);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("cuda:99")]
    [InlineData("opencl:99")]
    [InlineData("cpu:1")]
    public void A_device_that_is_not_there_is_exit_code_1_and_the_list_of_what_is(string device)
    {
        string run = _folder.Combine("run");
        string data = SmallSet.Write(_folder.Combine("data"));
        var (code, output, error) = Cli.Run(
            "train", "--network", "fc10", "--validation", "80", "--device", device, "--data", data, "--out", run);
        Assert.Equal((int)ExitCode.Failed, code);
        Assert.Equal("", output);
        Assert.StartsWith($"error: device '{device}' is not there; this machine has ", error);
        Assert.Contains("cpu:0", error);
        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public void Help_is_no_mistake()
    {
        var (output, error) = Cli.Done("prune", "--help");
        Assert.Contains("--max-drop N[,N]", output);
        Assert.Contains("(default 0.1)", output);
        Assert.Equal("", error);
        Assert.Matches(@"^\d+\.\d+", Cli.Done("--version").Output);
        Assert.Equal(output, Cli.Done("help", "prune").Output);
        Assert.Equal(Cli.Done("--help").Output, Cli.Done("help").Output);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("help", "prunes").Code);
    }

    [Theory]
    [InlineData("devices")]
    [InlineData("selftest")]
    [InlineData("data")]
    [InlineData("train")]
    [InlineData("prune")]
    [InlineData("compare")]
    [InlineData("study")]
    [InlineData("compress")]
    [InlineData("eval")]
    [InlineData("predict")]
    [InlineData("export")]
    [InlineData("import")]
    [InlineData("plot")]
    [InlineData("report")]
    [InlineData("resume")]
    [InlineData("bench")]
    public void Every_verb_shows_two_examples_that_it_takes(string verb)
    {
        string[] lines = Cli.Done(verb, "--help").Output.Split('\n');
        Assert.All(lines, l => Assert.InRange(l.Length, 0, 100));
        string[] examples = [.. lines.SkipWhile(l => l != "examples:").Skip(1).Where(l => l.Length > 0)];
        Assert.Equal(2, examples.Length);
        Assert.All(examples, e => Assert.StartsWith($"  secateurs {verb}", e, StringComparison.Ordinal));
        Assert.All(examples, e => Assert.Empty(CommandLine.Mistakes([.. e.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1)])));
    }

    [Fact]
    public void A_word_that_begins_with_an_at_sign_is_a_word()
    {
        string file = _folder.Write("@words", "--help"u8.ToArray());
        Assert.Contains(file, Cli.Run("eval", "--model", file).Error, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("[diagram]", "train").Code);
    }

    [Fact]
    public void A_shell_is_told_how_a_word_may_go_on()
    {
        Assert.Equal("train", Cli.Done("[suggest:2]", "tr").Output.Trim());
        Assert.Contains("--max-drop", Cli.Done("[suggest:8]", "prune --").Output.Split('\n').Select(l => l.Trim()));
    }

    [Fact]
    public void What_comes_next_has_the_same_data()
    {
        string data = SmallSet.Write(_folder.Combine("data"));
        var (_, error) = Cli.Done(["train", "--epochs", "1", .. Cli.Small(data, _folder.Combine("run"))]);
        Assert.EndsWith($" --data {data} --device cpu --workers {Cli.Workers}\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plot_replaces_nothing_that_it_is_drawn_from()
    {
        string run = _folder.Combine("run"), log = Path.Combine(run, "iterations.csv");
        Cli.Done(["train", "--epochs", "1", .. Cli.Small(SmallSet.Write(_folder.Combine("data")), run)]);
        string before = File.ReadAllText(log);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("plot", "--run", run, "--out", log, "--force").Code);
        Assert.Equal(before, File.ReadAllText(log));
    }

    [Fact]
    public void With_json_an_error_is_one_object_too()
    {
        var (code, output, error) = Cli.Run("eval", "--model", _folder.Combine("absent"), "--json");
        using var json = JsonDocument.Parse(output);
        Assert.Equal(code, json.RootElement.GetProperty("exit_code").GetInt32());
        Assert.Equal($"error: {json.RootElement.GetProperty("error").GetString()}\n", error);
        using var usage = JsonDocument.Parse(Cli.Run("eval", "--modle", "x", "--json").Output);
        Assert.Equal((int)ExitCode.Usage, usage.RootElement.GetProperty("exit_code").GetInt32());
    }

    [Theory]
    [InlineData("eval --model ")]
    [InlineData("train --out ")]
    [InlineData("study --out ")]
    [InlineData("plot --run ")]
    [InlineData("export --model x --out ")]
    [InlineData("compress --model x --out ")]
    [InlineData("data --data ")]
    [InlineData("import ")]
    [InlineData("predict --model x ")]
    public void An_empty_path_is_a_mistake(string line)
    {
        var (code, output, error) = Cli.Run(line.Split(' '));
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Equal("", output);
        Assert.Contains("found an empty one", error);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
    }

    [Fact]
    public void Devices_lists_what_auto_takes()
    {
        var (output, error) = Cli.Done("devices", "--json");
        using var json = JsonDocument.Parse(output);
        string auto = json.RootElement.GetProperty("auto").GetString()!;
        Assert.Contains(json.RootElement.GetProperty("devices").EnumerateArray(), d => d.GetProperty("id").GetString() == auto);
        Assert.Contains($"{auto} ", error);
        Assert.Contains("<- auto", error);
        Assert.Equal((error, ""), Cli.Done("devices"));
    }

    [Fact]
    public void Data_counts_images_and_classes()
    {
        using var json = JsonDocument.Parse(Cli.Done("data", "--json", "--data", SmallSet.Write(_folder.Combine("data"))).Output);
        var train = json.RootElement.GetProperty("train");
        Assert.Equal(SmallSet.TrainCount, train.GetProperty("images").GetInt32());
        Assert.Equal(SmallSet.TrainCount, train.GetProperty("classes").EnumerateArray().Sum(c => c.GetInt32()));
    }

    [Fact]
    public void Bench_gives_what_the_contract_names()
    {
        var (output, error) = Cli.Done(
            "bench", "--network", "fc16r fc10", "--batch", "16", "--epochs", "3", "--device", "cpu", "--json", "--profile",
            "--data", SmallSet.Write(_folder.Combine("data")));
        using var json = JsonDocument.Parse(output);
        var result = json.RootElement;
        Assert.Equal("fc16r fc10", result.GetProperty("network").GetString());
        Assert.NotEqual("", result.GetProperty("device").GetString());
        Assert.Equal(16, result.GetProperty("batch").GetInt32());
        Assert.Equal(3, result.GetProperty("epochs").GetInt32());
        double median = result.GetProperty("seconds_per_epoch_median").GetDouble();
        double least = result.GetProperty("seconds_per_epoch_min").GetDouble();
        Assert.InRange(least, 1e-9, median);
        double first = result.GetProperty("seconds_first").GetDouble(), last = result.GetProperty("seconds_last").GetDouble();
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"epoch 1: {first:F4} s"), error);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"epoch 3: {last:F4} s"), error);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"first {first:F4} s, last {last:F4} s"), error);
        // Forward and weight gradients of both layers, data gradient of the second; 30 steps of 16 images.
        double flops = 2.0 * 30 * 16 * (2 * 784 * 16 + 3 * 16 * 10);
        Assert.InRange(result.GetProperty("gflops").GetDouble() * median * 1e9, 0.999 * flops, 1.5 * flops);
        Assert.InRange(result.GetProperty("test_accuracy").GetDouble(), 50, 100);
        Assert.Contains("fc1 backward weight", error);
    }

    [Theory]
    [InlineData("train-images-idx3-ubyte")]
    [InlineData("t10k-labels-idx1-ubyte")]
    public void Bad_data_is_exit_code_3_and_leaves_no_run(string damaged)
    {
        string data = SmallSet.Write(_folder.Combine("data")), run = _folder.Combine("run");
        string path = Path.Combine(data, damaged);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^1]);
        AssertRefused(ExitCode.BadData, damaged, ["train", .. Cli.Small(data, run)]);
        File.Delete(path);
        AssertRefused(ExitCode.BadData, damaged, ["train", .. Cli.Small(data, run)]);
        AssertRefused(ExitCode.BadData, "absent", ["train", .. Cli.Small(_folder.Combine("absent"), run)]);
        Assert.False(Directory.Exists(run));
    }

    private static void AssertRefused(ExitCode expected, string about, string[] args)
    {
        var (code, output, error) = Cli.Run(args);
        Assert.Equal((int)expected, code);
        Assert.Equal("", output);
        Assert.Contains(about, error);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
