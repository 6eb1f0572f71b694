using Kernels;
using Model;
using Tests.KernelTests;
using Tests.PruningTests;

namespace Tests.ModelTests;

[Collection(nameof(KernelSuite))]
public sealed class SparseTrainingTests
{
    /// <summary>Nothing but that layer is below the other limit here.</summary>
    [Theory]
    [InlineData(0.3, 0.3)]
    [InlineData(0.45, 0)]
    public void A_first_convolution_learns_the_same_bits_from_its_live_weights_alone(double density, double dead)
    {
        var model = PlainNetwork.Random("conv7@5r pool2 conv9@5 pool2 fc10", density, dead, seed: 3);
        var data = SmallSet.Make(200, 1);
        float[]? first = null;
        foreach (string device in TestDevices.FastCpus)
            foreach (double below in (ReadOnlySpan<double>)[0, 1e-6])
            {
                using var trainer = new Trainer(TestDevices.Get(device), model.Network, new TrainerOptions(20), data, data, data) { SparseBelow = below };
                trainer.Parameters.SetWeights(model.Weights);
                trainer.Parameters.SetMask(model.Mask);
                trainer.Masked = true;
                trainer.Train(15, _ => new StepRates(1e-3));
                Assert.Equal(below > 0, trainer.TrainingStep.Operations.Any(o => o is { Name: "conv1 forward", Flops: 0 }));
                float[] weights = trainer.Parameters.GetWeights();
                Assert.Equal(first ??= weights, weights);
            }
    }
}
