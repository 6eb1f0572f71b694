using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class UpdateTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(UpdateCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Several_steps_follow_the_textbook_and_pruned_weights_stay_zero(string device, string name) => KernelSuite.Run(device, name);
}
