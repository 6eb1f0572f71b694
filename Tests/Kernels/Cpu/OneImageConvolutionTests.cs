using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class OneImageConvolutionTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(OneImageConvolutionCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_convolution_of_one_image_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);
}
