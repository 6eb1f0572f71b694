using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SumTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(SumCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_sum_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);
}
