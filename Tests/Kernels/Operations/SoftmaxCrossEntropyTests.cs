using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SoftmaxCrossEntropyTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(SoftmaxCrossEntropyCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss_gradient_and_answer_match_their_formulas(string device, string name) => KernelSuite.Run(device, name);

    [Fact]
    public void The_reference_gradient_is_the_slope_of_the_mean_loss()
    {
        const int Label = 3, Batch = 5;
        float[] logits = new Numbers(1).Eighths(10);
        Slopes.Check(
            logits, z => SoftmaxCrossEntropy.Reference(z, Label, Batch).Loss / Batch,
            SoftmaxCrossEntropy.Reference(logits, Label, Batch).Gradient);
    }
}
