using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Secateurs.Kernels;
using Tests.Ptx;

namespace Tests.KernelTests;

/// <summary>
/// The devices that kernels are tested on, one of each for the whole run: the fast CPU device at every vector width and several
/// worker counts, ILGPU's default CPU device as a simulated GPU (16 threads a group), and the machine's first OpenCL and CUDA device.
/// </summary>
internal static class TestDevices
{
    public const string Simulator = "simulated GPU", Ptx = "PTX", OpenCl = "OpenCL", Cuda = "CUDA";

    private static readonly Dictionary<string, Lazy<ComputeDevice?>> All = new()
    {
        [Cpu(512, 2)] = new(() => FastCpu(512, 2)),
        [Cpu(512, 1)] = new(() => FastCpu(512, 1)),
        [Cpu(512, 3)] = new(() => FastCpu(512, 3)),
        [Cpu(256, 2)] = new(() => FastCpu(256, 2)),
        [Cpu(256, 4)] = new(() => FastCpu(256, 4)),
        [Cpu(128, 1)] = new(() => FastCpu(128, 1)),
        [Cpu(128, 3)] = new(() => FastCpu(128, 3)),
        [Simulator] = new(() => First(AcceleratorType.CPU, b => b.CPU(CPUDevice.Default))),
        [Ptx] = new(PtxDevice.Create),
        [OpenCl] = new(() => First(AcceleratorType.OpenCL, b => b.OpenCL())),
        [Cuda] = new(() => First(AcceleratorType.Cuda, b => b.Cuda())),
    };

    public static IEnumerable<string> Names => All.Keys;

    /// <summary>Names of the fast CPU device's variants that this processor has registers for.</summary>
    public static IEnumerable<string> FastCpus => Names.Where(n => RunsOnHost(n) && WhyNot(n) is null);

    /// <summary>Whether it is a fast CPU device: one launch for many steps, SIMD bodies.</summary>
    public static bool RunsOnHost(string name) => name is not (Simulator or Ptx or OpenCl or Cuda);

    public static string Cpu(int simdBits, int workers) => $"CPU {simdBits} bits {workers} workers";

    /// <summary>A device that <see cref="WhyNot"/> has nothing against.</summary>
    public static ComputeDevice Get(string name) =>
        All[name].Value ?? throw new InvalidOperationException($"{name} is required, and this machine has none");

    /// <summary>
    /// Why a device cannot be tested here; null where it can. An environment variable PRUNING_REQUIRE_OPENCL=1 or PRUNING_REQUIRE_CUDA=1
    /// makes a missing one a failure.
    /// </summary>
    public static string? WhyNot(string name)
    {
        if (All[name].Value is not null)
            return null;
        if (name is not (OpenCl or Cuda))
            return $"no {name} here";
        string required = $"PRUNING_REQUIRE_{name.ToUpperInvariant()}";
        return Environment.GetEnvironmentVariable(required) == "1" ? null : $"no {name} here ({required}=1 makes this a failure)";
    }

    private static ComputeDevice? FastCpu(int simdBits, int workers) => simdBits <= Simd.Bits ? ComputeDevice.Cpu(workers, simdBits) : null;

    private static ComputeDevice? First(AcceleratorType type, Func<Context.Builder, Context.Builder> enable)
    {
        var context = ComputeDevice.CreateContext(enable);
        // A context that finds no device of the kind asked for holds a CPU device instead.
        var device = context.Devices.FirstOrDefault(d => d.AcceleratorType == type);
        return device is null ? null : ComputeDevice.Launching(context, device);
    }
}
