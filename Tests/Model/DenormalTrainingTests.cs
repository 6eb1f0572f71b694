using ILGPU;
using ILGPU.Runtime;
using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;
using Tests.PruningTests;

namespace Tests.ModelTests;

/// <summary>Numbers that would be denormal are zero, and the caller's thread does not notice.</summary>
[Collection(nameof(KernelSuite))]
public sealed class DenormalTrainingTests
{
    private const string Dense = "fc16r fc10", Convolutional = "conv4@5r pool2 conv4@3p1r pool2 fc10";

    public static TheoryData<string> FastCpus => [.. TestDevices.FastCpus];

    /// <summary>
    /// Without flushing each of these ends with 1,000 to 50,000 denormal numbers. Adam at a high rate kills neurons, whose moments then
    /// decay; L2 brings all weights down to 1e-39, and with them gradients and activations, over live weights alone as well.
    /// </summary>
    [Theory]
    [InlineData(Dense, 1, UpdateRule.Adam, 0.03, 0, 1000)]
    [InlineData(Dense, 0.1, UpdateRule.Adam, 0.1, 0, 1000)]
    [InlineData(Dense, 1, UpdateRule.Momentum, 1e-3, 100, 1650)]
    [InlineData(Dense, 0.1, UpdateRule.Momentum, 1e-3, 100, 1700)]
    [InlineData(Convolutional, 1, UpdateRule.Adam, 0.03, 0, 1000)]
    [InlineData(Convolutional, 1, UpdateRule.Momentum, 1e-3, 100, 1700)]
    [InlineData(Convolutional, 0.15, UpdateRule.Momentum, 1e-3, 100, 1700)]
    public void Training_leaves_none_in_weights_moments_gradients_and_activations(
        string layers, double density, UpdateRule rule, double rate, double decay, int steps)
    {
        Assert.SkipUnless(Denormals.CanBeFlushed, "this processor cannot flush them");
        using var trainer = Trained(TestDevices.FastCpus.First(), layers, density, rule, rate, decay, steps);
        Assert.False(Denormals.AreFlushed);
        var buffers = trainer.Memory.Buffers.OfType<MemoryBuffer1D<float, Stride1D.Dense>>().ToArray();
        Assert.True(buffers.Length > 10);
        Assert.All(buffers, b => Assert.Equal(0, b.GetAsArray1D().Count(float.IsSubnormal)));
    }

    [Fact]
    public void Any_number_of_workers_and_any_width_flush_to_the_same_bits()
    {
        float[]? first = null;
        foreach (string device in TestDevices.FastCpus)
        {
            using var trainer = Trained(device, Dense, 1, UpdateRule.Adam, 0.03, 0, 900);
            var state = trainer.Parameters.Save();
            float[] all = [.. state.Weight, .. state.Moments.SelectMany(m => m)];
            Assert.Equal(first ??= all, all);
        }
    }

    private static Trainer Trained(string device, string layers, double density, UpdateRule rule, double rate, double decay, int steps)
    {
        var model = PlainNetwork.Random(layers, density, dead: 0, seed: 5);
        var data = SmallSet.Make(64, 1);
        var trainer = new Trainer(TestDevices.Get(device), model.Network, new TrainerOptions(16, rule), data, data, data);
        trainer.Parameters.SetWeights(model.Weights);
        trainer.Parameters.SetMask(model.Mask);
        trainer.Train(steps, _ => new StepRates(rate, decay));
        return trainer;
    }

    /// <summary>Layers of 1e-20: without flushing answers are near 1e-40.</summary>
    [Theory]
    [MemberData(nameof(FastCpus))]
    public void Answers_have_none(string device)
    {
        Assert.SkipUnless(Denormals.CanBeFlushed, "this processor cannot flush them");
        foreach (string layers in (string[])[Dense, "conv4@5r pool2 fc10"])
            foreach (double density in (double[])[1, 0.1])
                foreach (int batch in (int[])[1, 200])
                {
                    var model = PlainNetwork.Random(layers, density, dead: 0, seed: 5);
                    float[] tiny = Array.ConvertAll(model.Weights, w => w * 1e-20f);
                    foreach (var slice in model.Network.Slices)
                        tiny.AsSpan(slice.BiasOffset, slice.BiasCount).Clear();
                    using var inference = new Predictor(TestDevices.Get(device), model with { Weights = tiny }, batch);
                    PlainNetwork.Images(batch, seed: 3).CopyTo(inference.Images);
                    inference.Run(batch);
                    Assert.All(inference.Logits.ToArray(), l => Assert.Equal(0, l));
                    Assert.False(Denormals.AreFlushed);
                }
    }
}
