using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SparseConvolutionTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(SparseConvolutionCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Live_weights_alone_give_what_the_masked_layer_gives(string device, string name) => KernelSuite.Run(device, name);
}
