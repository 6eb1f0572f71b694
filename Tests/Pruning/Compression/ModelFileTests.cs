using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Export;
using Tests.ModelTests;

namespace Tests.PruningTests.Compression;

public sealed class ModelFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_the_model_in_it()
    {
        var model = PlainNetwork.Random("fc4r fc10", 0.5, 0, seed: 1);
        string run = _folder.Combine("run"), checkpoint = Path.Combine(run, "model.safetensors"), coded = Path.Combine(run, "model.dcn");
        Directory.CreateDirectory(run);
        Assert.Contains("model.safetensors or model.dcn", Refusal.Message(ErrorKind.BadFile, run, () => ModelFile.Find(run)));
        File.WriteAllBytes(coded, Coded(model));
        Assert.Equal(coded, ModelFile.Find(run));
        Assert.Equal(model.Kept, ModelFile.Load(coded).Kept);
        model.Save(checkpoint);
        Assert.Equal(checkpoint, ModelFile.Find(run));
        Assert.Equal(coded, ModelFile.Find(coded));
        Assert.Equal("absent", ModelFile.Find("absent"));
    }

    [Fact]
    public void Every_verb_takes_the_folder_and_a_search_says_which_file_is_dense()
    {
        string data = SmallSet.Write(_folder.Combine("data")), run = _folder.Combine("run");
        var pruned = PlainNetwork.Random("fc4r fc10", 0.5, 0, seed: 1);
        Directory.CreateDirectory(run);
        File.WriteAllBytes(Path.Combine(run, "model.dcn"), Coded(pruned));
        var (code, _, error) = Cli.Run("prune", "--model", run, "--data", data, "--device", "cpu", "--out", _folder.Combine("out"));
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.StartsWith(
            $"error: {Path.Combine(run, "model.dcn")}: expected a dense network to start from, "
            + $"found one with {pruned.Kept} of {pruned.Total} weights\n",
            error);
        pruned.Save(Path.Combine(run, "model.safetensors"));
        PlainNetwork.Random("fc4r fc10", 1, 0, seed: 1).Save(Path.Combine(run, "dense.safetensors"));
        Assert.EndsWith($"; {Path.Combine(run, "dense.safetensors")} is what it was pruned from\n", Cli.Run("prune", "--model", run).Error);
        string model = Path.Combine(run, "model.safetensors");
        Assert.Equal(
            Cli.Done("eval", "--model", model, "--data", data, "--device", "cpu", "--json").Output,
            Cli.Done("eval", "--model", run, "--data", data, "--device", "cpu", "--json").Output);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("eval", "--model", "").Code);
    }

    [Fact]
    public void What_is_no_checkpoint_is_named_with_what_to_do()
    {
        string path = _folder.Combine("file");
        var model = PlainNetwork.Random("fc4r fc10", 0.5, 0, seed: 1);
        TorchFile.Write(path, model);
        Assert.Contains("`import` makes a checkpoint", Refusal.Message(ErrorKind.BadFile, path, () => ModelFile.Load(path)));
        OnnxFile.Write(path, model);
        Assert.Contains("found an ONNX model", Refusal.Message(ErrorKind.BadFile, path, () => ModelFile.Load(path)));
        _folder.Write("file", [.. "version https://git-lfs.github.com/spec/v1\n"u8]);
        Assert.Contains("git lfs pull", Refusal.Message(ErrorKind.BadFile, path, () => ModelFile.Load(path)));
    }

    private static byte[] Coded(Checkpoint model) => CodedFile.Encode(
        SharedNetwork.Of(model, [.. model.Network.Slices.Select(s => new SharedWeights(
            [0.5f], [.. model.Mask.AsSpan(s.WeightOffset, s.WeightCount).ToArray().Select(m => (int)m)]))]),
        Coder.Range);
}
