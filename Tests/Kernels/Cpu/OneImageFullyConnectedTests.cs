using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class OneImageFullyConnectedTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(OneImageFullyConnectedCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_fully_connected_layer_of_one_image_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);
}
