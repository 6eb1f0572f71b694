using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class OneImageTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(OneImageCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_single_image_is_loaded_pooled_and_answered(string device, string name) => KernelSuite.Run(device, name);
}
