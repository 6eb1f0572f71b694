using Microsoft.ML.OnnxRuntime;
using Secateurs.Model;
using Secateurs.Pruning.Export;
using Secateurs.Pruning.Import;
using Tests.KernelTests;
using Tests.ModelTests;
using Tests.PruningTests.Export;
using static Tests.PruningTests.Import.OnnxBuilder;

namespace Tests.PruningTests.Import;

/// <summary>Networks as exporters write them give here what they give in ONNX Runtime.</summary>
[Collection(nameof(KernelSuite))]
public sealed class OnnxNetworkTests : IDisposable
{
    private const int Images = 4, Classes = 5;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("view", "conv3@3r conv4@3r pool2 fc6r fc5")]
    [InlineData("fixed", "conv3@3r pool2 fc6r fc5")]
    [InlineData("normalized", "conv4@3p1br conv6@3s2p1br pool3s2p1 conv8@3p1b gap fc5")]
    [InlineData("residual", "conv4@3p1br [conv4@3p1br conv4@3p1b | ]+r [conv6@3s2p1br conv6@3p1b | conv6@1s2b]+r gap fc5")]
    [InlineData("nested", "conv4@3p1r [[conv4@3p1 | ]+ conv4@1r | [conv4@3p1 | ]+]+r gap fc5")]
    [InlineData("preactivation", "conv4@3p1 [br conv4@3p1b | ]+ br avgpool2 fc5")]
    [InlineData("late", "conv4@3r pool2 drop0.25 conv6@3p1r gap fc5")]
    [InlineData("prepared", "conv4@3p1r avgpool3s2p1 fc5")]
    [InlineData("rows", "fc8r br fc5")]
    [InlineData("rimmed", "avgpool2p1 conv4@3p2r avgpool3s2p1 gap fc5")]
    [InlineData("halves", "conv4@3r pool2 gap fc5")]
    [InlineData("squeezed", "conv4@12r fc5")]
    public void A_network_gives_the_same_logits_as_in_onnx_runtime(string graph, string line)
    {
        string path = _folder.Write("net.onnx", Graph(graph));
        using var content = File.OpenRead(path);
        var found = OnnxNetwork.Read(path, content, pruned: false);
        Assert.Equal(line, found.Model.Network.Name);
        Assert.False(found.TakesBytes);
        var data = found.Model.Network.Data;
        double[] mean = [0.4, 0.5, 0.45], deviation = [0.3, 0.25, 0.2];
        var preprocessing = new Preprocessing(mean[..data.Channels], deviation[..data.Channels]);
        var model = preprocessing.Apply(found.Model);
        byte[] images = new byte[Images * data.BytesPerImage];
        new Random(3).NextBytes(images);

        using var predictor = new Predictor(TestDevices.Get(TestDevices.FastCpus.First()), model, Images);
        images.CopyTo(predictor.Images);
        predictor.Run(Images);
        float[] ours = predictor.Logits.ToArray();

        using var runtime = new OnnxRuntime(path);
        int plane = data.Height * data.Width;
        float[] pixels = [.. images.Select((b, i) =>
        {
            int c = i / plane % data.Channels;
            return (float)((b / 255.0 - mean[c]) / deviation[c]);
        })];
        long[] shape = graph == "rows" ? [Images, plane] : [Images, data.Channels, data.Height, data.Width];
        using var input = OrtValue.CreateTensorValueFromMemory(pixels, shape);
        float[] theirs = runtime.Run(input);
        for (int n = 0; n < Images; n++)
        {
            // What softmax takes away from all logits alike says nothing.
            double[] a = Centred(ours, n), b = Centred(theirs, n);
            double largest = b.Max(Math.Abs);
            Assert.InRange(largest, 0.01, 100);
            for (int k = 0; k < Classes; k++)
                Assert.Equal(b[k], a[k], 1e-4 * largest);
        }

        double[] Centred(float[] logits, int image)
        {
            double[] some = [.. logits.AsSpan(image * Classes, Classes).ToArray().Select(v => (double)v)];
            double middle = graph == "view" ? some.Average() : 0;
            return [.. some.Select(v => v - middle)];
        }
    }

    [Theory]
    [InlineData("groups", "expected a convolution over all channels (group 1), found 4 groups at node '/net/Conv_", "groups=1")]
    [InlineData("dilated", "found 2, 2 at node '/net/Conv_", "dilation=1")]
    [InlineData("oblong", "expected square windows, found 3x1 at node '/net/MaxPool_", "same in both directions")]
    [InlineData("uneven", "expected one padding, found 0, 0, 1, 1 at node '/net/Conv_", "same in both directions")]
    [InlineData("activation", "found Clip at node '/net/Clip_", "train the network with ReLU")]
    [InlineData("concatenated", "found branches side by side at node '/net/Concat_", "concatenated channels have no layer here")]
    [InlineData("crossed", "a layer that another sum reads too at node '/net/", "")]
    [InlineData("external", "in weights.data (external data), which is not beside it", "both files belong together")]
    [InlineData("outside", "in '../weights.data', which is no file beside it", "external data")]
    [InlineData("nowhere", "in another file, at the offset '-4'", "")]
    [InlineData("old", "found operator set 8; export with opset_version 9 to 21", "")]
    [InlineData("infinite", "at position 0 of constant_", "")]
    [InlineData("pooled", "expected a fully connected layer (Gemm) that gives the logits, found gap at node", "end the network with one")]
    [InlineData("wide", "expected weights for 576 inputs, found constant_", "")]
    [InlineData("framed", "expected zeros around maps, found the mode reflect at node '/net/Pad_", "")]
    [InlineData("shifted", "expected one padding, found 0, 0, 0, 0, 0, 0, 1, 1 at node '/net/Pad_", "same in both directions")]
    [InlineData("loose", "expected a convolution or an average pool behind zeros around maps, found this node at node '/net/MaxPool_", "")]
    [InlineData("half", "expected rows and columns left out both, found one of them at node '/net/Relu_", "flatten instead")]
    [InlineData("vast", "[144, 300000] of more than 32000000 elements", "")]
    public void What_has_no_layer_here_is_named_with_what_would_help(string graph, string found, string help)
    {
        string path = _folder.Write("net.onnx", Graph(graph));
        string message = Refusal.Message(ErrorKind.BadFile, path, () =>
        {
            using var content = File.OpenRead(path);
            OnnxNetwork.Read(path, content, pruned: false);
        });
        Assert.Contains(found, message);
        Assert.Contains(help, message);
    }

    [Fact]
    public void What_export_wrote_comes_back_with_its_scale_and_its_zeros_pruned()
    {
        var model = PlainNetwork.Random("conv4@5p2r pool2 conv5@5r fc10", 0.3, 0, seed: 1);
        string path = _folder.Combine("own.onnx");
        OnnxFile.Write(path, model);
        using var content = File.OpenRead(path);
        var (found, origins, takesBytes) = OnnxNetwork.Read(path, content, pruned: true);
        Assert.True(takesBytes);
        Assert.Equal(model.Network.Text, found.Network.Text);
        Assert.Equal([("conv1", "conv1"), ("conv2", "conv2"), ("fc1", "fc1")], origins);
        Assert.Equal(model.Mask, found.Mask);
        for (int i = 0; i < model.Weights.Length; i++)
            Assert.Equal(model.Weights[i], found.Weights[i], 1e-6f);
    }

    /// <summary>As PyTorch's newer exporter writes it.</summary>
    [Fact]
    public void Weights_may_lie_in_a_file_beside_the_model()
    {
        var beside = new List<byte>();
        string inside = _folder.Write("inside.onnx", Graph("residual")), path = _folder.Write("net.onnx", Graph("residual", beside));
        string data = _folder.Write(DataName, [.. beside]);
        float[] expected = Read(inside).Model.Weights;
        Assert.Equal(expected, Read(path).Model.Weights);

        File.WriteAllBytes(data, [.. beside.SkipLast(1)]);
        Assert.Contains(
            $"in {DataName} (external data), which has {beside.Count - 1} bytes",
            Refusal.Message(ErrorKind.BadFile, path, () => Read(path)), StringComparison.Ordinal);
        File.Delete(data);
        File.CreateSymbolicLink(data, inside);
        Assert.Contains("which is not beside it", Refusal.Message(ErrorKind.BadFile, path, () => Read(path)), StringComparison.Ordinal);

        static OnnxNetwork Read(string path)
        {
            using var content = File.OpenRead(path);
            return OnnxNetwork.Read(path, content, pruned: false);
        }
    }

    /// <summary>A claim of elements that are not there, or of a matrix that is turned again and again, takes no memory.</summary>
    [Theory]
    [InlineData("huge")]
    [InlineData("turned")]
    [InlineData("many")]
    public void A_hostile_file_is_refused_in_bounded_memory(string graph)
    {
        string path = _folder.Write("net.onnx", Graph(graph));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refusal.Message(ErrorKind.BadFile, path, () =>
        {
            using var content = File.OpenRead(path);
            OnnxNetwork.Read(path, content, pruned: false);
        });
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 600L << 20);
    }

    private static byte[] Graph(string name, List<byte>? beside = null)
    {
        var b = new OnnxBuilder(
            name switch
            {
                "old" => 8,
                "nested" or "rimmed" => 9,
                "halves" or "framed" or "shifted" or "loose" or "half" => 10,
                "fixed" => 11,
                "residual" => 18,
                "prepared" => 21,
                _ => 14,
            },
            name switch
            {
                "fixed" => [Images, 1, 12, 12],
                "rows" => [0, 144],
                "normalized" or "prepared" => [0, 3, 12, 12],
                _ => [0, 1, 12, 12],
            })
        { ListsConstants = name == "fixed", Beside = beside };
        string x = "image";
        var filters = new ProtobufMessage().Numbers(1, 4, 1, 3, 3).Number(2, 1);
        string Flat(string value) => b.Node("Flatten", value, Int("axis", 1));
        string Relu(string value) => b.Node("Relu", value);
        string Pool(string type, int size, int stride, int padding, params ProtobufMessage[] more) => b.Node(
            type, x,
            [Ints("kernel_shape", size, size), Ints("pads", padding, padding, padding, padding), Ints("strides", stride, stride), .. more]);
        switch (name)
        {
            case "view":
                x = Relu(b.Convolution(Relu(b.Convolution(x, 1, 3, 3)), 3, 4, 3));
                x = Pool("MaxPool", 2, 2, 0, Int("ceil_mode", 0));
                string size = b.Node("Gather", [b.Node("Shape", x), b.Number(0)], Int("axis", 0));
                string shape = b.Node("Concat", [b.Node("Unsqueeze", [size, b.Sizes(0)]), b.Sizes(-1)], Int("axis", 0));
                x = Relu(b.Dense(b.Node("Reshape", [x, shape]), 64, 6));
                x = b.Node("LogSoftmax", b.Dense(x, 6, Classes), Int("axis", 1));
                break;
            case "fixed":
                x = Relu(b.Convolution(x, 1, 3, 3));
                x = Pool("MaxPool", 2, 2, 0);
                x = b.Node("Dropout", b.Node("Reshape", [x, b.Sizes(Images, -1)]), Float("ratio", 0));
                x = Relu(b.Node("Add", [b.Node("MatMul", [x, b.Weights([75, 6], 0.3, type: 0)]), b.Weights([6], 0.5, type: 0)]));
                x = b.Node("Add", [b.Weights([Classes]), b.Node("MatMul", [x, b.Weights([6, Classes])])]);
                break;
            case "normalized":
                x = Relu(b.Normalization(b.Convolution(x, 3, 4, 3, padding: 1, bias: false), 4, 1e-3f));
                x = Relu(b.Normalization(b.Convolution(x, 4, 6, 3, stride: 2, padding: 1), 6));
                x = Pool("MaxPool", 3, 2, 1);
                x = b.Normalization(b.Convolution(x, 6, 8, 3, padding: 1), 8);
                x = b.Dense(Flat(b.Node("GlobalAveragePool", x)), 8, Classes);
                break;
            case "residual":
                x = Relu(b.Normalization(b.Convolution(x, 1, 4, 3, padding: 1, bias: false), 4));
                string y = Relu(b.Normalization(b.Convolution(x, 4, 4, 3, padding: 1, bias: false), 4));
                x = Relu(b.Node("Add", [x, b.Normalization(b.Convolution(y, 4, 4, 3, padding: 1, bias: false), 4)]));
                y = Relu(b.Normalization(b.Convolution(x, 4, 6, 3, stride: 2, padding: 1, bias: false), 6));
                y = b.Normalization(b.Convolution(y, 6, 6, 3, padding: 1, bias: false), 6);
                x = Relu(b.Node("Add", [y, b.Normalization(b.Convolution(x, 4, 6, 1, stride: 2, bias: false), 6)]));
                x = b.Node("ReduceMean", [x, b.Sizes(-1, -2)], Int("keepdims", 1));
                x = b.Dense(b.Node("Reshape", [x, b.Sizes(-1, 6)]), 6, Classes);
                break;
            case "nested":
                x = Relu(b.Convolution(x, 1, 4, 3, padding: 1));
                y = b.Node("Add", [x, b.Convolution(x, 4, 4, 3, padding: 1)]);
                y = b.Node("Add", [Relu(b.Convolution(y, 4, 4, 1)), b.Node("Add", [b.Convolution(x, 4, 4, 3, padding: 1), x])]);
                x = b.Dense(Flat(b.Node("GlobalAveragePool", Relu(y))), 4, Classes);
                break;
            case "preactivation":
                x = b.Convolution(x, 1, 4, 3, padding: 1);
                y = b.Normalization(b.Convolution(Relu(b.Normalization(x, 4)), 4, 4, 3, padding: 1), 4);
                x = Relu(b.Normalization(b.Node("Add", [y, x]), 4));
                x = Pool("AveragePool", 2, 2, 0);
                x = b.Dense(Flat(x), 144, Classes);
                break;
            case "late":
                x = b.Convolution(x, 1, 4, 3);
                x = Pool("MaxPool", 2, 2, 0);
                x = Relu(b.Node("Dropout", [x, b.Tensor([], [0.25f])]));
                x = Relu(b.Convolution(x, 4, 6, 3, padding: 1));
                // A last convolution by points, whose mean is that of its input.
                x = Flat(b.Node("GlobalAveragePool", b.Convolution(x, 6, Classes, 1)));
                break;
            case "prepared":
                string Single(string doubles) => b.Node("Cast", doubles, Int("to", 1));
                x = b.Node("Sub", [x, Single(b.Weights([1, 3, 1, 1], 0.2, 0.5, type: 11))]);
                x = b.Node("Div", [x, Single(b.Weights([3, 1, 1], 0.1, 0.4, type: 11))]);
                x = b.Node("Pad", [x, b.Sizes(1, 1, 1, 1), "", b.Sizes(-2, 3)]);
                x = Relu(b.Convolution(x, 3, 4, 3));
                x = Pool("AveragePool", 3, 2, 1, Int("count_include_pad", 1));
                x = b.Dense(Flat(x), 144, Classes);
                break;
            case "rows":
                x = b.Dense(x, 144, 8);
                x = Relu(b.Normalization(Relu(x), 8));
                x = b.Dense(x, 8, Classes);
                break;
            case "rimmed":
                // PyTorch writes every average pool so.
                x = b.Node("Pad", b.Node("Pad", x, Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)), Ints("pads", 0, 0, 0, 0, 0, 0, 0, 0));
                x = Pool("AveragePool", 2, 2, 0);
                x = Relu(b.Convolution(b.Node("Pad", x, Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)), 1, 4, 3, padding: 1));
                x = b.Node("Pad", x, Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1), Float("value", 0));
                x = Pool("AveragePool", 3, 2, 0);
                x = b.Dense(Flat(b.Node("GlobalAveragePool", x)), 4, Classes);
                break;
            case "halves":
                x = Relu(b.Convolution(x, 1, 4, 3));
                x = Pool("MaxPool", 2, 2, 0);
                x = b.Node("ReduceMean", x, Ints("axes", 3), Int("keepdims", 0));
                x = b.Node("ReduceMean", x, Ints("axes", -1), Int("keepdims", 0));
                x = b.Dense(x, 4, Classes);
                break;
            case "squeezed":
                x = Relu(b.Convolution(x, 1, 4, 12));
                x = b.Dense(b.Node("Squeeze", [b.Node("Squeeze", [x, b.Sizes(-1)]), b.Sizes(2)]), 4, Classes);
                break;
            case "groups":
                x = b.Convolution(x, 1, 4, 3);
                x = b.Node("Conv", [x, b.Weights([4, 1, 3, 3])], Int("group", 4));
                break;
            case "dilated":
                x = b.Node("Conv", [x, b.Weights([4, 1, 3, 3])], Ints("dilations", 2, 2));
                break;
            case "oblong":
                x = b.Node("MaxPool", x, Ints("kernel_shape", 3, 1));
                break;
            case "uneven":
                x = b.Node("Conv", [x, b.Weights([4, 1, 3, 3])], Ints("pads", 0, 0, 1, 1));
                break;
            case "framed":
                x = b.Node("Pad", x, Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1), Text("mode", "reflect"));
                break;
            case "shifted":
                x = b.Node("Pad", x, Ints("pads", 0, 0, 0, 0, 0, 0, 1, 1));
                break;
            case "loose":
                x = b.Node("Pad", x, Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1));
                x = Pool("MaxPool", 3, 2, 0);
                break;
            case "half":
                x = Relu(b.Node("ReduceMean", x, Ints("axes", 3), Int("keepdims", 0)));
                break;
            case "activation":
                x = b.Node("Clip", b.Convolution(x, 1, 4, 3));
                break;
            case "concatenated":
                x = b.Node("Concat", [b.Convolution(x, 1, 4, 3), b.Convolution(x, 1, 4, 3)], Int("axis", 1));
                break;
            case "crossed":
                x = Relu(b.Convolution(x, 1, 4, 3, padding: 1));
                y = Relu(b.Convolution(x, 4, 4, 3, padding: 1));
                string z = b.Node("Add", [y, b.Convolution(x, 4, 4, 1)]);
                x = b.Node("Add", [b.Convolution(z, 4, 4, 1), b.Convolution(y, 4, 4, 1)]);
                x = b.Dense(Flat(b.Node("GlobalAveragePool", x)), 4, Classes);
                break;
            case "external":
                x = b.Node("Conv", [x, b.Add(PutElsewhere(filters, "location", "weights.data"))]);
                break;
            case "outside":
                x = b.Node("Conv", [x, b.Add(PutElsewhere(filters, "location", "../weights.data"))]);
                break;
            case "nowhere":
                x = b.Node("Conv", [x, b.Add(PutElsewhere(filters, "location", "weights.data", "offset", "-4"))]);
                break;
            case "infinite":
                x = b.Node("Conv", [x, b.Tensor([4, 1, 1, 1], [float.NaN, 1, 1, 1])]);
                break;
            case "pooled":
                x = Flat(b.Node("GlobalAveragePool", Relu(b.Convolution(x, 1, Classes, 3))));
                break;
            case "wide":
                x = b.Dense(Flat(b.Convolution(x, 1, 4, 1)), 500, Classes);
                break;
            case "huge" or "vast":
                var tensor = new ProtobufMessage().Numbers(1, 144, name == "huge" ? 100_000 : 300_000).Number(2, 1);
                x = b.Node("MatMul", [Flat(x), b.Add(tensor)]);
                break;
            case "turned":
                string matrix = b.Weights([1000, 1000]);
                for (int i = 0; i < 1000; i++)
                    matrix = b.Node("Transpose", matrix);
                break;
            case "many":
                for (int i = 0; i < 40_000; i++)
                    b.Node("Shape", x);
                break;
            default:
                x = Flat(x);
                break;
        }
        return b.Build(x, Classes);
    }
}
