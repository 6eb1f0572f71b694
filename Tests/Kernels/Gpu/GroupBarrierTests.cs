using System.Text.RegularExpressions;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime.OpenCL;
using Secateurs.Kernels;

namespace Tests.KernelTests;

/// <summary>What OpenCL would be given, where there is no OpenCL.</summary>
public sealed partial class GroupBarrierTests
{
    public static TheoryData<string> Names => PtxTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void A_barrier_on_OpenCL_fences_shared_and_device_memory(string name)
    {
        var method = PtxTests.Kernels.Value[name];
        using var context = ComputeDevice.CreateContext(b => b);
        using var backend = new CLBackend(
            context, new CLCapabilityContext(false, false, false, false, true), CLDeviceVendor.Other, CLCVersion.CL20);
        var kernel = (CLCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(method), default);
        string[] barriers = [.. Barriers().Matches(kernel.Source).Select(m => m.Value.Replace(" ", "", StringComparison.Ordinal))];
        Assert.All(barriers, b => Assert.Equal("work_group_barrier(CLK_LOCAL_MEM_FENCE|CLK_GLOBAL_MEM_FENCE)", b));
        Assert.NotEmpty(barriers);
    }

    [GeneratedRegex(@"\w*barrier\s*\([^)]*\)")]
    private static partial Regex Barriers();
}
