using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class TallyTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(TallyCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Losses_and_right_answers_of_the_counted_images_are_summed(string device, string name) => KernelSuite.Run(device, name);
}
