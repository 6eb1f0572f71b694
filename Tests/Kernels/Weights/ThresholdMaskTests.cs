using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class ThresholdMaskTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(ThresholdMaskCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Exactly_the_live_weights_below_the_threshold_are_pruned(string device, string name) => KernelSuite.Run(device, name);
}
