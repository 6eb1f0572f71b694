using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Export;
using Tests.KernelTests;
using Tests.ModelTests;

namespace Tests.PruningTests.Export;

[Collection(nameof(KernelSuite))]
public sealed class OnnxFileTests
{
    private static readonly string Home = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../.."));

    /// <summary>On MNIST's 10,000 test images where it is there, else on as many of noise.</summary>
    private static readonly Lazy<byte[]> Images = new(() =>
        Directory.Exists(Path.Combine(Home, "data", "mnist"))
            ? Mnist.Load(_ => { }, Home).Test.Images
            : PlainNetwork.Images(10_000, seed: 1));

    [Theory]
    [InlineData("lenet-300-100", 1.0, 0.0)]
    [InlineData("lenet-300-100", 0.05, 0.2)]
    [InlineData("lenet-5", 0.1, 0.1)]
    [InlineData("lenet-5-caffe", 0.05, 0.1)]
    [InlineData("conv6@5p2r avgpool2 conv8@5r avgpool3 fc10", 0.5, 0.2)]
    [InlineData("pool2 conv5@3p1r pool2 conv6@2r fc10", 0.5, 0.2)]
    public void Onnx_runtime_gives_the_same_answers_on_10_000_images(string network, double density, double dead)
    {
        var model = PlainNetwork.Random(network, density, dead, seed: 7);
        byte[] images = Images.Value;
        int count = images.Length / Mnist.Shape.BytesPerImage;
        using var inference = new Predictor(TestDevices.Get(TestDevices.FastCpus.First()), model, count);
        images.CopyTo(inference.Images);
        inference.Run(count);
        var ours = inference.Logits;

        using var folder = new TemporaryFolder();
        string path = folder.Combine("model.onnx");
        OnnxFile.Write(path, model);
        using var runtime = new OnnxRuntime(path);
        using var input = OnnxRuntime.Input(images);
        float[] theirs = runtime.Run(input);
        Assert.Equal(ours.Length, theirs.Length);
        for (int n = 0; n < count; n++)
        {
            ReadOnlySpan<float> mine = ours.Slice(n * Mnist.Shape.Classes, Mnist.Shape.Classes);
            ReadOnlySpan<float> other = theirs.AsSpan(n * Mnist.Shape.Classes, Mnist.Shape.Classes);
            // Relative to the image's largest logit, since single ones may be near zero.
            float largest = Math.Max(mine.ToArray().Max(Math.Abs), other.ToArray().Max(Math.Abs)), bound = 1e-3f * largest;
            for (int k = 0; k < Mnist.Shape.Classes; k++)
                Assert.True(Math.Abs(mine[k] - other[k]) <= bound, $"image {n}, class {k}: {mine[k]:R}, ONNX Runtime {other[k]:R}");
            int answer = Answer.Reference(other);
            Assert.True(inference.Classes[n] == answer || Math.Abs(other[answer] - other[inference.Classes[n]]) <= bound, $"image {n}");
        }
    }

    [Fact]
    public void Metadata_say_what_a_checkpoint_does_of_the_network_that_is_left()
    {
        var model = PlainNetwork.Random("fc9r fc10", 0.02, 0.5, seed: 1) with { Seed = 7, Validation = 500 };
        var small = Compaction.Of(model);
        using var folder = new TemporaryFolder();
        OnnxFile.Write(folder.Combine("model.onnx"), model);
        using var runtime = new OnnxRuntime(folder.Combine("model.onnx"));
        var texts = runtime.Metadata;
        Assert.Equal(("fc9r fc10", small.Network.Name), (texts["network"], texts["layers"]));
        Assert.Equal(("1", "0", "7", "500"), (texts["pixel_scale"], texts["pixel_shift"], texts["seed"], texts["validation"]));
        byte[] bits = Convert.FromBase64String(texts["fc1.mask"]);
        var slice = small.Network.Slices[0];
        Assert.Equal(
            small.Mask[slice.WeightOffset..(slice.WeightOffset + slice.WeightCount)],
            Enumerable.Range(0, slice.WeightCount).Select(i => (float)(bits[i / 8] >> 7 - i % 8 & 1)));
    }
}
