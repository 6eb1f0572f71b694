using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Pruning.Export;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>
/// <c>import</c> from the command line: own files come back, what others do not say is asked, and what cannot be right is warned of.
/// </summary>
public sealed class ImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public ImportTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    private string Out => _folder.Combine("out.safetensors");

    [Fact]
    public void What_export_wrote_comes_back_byte_by_byte_without_an_option()
    {
        var model = PlainNetwork.Random("conv2@5p1r pool2 fc10", 0.2, 0, seed: 1) with { Seed = 9, Validation = 80 };
        model.Weights[Array.FindIndex(model.Weights, w => w != 0)] = 0;
        string saved = _folder.Combine("model.safetensors"), exported = _folder.Combine("exported.safetensors");
        model.Save(saved);
        Cli.Done("export", "--model", saved, "--out", exported);
        string said = Cli.Done(["import", exported, "--out", Out, .. Machine]).Error;
        Assert.Equal(File.ReadAllBytes(saved), File.ReadAllBytes(Out));
        Assert.Contains("conv1 <- conv1\nfc1 <- fc1\n", said);
        foreach (string[] more in (string[][])[["--std", "0.3081"], ["--network", "conv2@5p1r  pool2 fc10"], ["--layers", "conv1,fc1"]])
            Cli.Done(["import", exported, "--out", Out, "--force", .. more, .. Machine]);
        foreach (string[] more in (string[][])
            [["--std", "1"], ["--mean", "0.1307"], ["--network", "conv2@5p1 pool2 fc10"], ["--pruned"], ["--layers", "fc1,conv1"]])
        {
            var (code, _, error) = Cli.Run(["import", exported, "--out", _folder.Combine("new"), .. more, .. Machine]);
            Assert.Equal((int)ExitCode.Usage, code);
            Assert.Contains($"as {exported} says", error);
            Assert.EndsWith("leave the option out\n", error);
        }
        Assert.False(Path.Exists(_folder.Combine("new")));
    }

    [Fact]
    public void Preprocessing_is_asked_and_either_option_answers()
    {
        string foreign = Foreign(Trained(), Preprocessing.Own);
        var (code, _, error) = Cli.Run(["import", foreign, "--network", "fc16r fc10", "--out", Out, .. Machine]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith($"error: {foreign}: expected --mean or --std", error);
        Assert.Contains("--mean 0.1307 --std 0.3081", error);
        Assert.Contains("--std 1", error);
        Assert.Equal(1, error.Count(c => c == '\n'));
        Assert.False(Path.Exists(Out));
        foreach (string[] answer in (string[][])[["--std", "0.3081"], ["--deviation", "0.3081"], ["--mean", "0"]])
            Cli.Done(["import", foreign, "--network", "fc16r fc10", "--out", Out, "--force", .. answer, .. Machine]);
    }

    [Fact]
    public void The_right_preprocessing_gives_the_accuracy_of_before_and_another_one_a_warning()
    {
        var model = Trained();
        string foreign = Foreign(model, new Preprocessing(0.5, 0.5));
        var (output, said) = Cli.Done(
            ["import", foreign, "--network", "fc16r fc10", "--mean", "0.5", "--std", "0.5", "--out", Out, "--json", .. Machine]);
        using (var result = JsonDocument.Parse(output))
        {
            Assert.Equal(SmallSet.TrainCount, result.RootElement.GetProperty("images").GetInt32());
            Assert.InRange(result.RootElement.GetProperty("accuracy").GetDouble(), 80, 100);
            Assert.Equal("0", result.RootElement.GetProperty("layers").GetProperty("fc1").GetString());
        }
        Assert.DoesNotContain("warning", said);
        said = Cli.Done(["import", foreign, "--network", "fc16r fc10", "--std", "1", "--out", Out, "--force", .. Machine]).Error;
        Assert.Contains("warning: ", said);
        Assert.Contains("with --mean 0.5 --std 0.5 it has ", said);
    }

    [Fact]
    public void Layers_in_another_order_are_near_chance_which_is_a_warning()
    {
        string[] line = ["--network", "fc16r fc16r fc10", "--std", "0.3081"];
        var model = PlainNetwork.Random(line[1], 1, 0, seed: 1);
        string foreign = Foreign(model, Preprocessing.Own, "in", "a", "b");
        Assert.Contains(
            "warning: an accuracy near chance",
            Cli.Done(["import", foreign, .. line, "--layers", "in,a,b", "--out", Out, .. Machine]).Error);
    }

    [Fact]
    public void Test_images_are_not_looked_at()
    {
        string other = SmallSet.Write(_folder.Combine("other"), wrongTestLabels: true), foreign = Foreign(Trained(), Preprocessing.Own);
        string[] line = ["import", foreign, "--network", "fc16r fc10", "--std", "0.3081", "--out", Out, "--force", "--device", "cpu"];
        string Said(string data) => Cli.Done([.. line, "--data", data]).Error.Replace(data, "DATA", StringComparison.Ordinal);
        Assert.Contains(" training images of DATA\n", Said(_data));
        Assert.Equal(Said(_data), Said(other));
    }

    [Fact]
    public void An_onnx_model_says_its_layers_itself()
    {
        string saved = _folder.Combine("model.safetensors"), exported = _folder.Combine("model.onnx");
        var model = Trained();
        model.Save(saved);
        Cli.Done("export", "--model", saved, "--format", "onnx", "--out", exported);
        Cli.Done(["import", exported, "--out", Out, .. Machine]);
        string line = Cli.Done(["eval", "--model", saved, .. Machine]).Output;
        Assert.Equal(line[..line.IndexOf(", loss", StringComparison.Ordinal)],
            Cli.Done(["eval", "--model", Out, .. Machine]).Output[..line.IndexOf(", loss", StringComparison.Ordinal)]);
        foreach (string[] more in (string[][])[["--std", "0.3081"], ["--network", "fc16r fc10"], ["--layers", "a,b"]])
        {
            var (code, _, error) = Cli.Run(["import", exported, "--out", _folder.Combine("new"), .. more, .. Machine]);
            Assert.Equal((int)ExitCode.Usage, code);
            Assert.EndsWith("leave the option out\n", error);
        }
        // The same file from another program: its pixels are asked for, with a number for each channel it has.
        byte[] bytes = File.ReadAllBytes(exported);
        "pixel_seale"u8.CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf("pixel_scale"u8)));
        string foreign = _folder.Write("foreign.onnx", bytes);
        foreach (var (more, words) in new (string[], string)[]
            { ([], "expected --mean or --std"), (["--mean", "0,0,0"], "expected one number, since") })
        {
            var (code, _, error) = Cli.Run(["import", foreign, "--out", _folder.Combine("new"), .. more, .. Machine]);
            Assert.Equal((int)ExitCode.Usage, code);
            Assert.Contains(words, error);
        }
        string said = Cli.Done(["import", foreign, "--std", "0.00392157", "--out", Out, "--force", .. Machine]).Error;
        Assert.Contains("fc1 <- fc1\n", said);
        Assert.DoesNotContain("warning", said);
        string cut = _folder.Write("cut.onnx", bytes[..^9]);
        var (bad, _, refused) = Cli.Run(["import", cut, "--std", "1", "--out", _folder.Combine("new"), .. Machine]);
        Assert.Equal((int)ExitCode.BadFile, bad);
        Assert.Equal(1, refused.Count(c => c == '\n'));
        Assert.False(Path.Exists(_folder.Combine("new")));
    }

    private string[] Machine => ["--device", "cpu", "--data", _data];

    private Checkpoint Trained()
    {
        string run = _folder.Combine("run");
        Cli.Done(["train", "--epochs", "8", .. Cli.Small(_data, run)]);
        return Checkpoint.Load(Path.Combine(run, "model.safetensors"));
    }

    /// <summary>The same function of pixels for images that are prepared in another way, as another program's file.</summary>
    private string Foreign(Checkpoint model, Preprocessing preprocessing, params string[] names)
    {
        float[] weights = [.. model.Weights];
        var slices = model.Network.Slices;
        var first = slices[0];
        for (int k = 0; k < first.BiasCount; k++)
        {
            double sum = 0;
            for (int i = first.WeightOffset + k * first.Filter.FilterSize, end = i + first.Filter.FilterSize; i < end; i++)
            {
                double w = weights[i] * 255.0 * preprocessing.Deviation[0] * Mnist.Shape.Scale[0];
                (weights[i], sum) = ((float)w, sum + w);
            }
            weights[first.BiasOffset + k] += (float)(sum * preprocessing.Mean[0] / preprocessing.Deviation[0]);
        }
        var tensors = slices.SelectMany((s, i) => new[]
        {
            SafeTensor.Of($"{names.ElementAtOrDefault(i) ?? $"{i}"}.weight", s.WeightShape, weights.AsSpan(s.WeightOffset, s.WeightCount)),
            SafeTensor.Of($"{names.ElementAtOrDefault(i) ?? $"{i}"}.bias", [s.BiasCount], weights.AsSpan(s.BiasOffset, s.BiasCount)),
        });
        string path = _folder.Combine("foreign.safetensors");
        SafeTensors.Write(path, [.. tensors], new Dictionary<string, string>());
        return path;
    }
}
