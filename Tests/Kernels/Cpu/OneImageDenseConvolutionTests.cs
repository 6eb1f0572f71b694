using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class OneImageDenseConvolutionTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(OneImageDenseConvolutionCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_convolution_of_one_image_over_all_weights_matches_its_formula(string device, string name) =>
        KernelSuite.Run(device, name);
}
