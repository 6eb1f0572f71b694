using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class BatchNormalizationTests
{
    private const int Images = 3, Channels = 2;

    public static TheoryData<string, string> Cases => KernelSuite.Rows(BatchNormalizationCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Normalization_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    [Fact]
    public void The_reference_gradients_are_the_slopes_of_the_reference()
    {
        float[] x = new Numbers(1).Eighths(Images * Channels * 4), dOutput = new Numbers(2).Eighths(x.Length);
        float[] scale = [1.25f, 0.5f], shift = [-0.25f, 0.75f];
        double Loss(float[] input, float[] gamma, float[] beta)
        {
            var (mean, variance) = BatchNormalization.Reference.Statistics(input, Images, Channels);
            return Slopes.Dot(BatchNormalization.Reference.Forward(input, Images, mean, variance, gamma, beta, relu: false), dOutput);
        }

        var (dInput, dScale, dShift) = BatchNormalization.Reference.Backward(x, dOutput, Images, scale);
        Slopes.Check(x, v => Loss(v, scale, shift), dInput);
        Slopes.Check(scale, v => Loss(x, v, shift), dScale);
        Slopes.Check(shift, v => Loss(x, scale, v), dShift);
    }
}
