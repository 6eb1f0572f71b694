using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class DistillationTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(DistillationCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_teachers_answers_are_recorded_and_mixed_into_the_gradient(string device, string name) => KernelSuite.Run(device, name);
}
