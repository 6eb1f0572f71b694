using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class WeightStatisticsTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(WeightStatisticsCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Live_weights_give_count_mean_and_deviation(string device, string name) => KernelSuite.Run(device, name);
}
