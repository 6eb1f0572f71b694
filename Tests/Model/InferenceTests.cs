using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;

namespace Tests.ModelTests;

[Collection(nameof(KernelSuite))]
public sealed class InferenceTests
{
    private const int Count = 150;

    private static readonly string[] Devices =
        [TestDevices.Cpu(512, 2), TestDevices.Cpu(256, 4), TestDevices.Cpu(128, 1), TestDevices.OpenCl, TestDevices.Cuda];

    private static readonly string[] Lines =
    [
        "fc30r fc20r fc10", "conv6@5p2r pool2 conv16@5r pool2 conv12@5r fc17r fc10", "conv7@5 pool2 conv9@5 pool2 fc33r fc10",
        "conv6@3s2p1br [conv6@3p1br conv6@3p1b | ]+r pool3s2p1 [conv9@3s2p1br conv9@3p1b | conv9@1s2b]+r gap fc10",
        "conv8@5s3p1br [conv8@3p1br conv8@3p1b | ]+r [conv11@3s2p1br conv11@3p1b | conv11@1s2b]+r drop0.3 gap fc10",
        "conv8@3p1r gap conv8@3p1r fc10",
    ];

    private static readonly (string Device, int Batch)[] Batches =
        [(TestDevices.Cpu(512, 2), Count), (TestDevices.Cpu(512, 2), 1), (TestDevices.Cpu(512, 3), 17), (TestDevices.Cpu(128, 3), 64)];

