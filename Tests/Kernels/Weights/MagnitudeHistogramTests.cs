using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class MagnitudeHistogramTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(MagnitudeHistogramCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Counts_and_selected_magnitudes_are_exact(string device, string name) => KernelSuite.Run(device, name);
}
