using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class DropoutTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(DropoutCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Dropout_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    /// <summary>Counts of a fair coin are within 5 deviations; steps, layers and places are told apart.</summary>
    [Theory]
    [InlineData(0.5)]
    [InlineData(0.1)]
    public void So_many_are_dropped_and_others_in_another_step_or_layer(double probability)
    {
        const int Count = 100_000;
        float[] ones = [.. Enumerable.Repeat(1f, Count)];
        var dropped = ((float, int)[])[(1, 0), (2, 0), (1, 1)];
        double[][] made = [.. dropped.Select(d => Dropout.Reference(ones, 10, probability, d.Item2, d.Item1, null))];
        double deviation = Math.Sqrt(Count * probability * (1 - probability));
        Assert.All(made, y => Assert.InRange(y.Count(v => v == 0) - Count * probability, -5 * deviation, 5 * deviation));
        for (int other = 1; other < made.Length; other++)
        {
            double both = made[0].Zip(made[other]).Count(v => v.First == 0 && v.Second == 0);
            double chance = probability * probability;
            Assert.InRange(both - Count * chance, -5 * Math.Sqrt(Count * chance), 5 * Math.Sqrt(Count * chance));
        }
    }
}
