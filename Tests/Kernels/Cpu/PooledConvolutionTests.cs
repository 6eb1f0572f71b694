using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class PooledConvolutionTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(PooledConvolutionCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_pass_the_pooling_on_their_way(string device, string name) => KernelSuite.Run(device, name);
}
