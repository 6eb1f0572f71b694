using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class TransposeTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(TransposeCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rows_hold_what_the_blocks_hold(string device, string name) => KernelSuite.Run(device, name);
}
