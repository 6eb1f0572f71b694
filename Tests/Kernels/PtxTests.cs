using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using Kernels;

namespace Tests.KernelTests;

/// <summary>What CUDA would be given, where there is no CUDA.</summary>
public sealed partial class PtxTests
{
    private const int SharedMemoryPerGroup = 48 * 1024;

    private static readonly Dictionary<string, CudaArchitecture> Architectures = new()
    {
        ["SM_60"] = CudaArchitecture.SM_60,
        ["SM_75"] = CudaArchitecture.SM_75,
        ["SM_80"] = CudaArchitecture.SM_80,
        ["SM_90"] = CudaArchitecture.SM_90,
    };

    public static TheoryData<string> Names => [.. KernelCoverageTests.EntryPoints.Keys.Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_kernel_compiles_for_every_architecture_without_spills_or_doubles(string name)
    {
        var method = KernelCoverageTests.EntryPoints[name];
        using var context = ComputeDevice.CreateContext(b => b);
        foreach (var (sm, architecture) in Architectures)
        {
            using var backend = new PTXBackend(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
            var kernel = (PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(method), default);
            string text = kernel.PTXAssembly;
            Assert.DoesNotContain(".local", text, StringComparison.Ordinal);
            Assert.False(Doubles().IsMatch(text), $"{sm}: {Doubles().Match(text).Value}");
            int shared = SharedArrays().Matches(text).Sum(m => int.Parse(m.Groups[1].Value));
            Assert.InRange(shared, 0, SharedMemoryPerGroup);
        }
    }

    [GeneratedRegex(@"^.*\.f64.*$", RegexOptions.Multiline)]
    private static partial Regex Doubles();

    /// <summary>ILGPU declares shared memory as arrays of bytes.</summary>
    [GeneratedRegex(@"\.shared .*\.b8 \S+\[(\d+)\]")]
    private static partial Regex SharedArrays();
}
