using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;
using Tests.PruningTests;

namespace Tests.ModelTests;

[Collection(nameof(KernelSuite))]
public sealed class SparseTrainingTests
{
    /// <summary>Nothing but that layer is below the other limit here.</summary>
    [Theory]
    [InlineData("conv7@5r pool2 conv9@5 pool2 fc10", 0.25, 0.3)]
    [InlineData("conv7@5p2r pool2 fc10", 0.35, 0)]
    [InlineData("conv6@4 pool3 fc10", 0.1, 0.2)]
    [InlineData("conv5@3p1r conv4@3r pool2 fc10", 0.3, 0.1)]
    public void A_first_convolution_learns_the_same_bits_from_its_live_weights_alone(string layers, double density, double dead)
    {
        var model = PlainNetwork.Random(layers, density, dead, seed: 3);
        var data = SmallSet.Make(200, 1);
        float[]? first = null;
        string[]? names = null;
        foreach (string device in TestDevices.FastCpus)
            foreach (double below in (ReadOnlySpan<double>)[0, 1e-6])
            {
                var options = new TrainerOptions(20) { SparseBelow = below };
                using var trainer = new Trainer(TestDevices.Get(device), model.Network, options, data, data, data);
                trainer.Parameters.SetWeights(model.Weights);
                trainer.Parameters.SetMask(model.Mask);
                trainer.Train(15, _ => new StepRates(1e-3, 1e-3));
                // The same operations, so behind a pooling as before; those of the layer over live weights count no flops.
                string[] operations = [.. trainer.TrainingStep.Operations.Select(o => o.Name)];
                Assert.Equal(names ??= operations, operations);
                Assert.All(
                    trainer.TrainingStep.Operations.Where(o =>
                        o.Name == "conv1 forward" || o.Name.StartsWith("conv1 backward weight", StringComparison.Ordinal)),
                    o => Assert.Equal(below > 0, o.Flops == 0));
                float[] weights = trainer.Parameters.GetWeights();
                Assert.Equal(first ??= weights, weights);
            }
    }

    /// <summary>
    /// Which layers are computed from live weights tells programs apart beyond the 32nd layer too: layers 1 and 33 change places.
    /// </summary>
    [Fact]
    public void A_deep_network_follows_its_mask()
    {
        var network = NetworkDescription.Parse(string.Join(' ', Enumerable.Repeat("fc20", 40).Append("fc10")));
        var data = SmallSet.Make(40, 1);
        using Trainer before = Make(), after = Make();
        Prune(before, 32);
        before.Evaluate(Part.Test);
        Prune(before, 0);
        Prune(after, 0);
        Assert.Equal(after.EvaluateEach(Part.Test).Loss, before.EvaluateEach(Part.Test).Loss);

        Trainer Make() =>
            new(TestDevices.Get(TestDevices.FastCpus.First()), network, new TrainerOptions(20), data, data, data);

        static void Prune(Trainer trainer, int layer)
        {
            trainer.Parameters.Initialize(trainer.Network, seed: 5);
            float[] weights = trainer.Parameters.GetWeights(), mask = trainer.Parameters.GetMask();
            var slice = trainer.Parameters.Layers[layer];
            for (int i = slice.WeightOffset + 1; i < slice.WeightOffset + slice.WeightCount; i++)
            {
                if (i % 10 != 0)
                    (weights[i], mask[i]) = (0, 0);
            }
            trainer.Parameters.SetWeights(weights);
            trainer.Parameters.SetMask(mask);
        }
    }
}
