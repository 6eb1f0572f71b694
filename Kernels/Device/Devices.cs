using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Secateurs.Kernels;

/// <summary>
/// Finds this machine's accelerators and opens one. On its own it takes a CUDA device, else an OpenCL device that is not the processor,
/// else the CPU accelerator; before a GPU is taken one kernel must have run on it.
/// </summary>
public static class Devices
{
    /// <summary>The word of the command line.</summary>
    public static string Word(DeviceKind kind) => kind switch
    {
        DeviceKind.Cuda => "cuda",
        DeviceKind.OpenCL => "opencl",
        _ => "cpu",
    };

    /// <summary>Every accelerator, usable or not, the CPU last.</summary>
    public static IReadOnlyList<DeviceInfo> List()
    {
        using var context = CreateContext();
        return
        [
            .. Enumerable.Range(0, context.GetCudaDevices().Count).Select(context.GetCudaDevice).Select((d, i) => new DeviceInfo(
                DeviceKind.Cuda, i, d.Name, d.MemorySize, d.NumMultiprocessors,
                $"CUDA {d.DriverVersion}, {d.Architecture?.ToString() ?? "unknown"}", false, CudaTrouble(d))),
            .. Enumerable.Range(0, context.GetCLDevices().Count).Select(context.GetCLDevice).Select((d, i) => new DeviceInfo(
                DeviceKind.OpenCL, i, d.Name, d.MemorySize, d.NumMultiprocessors, $"{d.PlatformName}, {d.PlatformVersion}",
                !d.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_GPU) && !d.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_ACCELERATOR),
                OpenCLTrouble(d))),
            new DeviceInfo(
                DeviceKind.Cpu, 0, Processor.Name, Processor.MemoryBytes, Environment.ProcessorCount,
                $"ILGPU {typeof(Context).Assembly.GetName().Version?.ToString(3)}, {Simd.Bits}-bit SIMD", true, null),
        ];
    }

    /// <summary>What <c>auto</c> tries, in this order; the CPU is always there.</summary>
    public static IEnumerable<DeviceInfo> AutoOrder(IReadOnlyList<DeviceInfo> devices) =>
        devices.Where(d => d.Trouble is null && (!d.OnProcessor || d.Kind == DeviceKind.Cpu)).OrderBy(d => d.Kind).ThenBy(d => d.Index);

    /// <summary>Why <c>auto</c> takes a device.</summary>
    public static string Reason(DeviceInfo device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Kind switch
        {
            DeviceKind.Cuda => "CUDA goes first",
            DeviceKind.OpenCL => "no usable CUDA device",
            _ => "no usable GPU",
        };
    }

    /// <summary>The one device that was asked for by name.</summary>
    /// <exception cref="DeviceException">It is not there or cannot be used; the line says what is there.</exception>
    public static DeviceInfo Find(IReadOnlyList<DeviceInfo> devices, DeviceRequest request)
    {
        var device = devices.FirstOrDefault(d => d.Kind == request.Kind && d.Index == request.Index)
            ?? throw new DeviceException(
                $"device '{request}' is not there; this machine has {string.Join(", ", devices.Select(d => $"{d.Id} ({d.Name})"))}");
        return device.Trouble is null ? device : throw new DeviceException(
            $"device {device.Id} ({device.Name}) cannot be used: {device.Trouble}");
    }

    /// <summary>
    /// Opens what was asked for. Says in one line what it took and why, and warns in one line of each GPU that it had to leave.
    /// </summary>
    /// <param name="request">What to open.</param>
    /// <param name="workers">Threads of the CPU accelerator, 0 for one per core; more than cores are not taken.</param>
    /// <param name="simdBits">Vector width of the CPU accelerator, 0 for the widest.</param>
    /// <param name="say">Gets the lines.</param>
    /// <exception cref="DeviceException">A device that was named is not there or does not work.</exception>
    public static ComputeDevice Open(DeviceRequest request, int workers, int simdBits, Action<string> say)
    {
        ArgumentNullException.ThrowIfNull(say);
        if (simdBits > Simd.Bits)
            throw new DeviceException($"this processor has {Simd.Bits}-bit registers, asked for {simdBits}");
        var devices = List();
        if (request.Kind is not null)
        {
            var found = Find(devices, request);
            try
            {
                return Open(found, workers, simdBits, say);
            }
            catch (Exception e) when (e is not DeviceException)
            {
                throw new DeviceException($"device {found.Id} ({found.Name}) does not work: {FirstLine(e)}", e);
            }
        }

        foreach (var bad in devices.Where(d => d.Trouble is not null && !d.OnProcessor))
            say($"warning: {bad.Id} ({bad.Name}) is left out: {bad.Trouble}");
        if (NvidiaWithoutCuda(devices) is { } hint)
            say($"warning: {hint}");
        foreach (var device in AutoOrder(devices))
        {
            try
            {
                var opened = Open(device, workers, simdBits, say);
                say($"device: {device.Id}, {opened.Name} (auto: {Reason(device)})");
                return opened;
            }
            catch (Exception e) when (device.Kind != DeviceKind.Cpu)
            {
                say($"warning: {device.Id} ({device.Name}) is left out, a kernel failed on it: {FirstLine(e)}; a newer driver may help");
            }
        }
        throw new InvalidOperationException("the CPU accelerator did not open");
    }

    private static ComputeDevice Open(DeviceInfo info, int workers, int simdBits, Action<string> say)
    {
        if (info.Kind == DeviceKind.Cpu)
        {
            if (workers > info.Units)
                say($"workers: {info.Units} of the {workers} asked for, one per core");
            return ComputeDevice.Cpu(Math.Min(workers, info.Units), simdBits);
        }
        var context = CreateContext();
        try
        {
            var device = ComputeDevice.Launching(
                context, info.Kind == DeviceKind.Cuda ? context.GetCudaDevice(info.Index) : context.GetCLDevice(info.Index));
            Prove(device);
            return device;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>A driver that is too old fails here, not in the middle of a run.</summary>
    private static void Prove(ComputeDevice device)
    {
        using var memory = new DeviceMemory(device);
        var step = memory.Allocate<int>([41]);
        device.Run(Counter.Advance(device, step));
        if (memory.Download(step)[0] != 42)
            throw new DeviceException("a kernel computed a wrong result");
    }

    /// <summary>All devices, those that cannot be used included: they are to be named with the reason.</summary>
    private static Context CreateContext() => ComputeDevice.CreateContext(b => b.Cuda(_ => true).OpenCL(_ => true));

    private static string? CudaTrouble(CudaDevice device) =>
        device.Architecture is null || device.InstructionSet is null
            ? "ILGPU does not know this architecture or the driver is too old; a driver for CUDA 11 or later helps"
            : null;

    private static string? OpenCLTrouble(CLDevice device) =>
        device.Capabilities.GenericAddressSpace
            ? GroupTrouble(device.MaxNumThreadsPerGroup) ?? SharedMemoryTrouble(device.MaxSharedMemoryPerGroup)
            : $"its OpenCL ({device.PlatformVersion}) has no generic address space; "
                + "a driver with OpenCL 2.0, or 3.0 with that feature, has it";

    internal static string? GroupTrouble(int threads) =>
        threads >= Launch.LeastThreads ? null : $"its work-groups have {threads} threads at most, the kernels need {Launch.LeastThreads}";

    /// <summary>OpenCL promises 32 KB; CUDA has 48 KB everywhere.</summary>
    internal static string? SharedMemoryTrouble(long bytes) =>
        bytes >= Launch.MostSharedBytes
            ? null
            : $"its work-groups have {bytes} bytes of local memory, the kernels need {Launch.MostSharedBytes}";

    /// <summary>The kernel module is loaded, but no CUDA device came up.</summary>
    private static string? NvidiaWithoutCuda(IReadOnlyList<DeviceInfo> devices) =>
        File.Exists("/proc/driver/nvidia/version") && devices.All(d => d.Kind != DeviceKind.Cuda)
            ? "an NVIDIA driver is loaded, but CUDA finds no device: install the driver's libcuda.so.1 "
                + "or give this process access to /dev/nvidia*"
            : null;

    private static string FirstLine(Exception e) => e.Message.Split('\n')[0].Trim();
}
