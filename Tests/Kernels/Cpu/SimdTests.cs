using System.Diagnostics;
using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SimdTests
{
    private const string ExpectedBits = "PRUNING_EXPECT_SIMD_BITS";

    [Fact]
    public void Every_vector_width_and_worker_count_gives_the_same_bits()
    {
        string[] devices = [.. TestDevices.FastCpus];
        foreach (var test in SelfTests.All)
        {
            long[] first = [.. KernelSuite.Bits(test.Compute(TestDevices.Get(devices[0])))];
            foreach (string device in devices.Skip(1))
                Assert.True(
                    first.SequenceEqual(KernelSuite.Bits(test.Compute(TestDevices.Get(device)))),
                    $"{test.Name}: {device} differs from {devices[0]}");
        }
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512", 256)]
    [InlineData("DOTNET_EnableAVX2", 128)]
    public async Task Kernels_pass_on_a_processor_with_shorter_registers(string switchedOff, int bits)
    {
        Assert.SkipWhen(Simd.Bits <= bits, $"this processor has {Simd.Bits}-bit registers at most");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(SimdTests).Assembly.Location);
        foreach (string argument in (string[])["-method", $"*.{nameof(The_widest_registers_pass_every_case)}", "-noLogo"])
            start.ArgumentList.Add(argument);
        start.Environment[switchedOff] = "0";
        start.Environment[ExpectedBits] = $"{bits}";
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, output + await errors);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_widest_registers_pass_every_case()
    {
        if (Environment.GetEnvironmentVariable(ExpectedBits) is { } bits)
            Assert.Equal(bits, $"{Simd.Bits}");
        var device = TestDevices.Get(TestDevices.Cpu(Simd.Bits, Simd.Bits == 128 ? 3 : 2));
        Assert.All(SelfTests.All, test => test.Run(device));
    }
}
