using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class CounterTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(CounterCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_step_counts_one(string device, string name) => KernelSuite.Run(device, name);
}
