using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Export;
using Secateurs.Pruning.Methods;
using Tests.PruningTests.Export;

namespace Tests.ModelTests;

/// <summary>
/// Images that are not like MNIST's: small ones in three colours and four classes, from the data set to every kind of file.
/// </summary>
public sealed class DataShapeTests : IDisposable
{
    private const string Network = "conv4@3p1r pool2 fc12r fc4";

    private static readonly DataShape Colours = new(3, 12, 10, 4, [1 / 255f, 1 / 128f, 1 / 64f], [-0.5f, 0, -1.25f]);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_shape_is_read_as_it_is_written()
    {
        Assert.Equal("3x12x10:4*0.003921569,0.0078125,0.015625+-0.5,0,-1.25", $"{Colours}");
        Assert.Equal(Colours, DataShape.Read($"{Colours}"));
        Assert.Equal(Mnist.Shape, DataShape.Read($"{Mnist.Shape}"));
        Assert.NotEqual(Colours, DataShape.Read($"{Colours}".Replace("-0.5", "-0.25", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("conv2@5r")]
    [InlineData("3x12x10:4")]
    [InlineData("1x0x28:10*1+0")]
    [InlineData("1x28x28:1*1+0")]
    [InlineData("5x28x28:10*1,1,1,1,1+0,0,0,0,0")]
    [InlineData("1x28x28:10*1,1+0")]
    [InlineData("1x28x28:10*0+0")]
    [InlineData("1x28x28:10*1E99+0")]
    [InlineData("1x28x28:10*1e+0")]
    [InlineData("1x28x28:10*1+0 ")]
    [InlineData("1x9999x9999:10*1+0")]
    public void Other_texts_are_no_shape(string text) => Assert.Null(DataShape.Read(text));

    [Fact]
    public void Networks_are_for_images_of_one_shape()
    {
        var network = NetworkDescription.Parse(Network, Colours);
        Assert.Equal((Network, $"{Colours} {Network}"), (network.Name, network.Text));
        Assert.Equal(Colours, NetworkDescription.Parse(network.Text).Data);
        Assert.Equal(new FilterShape(4, 3, 3, 3), network.Slices[0].Filter);
        Assert.Equal(Network, Refused(() => NetworkDescription.Parse(Network, Mnist.Shape)).Split('\'')[1]);
        Assert.Contains("3x12x10 in 4 classes, found 1x28x28 in 10", Refused(() => network.Demand(Mnist.Shape)), StringComparison.Ordinal);
        Assert.Contains("found", Refused(() => NetworkDescription.Parse($"{Colours} fc10", Mnist.Shape)), StringComparison.Ordinal);
        using var device = ComputeDevice.Cpu();
        var digits = PruningTests.SmallSet.Make(40, 1);
        Assert.Contains(
            "expected images of 3x12x10", Refused(() => new Trainer(device, network, new(16), digits, digits, digits).Dispose()),
            StringComparison.Ordinal);

        static string Refused(Action action) => Assert.Throws<UserException>(action).Message;
    }

    [Fact]
    public void A_network_for_colours_is_trained_pruned_written_and_answers()
    {
        using var device = ComputeDevice.Cpu();
        var data = new ImageData(Make(480, 1), Make(80, 2), "");
        var options = new PruneOptions { Batch = 16, Validation = 80, DenseEpochs = 4, Epochs = 1, LearningRate = 0.003, MaxDrop = 2 };
        var light = Pruner.Prune(device, data, Network, options);
        Assert.True(light.IsWithinBudget);
        Assert.InRange(light.Dense.Validation.Accuracy, 95, 100);
        Assert.InRange(light.Ratio, 2, light.Model.Total);

        // A checkpoint, a coded file, one for PyTorch: all come back as networks for the same images.
        string file = _folder.Combine("light.safetensors"), coded = _folder.Combine("light.dcn");
        light.Model.Save(file);
        var saved = Checkpoint.Load(file);
        Assert.Equal((light.Model.Network.Text, Colours), (saved.Network.Text, saved.Network.Data));
        var compressed = Compressor.Run(
            new(device, saved, Dense: null, data, 16), new CompressOptions { MaxDrop = 5, Epochs = 1 }, _ => { }, _ => { }, default);
        File.WriteAllBytes(coded, compressed.File);
        Assert.Equal(Colours, SharedNetwork.Decode(File.ReadAllBytes(coded), coded).Network.Data);
        string torch = _folder.Combine("torch.safetensors");
        TorchFile.Write(torch, saved);
        Assert.Equal(saved.Weights, TorchFile.Read(SafeTensors.Read(torch)).Weights);

        // The answers: the trainer's, one image at a time, and ONNX Runtime's.
        float[] together = Answers(saved, data.Test.Count), single = Answers(saved, 1);
        Assert.Equal(together, single);
        using var trainer = new Trainer(device, saved.Network, new(16), data.Train, data.Test, data.Test);
        Pruner.Put(saved, trainer);
        bool[] right = [.. together.Chunk(4).Select((logits, n) => Answer.Reference(logits) == data.Test.Labels[n])];
        Assert.Equal(right, trainer.EvaluateEach(Part.Test).Correct);
        string onnx = _folder.Combine("light.onnx");
        OnnxFile.Write(onnx, saved);
        using var runtime = new OnnxRuntime(onnx);
        using var input = OnnxRuntime.Input(data.Test.Images, Colours);
        float[] theirs = runtime.Run(input);
        Assert.All(together.Zip(theirs), p => Assert.Equal(p.First, p.Second, 1e-3 * (1 + Math.Abs(p.First))));

        float[] Answers(Checkpoint model, int batch)
        {
            using var predictor = new Predictor(device, model, batch);
            var logits = new List<float>();
            foreach (byte[] images in data.Test.Images.Chunk(batch * Colours.BytesPerImage))
            {
                images.CopyTo(predictor.Images);
                predictor.Run(batch);
                logits.AddRange(predictor.Logits);
            }
            return [.. logits];
        }
    }

    /// <summary>A class is where the colour is; noise lies over all.</summary>
    private static DataSet Make(int count, ulong seed)
    {
        var random = new Random64(seed);
        int[] labels = [.. Enumerable.Range(0, count).Select(_ => random.NextInt(Colours.Classes))];
        var images = new byte[count * Colours.BytesPerImage];
        for (int i = 0; i < images.Length; i++)
        {
            int label = labels[i / Colours.BytesPerImage], pixel = i % Colours.BytesPerImage, channel = pixel / 120, row = pixel % 120 / 10;
            bool colour = channel == (label < 2 ? 0 : 2) && row / 6 == label % 2;
            images[i] = (byte)((colour ? 90 : 0) + random.NextInt(140));
        }
        return new DataSet(Colours, images, labels);
    }
}
