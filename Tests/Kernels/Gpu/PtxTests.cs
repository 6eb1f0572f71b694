using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using Secateurs.Kernels;
using Secateurs.Model;
using Tests.Ptx;

namespace Tests.KernelTests;

/// <summary>What CUDA would be given, where there is no CUDA. PRUNING_PTX=FOLDER has it written, see ptxas.sh.</summary>
public sealed partial class PtxTests
{
    /// <summary>Every kind of layer beside every other.</summary>
    private static readonly string[] Graphs =
    [
        "conv4@3p1br [conv4@3p1br conv4@3p1b | ]+r [conv5@3s2p1br conv5@3p1b | conv5@1s2b]+r drop0.5 gap fc10",
        "[conv3@3p1 | conv3@1r | conv3@5p2r]+ [pool3s1p1 | | avgpool3s1p1]+r pool3s2p1 pool2 br fc6 b fc10",
        "conv3@3r pool2 [ | ]+ conv3@2 [conv2@1b | conv2@1]+r fc10",
    ];

    private const int SharedMemoryPerGroup = 48 * 1024, Batch = 128;

    private static readonly Dictionary<string, CudaArchitecture> Architectures = new()
    {
        ["SM_60"] = CudaArchitecture.SM_60,
        ["SM_75"] = CudaArchitecture.SM_75,
        ["SM_80"] = CudaArchitecture.SM_80,
        ["SM_90"] = CudaArchitecture.SM_90,
    };

    /// <summary>
    /// Every body alone, and the launches that the networks' training steps are made of, where several bodies share a kernel.
    /// </summary>
    internal static readonly Lazy<Dictionary<string, MethodInfo>> Kernels = new(() => Alone().Concat(Joined()).ToDictionary());

    public static TheoryData<string> Names => [.. Kernels.Value.Keys.Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_kernel_compiles_for_every_architecture_without_spills_doubles_or_generic_addresses(string name)
    {
        using var context = ComputeDevice.CreateContext(b => b);
        foreach (var (sm, architecture) in Architectures)
        {
            string text = PtxDevice.Assemble(context, Kernels.Value[name], architecture);
            Assert.DoesNotContain(".local", text, StringComparison.Ordinal);
            Assert.False(Doubles().IsMatch(text), $"{sm}: {Doubles().Match(text).Value}");
            Assert.False(Generic().IsMatch(text), $"{sm}: {Generic().Match(text).Value}");
            // A jump table, see ComputeDevice.CreateContext.
            Assert.DoesNotContain("brx", text, StringComparison.Ordinal);
            if (sm == "SM_90" && Environment.GetEnvironmentVariable("PRUNING_PTX") is { } folder)
                File.WriteAllText(Path.Combine(folder, $"{name.Replace(": ", ", ", StringComparison.Ordinal)}.ptx"), text);
            int shared = SharedArrays().Matches(text).Sum(m => int.Parse(m.Groups[1].Value));
            Assert.InRange(shared, 0, SharedMemoryPerGroup);
        }
    }

    /// <summary>
    /// A device compiles all kernels in one context. ILGPU 1.5.3 takes two argument structs of like fields for one there and fails on the
    /// second ("GetField.ComputeType"): another order of fields helps.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Kernels_compile_one_after_the_other(bool backwards)
    {
        using var context = ComputeDevice.CreateContext(b => b);
        var architecture = CudaArchitecture.SM_90;
        using var backend = new PTXBackend(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
        var kernels = backwards ? Kernels.Value.Reverse() : Kernels.Value;
        foreach (var (name, kernel) in kernels)
        {
            var error = Record.Exception(() => backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), default));
            Assert.True(error is null, $"{name}: {error}");
        }
    }

    private static IEnumerable<KeyValuePair<string, MethodInfo>> Alone() => KernelCoverageTests.Bodies.Select(body =>
    {
        var group = (body.IsAssignableTo(typeof(ITileBody)) ? typeof(Tiles<>) : typeof(Threads<>)).MakeGenericType(body);
        var launch = typeof(Launch<>).MakeGenericType(group);
        return KeyValuePair.Create(
            $"{body.DeclaringType!.Name}.{body.Name}", launch.GetMethod("RunKernel", BindingFlags.Static | BindingFlags.NonPublic)!);
    });

    private static IEnumerable<KeyValuePair<string, MethodInfo>> Joined()
    {
        foreach (string network in (string[])[.. NetworkDescription.Small, .. Graphs])
        {
            using var trainer = TrainingPrograms.Trainer(network, Batch);
            foreach (var launch in trainer.TrainingStep.Launches.Where(l => l.Names.Count > 1))
                yield return KeyValuePair.Create($"{network}: {launch.Name}", launch.Kernel);
        }
    }

    [GeneratedRegex(@"^.*\.f64.*$", RegexOptions.Multiline)]
    private static partial Regex Doubles();

    /// <summary>A load or store that does not say which memory it means.</summary>
    [GeneratedRegex(@"^\s*(@\S+\s+)?(ld|st)\.(?!global|shared|param).*$", RegexOptions.Multiline)]
    private static partial Regex Generic();

    /// <summary>ILGPU declares shared memory as arrays of bytes.</summary>
    [GeneratedRegex(@"\.shared .*\.b8 \S+\[(\d+)\]")]
    private static partial Regex SharedArrays();
}
