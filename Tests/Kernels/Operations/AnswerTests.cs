using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class AnswerTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(AnswerCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_come_as_rows_with_the_first_largest_class(string device, string name) => KernelSuite.Run(device, name);
}