    public static TheoryData<string, string, double, double> Networks
    {
        get
        {
            var rows = new TheoryData<string, string, double, double>();
            foreach (string device in Devices)
                if (TestDevices.WhyNot(device) is { } reason)
                    rows.Add(new TheoryDataRow<string, string, double, double>(device, "all networks", 1, 0) { Skip = reason });
                else
                    foreach (string layers in Lines)
                        foreach (var (density, dead) in (ReadOnlySpan<(double, double)>)[(1, 0), (0.1, 0), (0.1, 0.3), (0.02, 0.2)])
                            rows.Add(device, layers, density, dead);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Logits_are_those_of_the_plain_network_and_answers_those_of_the_trainer(
        string device, string layers, double density, double dead)
    {
        var model = PlainNetwork.Random(layers, density, dead, seed: 3);
        byte[] images = PlainNetwork.Images(Count, seed: 4);
        int[] labels = [.. Enumerable.Range(0, Count).Select(i => i % 10)];
        using var inference = new Predictor(TestDevices.Get(device), model, Count);
        images.CopyTo(inference.Images);
        inference.Run(Count);
        float[] logits = inference.Logits.ToArray();
        using var single = new Predictor(TestDevices.Get(device), model, 1);
        for (int n = 0; n < Count; n += 7)
        {
            var image = images.AsSpan(n * Mnist.Shape.BytesPerImage, Mnist.Shape.BytesPerImage);
            var (expected, bounds) = PlainNetwork.Run(model, image);
            image.CopyTo(single.Images);
            single.Run(1);
            for (int k = 0; k < expected.Length; k++)
                foreach (float found in (float[])[logits[n * expected.Length + k], single.Logits[k]])
                    Assert.True(
                        Math.Abs(found - expected[k]) <= bounds[k],
                        $"image {n}, class {k}: {found:R}, expected {expected[k]:R} within {bounds[k]:E1}");
        }

        var set = new DataSet(Mnist.Shape, images, labels);
        using var trainer = new Trainer(TestDevices.Get(device), model.Network, new TrainerOptions(), set, DataSet.Empty(Mnist.Shape), set);
        trainer.Parameters.SetWeights(model.Weights);
        trainer.Parameters.SetMask(model.Mask);
        bool[] correct = trainer.EvaluateEach(Part.Test).Correct;
        Assert.Equal(correct, inference.Classes.ToArray().Select((c, i) => c == labels[i]));

        inference.Run(Count);
        Assert.Equal(logits, inference.Logits.ToArray());
    }

    [Theory]
    [InlineData("conv7@5 pool2 conv9@5 pool2 fc33r fc10", 0.0, 0.1)]
    [InlineData("conv7@5 pool2 conv9@5 pool2 fc33r fc10", Tuning.SparseAnswersBelow, 0.1)]
    [InlineData("conv7@5 pool2 conv9@5 pool2 fc33r fc10", Tuning.SparseAnswersBelow, 0.35)]
    [InlineData("conv16@5p2r [conv16@3p1br conv16@3p1b | ]+r pool2 gap fc10", 0.0, 0.1, false)]
    [InlineData("conv16@5p2r [conv16@3p1br conv16@3p1b | ]+r pool2 gap fc10", Tuning.SparseAnswersBelow, 0.25, false)]
    [InlineData("conv8@5s2br [conv8@5p2br conv8@5p2b | ]+r gap fc10", 0.0, 0.1)]
    [InlineData("conv8@5s2br [conv8@5p2br conv8@5p2b | ]+r gap fc10", Tuning.SparseAnswersBelow, 0.1)]
    public void Every_batch_size_and_worker_count_gives_the_same_bits(
        string layers, double sparseBelow, double density, bool alone = true)
    {
        var model = PlainNetwork.Random(layers, density, 0.2, seed: 5);
        byte[] images = PlainNetwork.Images(Count, seed: 6);
        float[]? first = null;
        foreach (var (device, batch) in Batches.Where(b => (alone || b.Batch > 1) && TestDevices.WhyNot(b.Device) is null))
        {
            using var inference = new Predictor(TestDevices.Get(device), model, batch, sparseBelow);
            var logits = new List<float>();
            for (int from = 0; from < Count; from += batch)
            {
                int count = Math.Min(batch, Count - from);
                images.AsSpan(from * Mnist.Shape.BytesPerImage, count * Mnist.Shape.BytesPerImage).CopyTo(inference.Images);
                inference.Run(count);
                logits.AddRange(inference.Logits);
            }
            Assert.Equal(first ??= [.. logits], logits);
        }
    }

    /// <summary>A network that looks at large pictures: more values than a worker takes of 32 images.</summary>
    [Fact]
    public void Pictures_of_224_pixels_are_answered_as_the_plain_network_does()
    {
        const int Images = 20;
        var data = new DataShape(3, 224, 224, 5, [0.017f, 0.0175f, 0.0174f], [-2.1f, -2.0f, -1.8f]);
        var model = PlainNetwork.Random(
            "conv72@7s2p3br pool3s2p1 [conv16@3s2p1br conv16@3p1b | conv16@1s2b]+r [conv16@3p1br conv16@3p1b | ]+r gap fc5",
            density: 0.5, dead: 0, seed: 7, data);
        Assert.InRange(Folding.Of(model).Network.Shapes.Sum(s => s.Features), 1 << 20, NetworkDescription.MostValues);
        byte[] images = PlainNetwork.Images(Images, seed: 8, data);
        float[]? first = null;
        foreach (string device in TestDevices.FastCpus)
        {
            using var inference = new Predictor(TestDevices.Get(device), model, Images);
            images.CopyTo(inference.Images);
            inference.Run(Images);
            Assert.Equal(first ??= inference.Logits.ToArray(), inference.Logits.ToArray());
        }
        foreach (int n in (int[])[0, Images - 1])
        {
            var (expected, bounds) = PlainNetwork.Run(model, images.AsSpan(n * data.BytesPerImage, data.BytesPerImage));
            for (int k = 0; k < expected.Length; k++)
                Assert.InRange(first![n * expected.Length + k], expected[k] - bounds[k], expected[k] + bounds[k]);
        }
    }

    [Fact]
    public void A_call_takes_one_image_to_a_batch()
    {
        using var inference = new Predictor(TestDevices.Get(TestDevices.FastCpus.First()), PlainNetwork.Random("fc10", 1, 0, 1), 3);
        Assert.Throws<ArgumentOutOfRangeException>(() => inference.Run(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => inference.Run(4));
    }
}
