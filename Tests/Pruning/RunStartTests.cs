using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Tests.ModelTests;
using static Tests.PruningTests.RunFiles;

namespace Tests.PruningTests;

/// <summary>Runs' folders and networks' files: where they may go, what may be started from, how they leave and come back.</summary>
public sealed class RunStartTests : IDisposable
{
    private static readonly string[] Again = ["--epochs", "1"], Short = ["--dense-epochs", "2", .. Again];

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public RunStartTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_is_not_written_over_unless_told_to()
    {
        string run = _folder.Combine("run");
        string[] train = ["train", "--epochs", "1", .. Cli.Small(_data, run)];
        Cli.Done(train);
        byte[] model = File.ReadAllBytes(Path.Combine(run, "model.safetensors"));
        var (code, _, error) = Cli.Run([.. train, "--seed", "7"]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Equal($"error: {run}: expected a new folder, found one with a run (--force replaces it when the new one is whole)\n", error);
        Assert.Equal(model, File.ReadAllBytes(Path.Combine(run, "model.safetensors")));
        Cli.Done([.. train, "--seed", "7", "--force"]);
        Assert.NotEqual(model, File.ReadAllBytes(Path.Combine(run, "model.safetensors")));
    }

    [Fact]
    public async Task Without_a_folder_runs_are_numbered()
    {
        string[] train = ["train", "--epochs", "1", .. Cli.Small("data", "")[..^2]];
        for (int i = 0; i < 2; i++)
        {
            using var process = Cli.Start(_folder.Path, train);
            string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.ExitCode == 0, error);
        }
        Assert.Equal(
            ["fc16r-fc10-dense-seed1", "fc16r-fc10-dense-seed1-2"],
            Directory.EnumerateDirectories(_folder.Combine("runs")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Only_a_dense_network_is_a_start()
    {
        string run = _folder.Combine("run"), again = _folder.Combine("again");
        Cli.Done(["prune", "--method", "hand-set", .. Short, .. Cli.Small(_data, run)]);
        string model = Path.Combine(run, "model.safetensors");
        var (code, _, error) = Cli.Run(["prune", "--model", model, .. Again, .. Cli.OfModel(_data, again)]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith($"error: {model}: expected a dense network", error);
        // Naming the network that is in the file is no contradiction.
        Cli.Done([
            "prune", "--method", "hand-set", "--model", Path.Combine(run, "dense.safetensors"), .. Again, .. Cli.Small(_data, again)]);
        (code, _, error) = Cli.Run([
            "prune", "--model", Path.Combine(run, "dense.safetensors"), "--network", "fc10", .. Cli.OfModel(_data, again)]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith("error: --network: expected fc16r fc10", error);
    }

    [Fact]
    public void A_dense_network_brings_its_split_into_training_and_validation_images()
    {
        string run = _folder.Combine("run"), again = _folder.Combine("again"), dense = Path.Combine(run, "dense.safetensors");
        Cli.Done(["prune", "--method", "hand-set", .. Short, .. Cli.Small(_data, run), "--seed", "7"]);
        Cli.Done(["prune", "--method", "hand-set", "--model", dense, .. Again, .. Cli.Small(_data, again)]);
        var (first, second) = (ReadCsv(run, "summary.csv", Summary)[0], ReadCsv(again, "summary.csv", Summary)[0]);
        Assert.Equal("7", second["seed"]);
        Assert.Equal(first["dense_validation_accuracy"], second["dense_validation_accuracy"]);
        var (code, _, error) = Cli.Run(["prune", "--model", dense, .. Cli.OfModel(_data, again), "--seed", "8"]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith($"error: --seed: expected 7, as in {dense}, found 8", error);
    }

    [Fact]
    public void A_damaged_model_is_exit_code_4()
    {
        string run = _folder.Combine("run"), model = Path.Combine(run, "model.safetensors");
        Cli.Done(["train", "--epochs", "1", .. Cli.Small(_data, run)]);
        byte[] bytes = File.ReadAllBytes(model);
        bytes[^9] ^= 1;
        File.WriteAllBytes(model, bytes);
        foreach (string[] args in (string[][])
            [
                ["eval", "--model", model], ["export", "--model", model, "--out", "x"], ["predict", "--model", model, "x.png"],
                ["prune", "--model", model],
            ])
        {
            var (code, output, error) = Cli.Run(args);
            Assert.Equal((int)ExitCode.BadFile, code);
            Assert.Equal("", output);
            Assert.StartsWith($"error: {model}: expected ", error);
        }
        var plot = Cli.Run("plot", "--run", _folder.Combine("nowhere"));
        Assert.Equal((int)ExitCode.BadFile, plot.Code);
    }

    [Fact]
    public void Export_is_plain_safetensors_and_predict_reads_idx()
    {
        string run = _folder.Combine("run"), model = Path.Combine(run, "model.safetensors");
        string target = _folder.Combine("out", "net.safetensors");
        Cli.Done(["train", "--epochs", "3", .. Cli.Small(_data, run)]);
        Cli.Done("export", "--model", model, "--out", target);
        var file = SafeTensors.Read(target);
        Assert.Equal(["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"], file.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Equal([16, 784], file.Tensors.First(t => t.Name == "fc1.weight").Shape);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("export", "--model", model, "--out", target).Code);

        using var result = Json(Cli.Done(
            "predict", "--model", model, "--device", "cpu", "--json", Path.Combine(_data, "t10k-images-idx3-ubyte")).Output);
        var predictions = result.RootElement.GetProperty("predictions").EnumerateArray().ToArray();
        var labels = SmallSet.Make(SmallSet.TestCount, 2).Labels;
        Assert.Equal(labels.Length, predictions.Length);
        Assert.All(predictions, p => Assert.Equal(1, p.GetProperty("probabilities").EnumerateArray().Sum(x => x.GetDouble()), 1e-4));
        using var evaluation = Json(Cli.Done("eval", "--model", model, "--data", _data, "--device", "cpu", "--json").Output);
        int correct = predictions.Zip(labels, (p, l) => p.GetProperty("class").GetInt32() == l ? 1 : 0).Sum();
        Assert.Equal(evaluation.RootElement.GetProperty("correct").GetInt32(), correct);
    }

    [Fact]
    public void A_network_goes_out_and_comes_back_and_its_training_and_answers_are_timed()
    {
        string run = _folder.Combine("run"), model = Path.Combine(run, "model.safetensors"), back = _folder.Combine("back.safetensors");
        Cli.Done(["train", "--epochs", "1", .. Cli.Small(_data, run)]);
        foreach (string format in (string[])["onnx", "csr-npz", "safetensors"])
            Cli.Done("export", "--model", model, "--format", format, "--out", _folder.Combine(format));
        Cli.Done("import", _folder.Combine("safetensors"), "--network", "fc16r fc10", "--deviation", "0.3081", "--out", back);
        var accuracies = new List<double>();
        foreach (string file in (string[])[model, back])
        {
            using var result = Json(Cli.Done(
                "bench", "--inference", "--model", file, "--data", _data, "--device", "cpu", "--batch", "60", "--json").Output);
            accuracies.AddRange(
                result.RootElement.GetProperty("inference").EnumerateArray().Select(r => r.GetProperty("test_accuracy").GetDouble()));
        }
        using var evaluation = Json(Cli.Done("eval", "--model", model, "--data", _data, "--device", "cpu", "--json").Output);
        double expected = 100.0 * evaluation.RootElement.GetProperty("correct").GetInt32() / SmallSet.TestCount;
        Assert.Equal([expected, expected, expected, expected], accuracies);

        Cli.Done(["prune", "--method", "hand-set", "--model", model, "--epochs", "1", .. Cli.Small(_data, _folder.Combine("pruned"))]);
        using var training = Json(Cli.Done(
            "bench", "--model", Path.Combine(_folder.Combine("pruned"), "model.safetensors"), "--epochs", "1", "--data", _data,
            "--device", "cpu", "--batch", "20", "--json").Output);
        Assert.Equal("fc16r fc10", training.RootElement.GetProperty("network").GetString());
        Assert.InRange(training.RootElement.GetProperty("density").GetDouble(), 0.01, 0.99);
    }
}
