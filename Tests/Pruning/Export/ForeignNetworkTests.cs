using Secateurs.Model;
using Secateurs.Pruning.Export;
using Tests.ModelTests;

namespace Tests.PruningTests.Export;

public sealed class ForeignNetworkTests : IDisposable
{
    private static readonly Dictionary<string, string> NoTexts = [];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sequential_model_with_a_mean_gives_the_same_logits()
    {
        // Twelve layers, so that "10" must come after "2"; the third-last is a fully connected layer where the description has a
        // convolution.
        var preprocessing = new Preprocessing(0.1307, 0.3081);
        var model = PlainNetwork.Random("conv4@5r pool2 conv5@5r pool2 conv7@4r fc9r fc9r fc10", 1, 0, seed: 2);
        int[] positions = [0, 3, 6, 8, 10, 12];
        var slices = model.Network.Slices;
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
                    bias[k] += weight.AsSpan(k * s.Filter.FilterSize, s.Filter.FilterSize).ToArray().Sum()
                        * preprocessing.Mean[0] / preprocessing.Deviation[0];
            }
            tensors.Add(SafeTensor.Of($"model.{positions[i]}.weight", shape, weight.Select(w => (float)w).ToArray()));
            tensors.Add(SafeTensor.Of($"model.{positions[i]}.bias", [bias.Length], bias.Select(w => (float)w).ToArray()));
        }
        var found = Read([.. tensors.OrderBy(t => t.Name, StringComparer.Ordinal)], model.Network.Name);
        Assert.Equal(positions.Select(p => $"model.{p}"), found.Origins.Select(o => o.Name));
        byte[] image = PlainNetwork.Images(1, seed: 3);
        double[] expected = PlainNetwork.Run(model, image).Logits;
        double[] logits = PlainNetwork.Run(preprocessing.Apply(found.Model), image).Logits;
        for (int k = 0; k < expected.Length; k++)
            Assert.Equal(expected[k], logits[k], 1e-5 * expected.Max(Math.Abs));
    }

    [Fact]
    public void Weights_of_one_shape_are_told_apart_by_numbers_alone()
    {
        Assert.Equal(["net.0", "net.2", "net.10", "net.12"], Origins("net.0", "net.2", "net.10", "net.12"));
        Assert.Equal(["a", "b3.x1", "b3.x02", "z"], Origins("a", "b3.x02", "b3.x1", "z"));
        // The file's order says nothing, since libraries write tensors sorted by name.
        foreach (string[] names in (string[][])[["a", "one", "two", "z"], ["a", "fc1", "out2", "z"], ["a", "x01", "x1", "z"]])
        {
            var error = Assert.Throws<UserException>(() => Origins(names));
            Assert.Equal(ErrorKind.Usage, error.Kind);
            Assert.Equal(
                $"order: expected the order of the layers, since {names[1]}, {names[2]} all fit fc2, fc3, found none; "
                    + $"as they lie in the file: {string.Join(',', names)}",
                error.Message);
            Assert.Equal("order", error.Parameter);
        }
    }

    [Fact]
    public void An_order_that_is_given_holds()
    {
        string[] order = ["inp", "hidden", "extra", "out"];
        Assert.Equal(order, Origins(order, order));
        Assert.Equal(["inp", "extra", "hidden", "out"], Origins(order, ["inp", "extra", "hidden", "out"]));
        foreach (string[] wrong in (string[][])
            [["inp", "hidden", "extra"], ["inp", "hidden", "hidden", "out"], ["inp", "hidden", "extra", "outs"]])
        {
            Assert.Equal(ErrorKind.Usage, Assert.Throws<UserException>(() => Origins(order, wrong)).Kind);
        }
        Assert.Equal(ErrorKind.BadFile, Assert.Throws<UserException>(() => Origins(order, ["hidden", "inp", "extra", "out"])).Kind);
    }

    [Fact]
    public void What_pytorchs_pruning_leaves_is_multiplied_and_becomes_the_mask()
    {
        float[] weights = [.. Enumerable.Range(1, 7840).Select(i => (float)i)], mask = [.. weights.Select(w => w % 3 == 0 ? 0f : 1f)];
        weights[0] = 0; // lives
        SafeTensor[] tensors =
        [
            SafeTensor.Of("0.weight_orig", [10, 784], weights), SafeTensor.Of("0.weight_mask", [10, 784], mask),
            SafeTensor.Of("0.bias_orig", [10], weights.AsSpan(0, 10)), SafeTensor.Of("0.bias_mask", [10], mask.AsSpan(0, 10)),
        ];
        var model = Read(tensors, "fc10").Model;
        Assert.Equal(mask, model.Mask[..7840]);
        Assert.Equal(weights.Zip(mask, (w, m) => w * m), model.Weights[..7840]);
        var slice = model.Network.Slices[0];
        Assert.Equal([0, 2, 0, 4, 5, 0, 7, 8, 0, 10], model.Weights.AsSpan(slice.BiasOffset, 10).ToArray());
        Assert.All(model.Mask[7840..], m => Assert.Equal(1, m));

        byte[] bytes = [.. mask.Select(m => (byte)m)];
        foreach (var type in (TensorType[])[TensorType.BOOL, TensorType.U8])
            Assert.Equal(
                mask,
                Read([tensors[0], new SafeTensor("0.weight_mask", type, [10, 784], bytes), .. tensors[2..]], "fc10").Model.Mask[..7840]);
        Assert.Contains("torch.nn.utils.prune.remove", Message([tensors[0], .. tensors[2..]], "fc10"));
        Assert.Contains(
            "0 or 1 in 0.weight_mask",
            Message([tensors[0], SafeTensor.Of("0.weight_mask", [10, 784], weights), .. tensors[2..]], "fc10"));
    }

    [Fact]
    public void Counters_are_skipped_and_named()
    {
        SafeTensor[] tensors =
        [
            SafeTensor.Of("weight", [10, 784], new float[7840]), SafeTensor.Of("bias", [10], new float[10]),
            new("num_batches_tracked", TensorType.I64, [], new byte[8]), new("flag", TensorType.BOOL, [1], new byte[1]),
        ];
        var found = Read(tensors, "fc10");
        Assert.Equal(["num_batches_tracked (I64)", "flag (BOOL)"], found.Skipped.OrderDescending(StringComparer.Ordinal));
        Assert.Equal([("fc1", "")], found.Origins);
        Assert.Equal(7840, found.Model.Kept);
    }

    [Fact]
    public void Zeros_are_pruned_where_that_is_asked()
    {
        var model = PlainNetwork.Random("conv3@5p2r pool2 fc9r fc10", 0.1, 0, seed: 1);
        string path = _folder.Combine("a.safetensors");
        TorchFile.Write(path, model);
        SafeTensors.Write(path, SafeTensors.Read(path).Tensors, NoTexts);
        Assert.Equal(model.Kept, ForeignNetwork.Read(SafeTensors.Read(path), model.Network, null, pruned: true).Model.Kept);
        Assert.Equal(model.Total, ForeignNetwork.Read(SafeTensors.Read(path), model.Network, null, pruned: false).Model.Kept);
    }

    [Fact]
    public void Another_network_is_refused()
    {
        SafeTensor weight = SafeTensor.Of("a.weight", [10, 784], new float[7840]), bias = SafeTensor.Of("a.bias", [10], new float[10]);
        Assert.Contains(
            "2 weights with their biases for fc9r fc10, found 2 tensors: a.weight F32 [10, 784], a.bias F32 [10]",
            Message([weight, bias], "fc9r fc10"));
        Assert.Contains("a weight [10, 196] for fc1", Message([weight, bias], "pool2 fc10"));
        Assert.Contains("a bias [10] for fc1, found none", Message([weight], "fc10"));
        Assert.Contains("found b.bias F32 [10]", Message([weight, SafeTensor.Of("b.bias", [10], new float[10])], "fc10"));
        Assert.Contains("a bias [10] for fc1", Message([weight, SafeTensor.Of("a.bias", [9], new float[9])], "fc10"));
        Assert.Contains("floats as a.bias", Message([weight, SafeTensor.Of("a.bias", [10], new byte[10])], "fc10"));
        SafeTensor more = SafeTensor.Of("bn.running_mean", [4], new float[4]);
        Assert.Contains("batch normalisations only, found bn.running_mean F32 [4]", Message([weight, bias, more], "fc10"));
        Assert.Contains(
            "finite numbers in a.weight",
            Message([SafeTensor.Of("a.weight", [10, 784], [.. new float[7839], float.NaN]), bias], "fc10"));
    }

    /// <summary>As PyTorch's residual networks name them: the file is sorted by name, and says nothing of the order.</summary>
    [Theory]
    [InlineData("conv", "bn", "shortcut.0", "shortcut.1")]
    [InlineData("conv", "norm", "downsample.0", "downsample.1")]
    public void A_residual_network_with_batch_normalisation_gives_the_same_logits(string conv, string norm, string source, string after)
    {
        const string line = "conv4@3p1br [conv4@3p1br conv4@3p1b | ]+r [conv6@3s2p1br conv6@3p1b | conv6@1s2b]+r gap fc10";
        var model = PlainNetwork.Random(line, 1, 0, seed: 5);
        string[] names =
        [
            $"{conv}1", $"{norm}1", $"layer1.0.{conv}1", $"layer1.0.{norm}1", $"layer1.0.{conv}2", $"layer1.0.{norm}2",
            $"layer2.0.{conv}1", $"layer2.0.{norm}1", $"layer2.0.{conv}2", $"layer2.0.{norm}2", $"layer2.0.{source}",
            $"layer2.0.{after}", "linear",
        ];
        NetworkLayer[] layers = [.. model.Network.Layers.Where(l => l.Parameters.Count > 0)];
        var tensors = layers.Zip(names, (layer, name) => layer.Parameters.Select(p => SafeTensor.Of(
            $"{name}.{p.Name[(p.Name.IndexOf('.') + 1)..]}", p.Shape, model.Weights.AsSpan(p.Offset, p.Count)))).SelectMany(t => t);
        SafeTensor[] all = [.. tensors.Append(new("bn1.num_batches_tracked", TensorType.I64, [], new byte[8]))
            .OrderBy(t => t.Name, StringComparer.Ordinal)];
        var found = Read(all, line);
        Assert.Equal(names, found.Origins.Select(o => o.Name));
        Assert.Equal(model.Weights, found.Model.Weights);

        // A bias in front of a batch normalisation is a shift of its mean, and changes nothing else.
        float[] bias = [0.5f, -1, 2, 0.25f];
        var biased = Read([.. all, SafeTensor.Of($"{conv}1.bias", [4], bias)], line).Model;
        var mean = layers[1].Parameters[2];
        Assert.Equal(
            bias.Select((b, i) => model.Weights[mean.Offset + i] - b), biased.Weights[mean.Offset..(mean.Offset + mean.Count)]);
        Assert.Equal(4, biased.Weights.Zip(model.Weights).Count(p => p.First != p.Second));

        Assert.Contains(
            $"numbers from 0 on in {norm}1.running_var",
            Message([.. all.Where(t => t.Name != $"{norm}1.running_var"), SafeTensor.Of($"{norm}1.running_var", [4], [1, 1, -1, 1])],
                line));
        Assert.Contains(
            $"a bias [4] for bn1, found none", Message([.. all.Where(t => t.Name != $"{norm}1.bias")], line));
    }

    /// <summary>Such names could not be told apart where an order of layers is given.</summary>
    [Fact]
    public void Two_weights_of_one_name_are_refused()
    {
        string[] order = ["", "x"];
        float[] first = new float[8 * 784], second = new float[10 * 8], bias = new float[10];
        SafeTensor[] dotted =
        [
            SafeTensor.Of("weight", [8, 784], first), SafeTensor.Of("bias", [8], bias.AsSpan(0, 8)),
            SafeTensor.Of(".weight", [10, 8], second), SafeTensor.Of(".bias", [10], bias),
        ];
        SafeTensor[] pruned =
        [
            SafeTensor.Of("x.weight", [8, 784], first), SafeTensor.Of("x.bias", [8], bias.AsSpan(0, 8)),
            SafeTensor.Of("x.weight_orig", [10, 8], second), SafeTensor.Of("x.weight_mask", [10, 8], second),
            SafeTensor.Of("x.bias_orig", [10], bias), SafeTensor.Of("x.bias_mask", [10], bias),
        ];
        Assert.EndsWith(
            "expected one weight of the name '', found weight F32 [8, 784], .weight F32 [10, 8]", Message(dotted, "fc8r fc10", order));
        Assert.EndsWith(
            "expected one weight of the name 'x', found x.weight F32 [8, 784], x.weight_orig F32 [10, 8]",
            Message(pruned, "fc8r fc10", order));
    }

    /// <summary>Of four fully connected layers, the middle two of one shape.</summary>
    private string[] Origins(params string[] names) => Origins(names, null);

    private string[] Origins(string[] names, string[]? order)
    {
        int[][] shapes = [[8, 784], [8, 8], [8, 8], [10, 8]];
        var tensors = names.Zip(shapes, (n, s) => new[]
        {
            SafeTensor.Of($"{n}.weight", s, new float[s[0] * s[1]]), SafeTensor.Of($"{n}.bias", [s[0]], new float[s[0]]),
        });
        return [.. Read([.. tensors.SelectMany(t => t)], "fc8r fc8r fc8r fc10", order).Origins.Select(o => o.Name)];
    }

    private ForeignNetwork Read(SafeTensor[] tensors, string network, string[]? order = null)
    {
        string path = _folder.Combine("a.safetensors");
        SafeTensors.Write(path, tensors, NoTexts);
        return ForeignNetwork.Read(SafeTensors.Read(path), NetworkDescription.Parse(network), order, pruned: false);
    }

    private string Message(SafeTensor[] tensors, string network, string[]? order = null) =>
        Refusal.Message(ErrorKind.BadFile, _folder.Combine("a.safetensors"), () => Read(tensors, network, order));
}
