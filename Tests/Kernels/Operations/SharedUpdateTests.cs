using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SharedUpdateTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(SharedUpdateCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_shared_value_takes_the_gradients_of_its_members_and_they_take_the_value(string device, string name) =>
        KernelSuite.Run(device, name);
}
