using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SaliencyTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(SaliencyCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Saliency_is_magnitude_times_the_fourth_root_of_the_second_moment(string device, string name) =>
        KernelSuite.Run(device, name);
}
