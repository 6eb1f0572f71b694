using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class GlobalAveragePoolTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(GlobalAveragePoolCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_mean_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    [Fact]
    public void The_reference_gradient_is_the_slope_of_the_reference()
    {
        float[] u = Slopes.OffZero(new Numbers(1).Eighths(30)), dOutput = new Numbers(2).Eighths(6);
        double Loss(float[] v) => Slopes.Dot(GlobalAveragePool.Reference.Forward([.. v.Select(a => Math.Max(0, a))], 6), dOutput);

        Slopes.Check(u, Loss, GlobalAveragePool.Reference.BackwardData([.. u.Select(a => Math.Max(0, a))], dOutput, relu: true));
    }
}
