using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class AveragePoolTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(AveragePoolCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Average_pooling_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_reference_gradient_is_the_slope_of_the_reference(bool relu)
    {
        const int Maps = 2, Height = 5, Width = 7, Size = 2;
        // None on a kink.
        float[] u = [.. Enumerable.Range(0, Maps * Height * Width).Select(i => (i * 37 % 70 - 50.5f) / 64)];
        float[] Relu(float[] v) => relu ? [.. v.Select(a => Math.Max(0, a))] : v;
        float[] dOutput = new Numbers(1).Eighths(Maps * (Height / Size) * (Width / Size));
        double Loss(float[] v) => Slopes.Dot(AveragePool.Reference.Forward(Relu(v), Maps, Height, Width, Size), dOutput);

        Slopes.Check(u, Loss, AveragePool.Reference.BackwardData(Relu(u), dOutput, Maps, Height, Width, Size, relu));
    }
}
