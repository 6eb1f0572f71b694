using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

/// <summary>Tests on devices run one after the other: a device has one stream, and two CPU devices would fight for the cores.</summary>
[CollectionDefinition(nameof(KernelSuite))]
public sealed class KernelSuite
{
    /// <summary>Every case on every device; a device that is not here is one skipped row.</summary>
    internal static TheoryData<string, string> Rows(IEnumerable<SelfTestCase> cases)
    {
        var rows = new TheoryData<string, string>();
        foreach (string device in TestDevices.Names)
        {
            SelfTestCase[] own = [.. cases.Where(c => TestDevices.RunsOnHost(device) || !c.OnHostOnly)];
            if (own.Length > 0 && TestDevices.WhyNot(device) is { } reason)
                rows.Add(new TheoryDataRow<string, string>(device, "all cases") { Skip = reason });
            else
                foreach (var c in own)
                    rows.Add(device, c.Name);
        }
        return rows;
    }

    /// <summary>Against the reference, and once more for the same bits.</summary>
    internal static void Run(string device, string name)
    {
        var test = SelfTests.All.Single(c => c.Name == name);
        var first = test.Run(TestDevices.Get(device));
        Assert.Equal(Bits(first), Bits(test.Compute(TestDevices.Get(device))));
    }

    internal static IEnumerable<long> Bits(IReadOnlyList<double[]> outputs) =>
        outputs.SelectMany(o => o).Select(BitConverter.DoubleToInt64Bits);
}
