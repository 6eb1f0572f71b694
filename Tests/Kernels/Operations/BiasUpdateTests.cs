using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class BiasUpdateTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(BiasUpdateCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_bias_gradient_sums_images_and_positions(string device, string name) => KernelSuite.Run(device, name);
}
