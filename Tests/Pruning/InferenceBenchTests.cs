using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Commands;
using Tests.KernelTests;
using Tests.ModelTests;

namespace Tests.PruningTests;

[Collection(nameof(KernelSuite))]
public sealed class InferenceBenchTests
{
    /// <summary>Blank paper is left out of sums, so that a network without images would look too fast.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(33)]
    public void What_is_timed_holds_the_first_images_and_has_answered(int batch)
    {
        byte[] images = PlainNetwork.Images(40, seed: 1);
        var test = new DataSet(Mnist.Shape, images, new int[40]);
        var model = PlainNetwork.Random("fc9r fc10", 0.5, 0.1, seed: 2);
        using var predictor = InferenceBench.Ready(
            TestDevices.Get(TestDevices.FastCpus.First()), model, test, batch, Tuning.SparseAnswersBelow);
        Assert.Equal(images[..(batch * Mnist.Shape.BytesPerImage)], predictor.Images.ToArray());
        Assert.Equal(batch, predictor.Classes.Length);
    }
}
