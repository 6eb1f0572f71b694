using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class WindowPoolTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(WindowPoolCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pooling_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void The_reference_gradient_is_the_slope_of_the_reference(bool average, bool relu)
    {
        const int Maps = 2, Height = 5, Width = 7;
        var window = new Window(3, 2, 1);
        // All different, none on a kink.
        float[] u = [.. Enumerable.Range(0, Maps * Height * Width).Select(i => (i * 37 % 70 - 50.5f) / 64)];
        float[] Relu(float[] v) => relu ? [.. v.Select(a => Math.Max(0, a))] : v;
        float[] dOutput = new Numbers(1).Eighths(window.Output(new(Maps, Height, Width)).Features);
        double Loss(float[] v) => Slopes.Dot(WindowPool.Reference.Forward(Relu(v), Maps, Height, Width, window, average), dOutput);

        Slopes.Check(u, Loss, WindowPool.Reference.BackwardData(Relu(u), dOutput, Maps, Height, Width, window, average, relu));
    }
}
