using System.Reflection;
using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

/// <summary>A new kernel cannot be forgotten.</summary>
public sealed class KernelCoverageTests
{
    /// <summary>Every GPU body of the project.</summary>
    internal static IEnumerable<Type> Bodies { get; } =
    [
        .. typeof(ComputeDevice).Assembly.GetTypes().Where(t => t is { IsValueType: true, IsGenericType: false })
            .Where(t => t.IsAssignableTo(typeof(IThreadBody)) || t.IsAssignableTo(typeof(ITileBody))),
    ];

    /// <summary>Every class that makes operations: those with a body for the CPU accelerator.</summary>
    public static TheoryData<string> Operations =>
        [.. typeof(IBody).Assembly.GetTypes().Where(t => t.IsValueType && t.IsAssignableTo(typeof(IBody)))
            .Select(t => t.DeclaringType!.Name).Distinct().Order()];

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_has_cases_in_the_self_test_and_a_theory_of_its_own(string operation)
    {
        var cases = typeof(SelfTests).Assembly.GetType($"{typeof(SelfTests).Namespace}.{operation}Cases");
        Assert.NotNull(cases);
        var own = (IEnumerable<SelfTestCase>)cases.GetProperty("All", BindingFlags.Static | BindingFlags.Public)!.GetValue(null)!;
        Assert.NotEmpty(own);
        Assert.Subset(SelfTests.All.Select(c => c.Name).ToHashSet(), own.Select(c => c.Name).ToHashSet());
        Assert.NotNull(GetType().Assembly.GetType($"{GetType().Namespace}.{operation}Tests"));
    }

    [Fact]
    public void Bodies_and_operations_are_found()
    {
        Assert.Contains(typeof(Convolution.WeightPartArguments), Bodies);
        Assert.Contains(typeof(Convolution.ForwardArguments), Bodies);
        Assert.Contains("Convolution", Operations.Select(o => o.Data));
    }

    [Fact]
    public void Names_of_cases_are_unique() => Assert.Equal(SelfTests.All.Count, SelfTests.All.Select(c => c.Name).Distinct().Count());
}
