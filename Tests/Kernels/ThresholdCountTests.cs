using Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class ThresholdCountTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(ThresholdCountCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Live_weights_below_each_threshold_are_counted_exactly(string device, string name) => KernelSuite.Run(device, name);
}
