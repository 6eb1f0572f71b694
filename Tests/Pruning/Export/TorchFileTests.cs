using Model;
using Pruning.Export;
using Tests.ModelTests;

namespace Tests.PruningTests.Export;

public sealed class TorchFileTests
{
    private const double Deviation = 0.3081;

    private static readonly Dictionary<string, string> NoTexts = [];

    [Theory]
    [InlineData("lenet-300-100", false)]
    [InlineData("conv3@5p2r pool2 fc9r fc10", true)]
    public void What_export_writes_import_reads(string network, bool pruned)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Combine("a.safetensors");
        var model = PlainNetwork.Random(network, 0.1, 0, seed: 1);
        TorchFile.Write(path, model);
        var read = TorchFile.Read(path, model.Network, 0, Deviation, pruned);
        for (int i = 0; i < read.Weights.Length; i++)
            Assert.Equal(model.Weights[i], read.Weights[i], 1e-6 * Math.Abs(model.Weights[i]));
        Assert.Equal(pruned ? model.Kept : model.Total, read.Kept);
    }

    [Fact]
    public void A_sequential_model_with_a_mean_gives_the_same_logits()
    {
        // Twelve layers, so that "10" must come after "2"; the third-last is a fully connected layer where the description has a convolution.
        const double Mean = 0.1307;
        var model = PlainNetwork.Random("conv4@5r pool2 conv5@5r pool2 conv7@4r fc9r fc9r fc10", 1, 0, seed: 2);
        int[] positions = [0, 3, 6, 8, 10, 12];
        var slices = Parameters.Slices(model.Network, out _);
        var tensors = new List<SafeTensor>();
        for (int i = 0; i < slices.Count; i++)
        {
            var s = slices[i];
            int[] shape = s.Name == "conv3" ? [s.Filter.Filters, s.Filter.FilterSize] : s.WeightShape;
            double[] weight = [.. model.Weights.AsSpan(s.WeightOffset, s.WeightCount).ToArray().Select(w => (double)w)];
            double[] bias = [.. model.Weights.AsSpan(s.BiasOffset, s.BiasCount).ToArray().Select(w => (double)w)];
            if (i == 0)
            {
                // The same function of pixels, for an input of (p / 255 - mean) / deviation.
                for (int k = 0; k < bias.Length; k++)
                    bias[k] += weight.AsSpan(k * s.Filter.FilterSize, s.Filter.FilterSize).ToArray().Sum() * Mean / Deviation;
            }
            tensors.Add(SafeTensor.Of($"model.{positions[i]}.weight", shape, weight.Select(w => (float)w).ToArray()));
            tensors.Add(SafeTensor.Of($"model.{positions[i]}.bias", [bias.Length], bias.Select(w => (float)w).ToArray()));
        }
        using var folder = new TemporaryFolder();
        string path = folder.Combine("a.safetensors");
        SafeTensors.Write(path, [.. tensors.OrderBy(t => t.Name, StringComparer.Ordinal)], NoTexts);
        var read = TorchFile.Read(path, model.Network, Mean, Deviation, pruned: false);
        byte[] image = PlainNetwork.Images(1, seed: 3);
        double[] expected = PlainNetwork.Run(model, image).Logits, found = PlainNetwork.Run(read, image).Logits;
        for (int k = 0; k < expected.Length; k++)
            Assert.Equal(expected[k], found[k], 1e-5 * expected.Max(Math.Abs));
    }

    [Fact]
    public void Another_network_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Combine("a.safetensors");
        TorchFile.Write(path, PlainNetwork.Random("fc9r fc10", 1, 0, seed: 1));
        string Message(string network) =>
            Refusal.Message(ExitCode.BadFile, path, () => TorchFile.Read(path, NetworkDescription.Parse(network), 0, 1, pruned: false));
        Assert.Contains("3 weights and 3 biases of fc9r fc9r fc10, found 4 tensors: fc1.bias [9]", Message("fc9r fc9r fc10"));
        Assert.Contains("a weight [8, 784] for fc1", Message("fc8r fc10"));

        SafeTensors.Write(path, [SafeTensor.Of("a.weight", [10, 784], new float[7840]), SafeTensor.Of("b.bias", [10], new float[10])], NoTexts);
        Assert.Contains("a tensor a.bias [10]", Message("fc10"));
        SafeTensors.Write(path, [SafeTensor.Of("a.weight", [10, 784], [.. new float[7839], float.NaN]), SafeTensor.Of("a.bias", [10], new float[10])], NoTexts);
        Assert.Contains("finite numbers in a.weight", Message("fc10"));
        Assert.Equal(
            ExitCode.Usage,
            Assert.Throws<UserException>(() => TorchFile.Read(path, NetworkDescription.Parse("conv2@3p1 fc10"), 0.1, 1, pruned: false)).Code);
    }
}
