using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class GatherTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(GatherCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_batch_holds_the_images_of_its_order(string device, string name) => KernelSuite.Run(device, name);
}
