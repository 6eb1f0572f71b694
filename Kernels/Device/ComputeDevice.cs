using System.Numerics;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Secateurs.Kernels;

/// <summary>Makes a delegate of a kernel in another way than the accelerator does; tests have one.</summary>
internal interface IKernelLoader
{
    Action<AcceleratorStream, KernelConfig, TArguments> Load<TArguments>(Action<TArguments> kernel) where TArguments : struct;
}

/// <summary>
/// An accelerator and how operations run on it. <see cref="RunsOnHost"/>: the CPU accelerator with one thread per worker and SIMD
/// bodies. Otherwise kernels are launched one by one on <see cref="Stream"/>: CUDA, OpenCL, and the CPU accelerator as a
/// simulator of a GPU, which tests use.
/// </summary>
/// <remarks>Where it runs on the host, its workers take what is below 1.2e-38 in magnitude for zero (<see cref="Denormals"/>).</remarks>
public sealed class ComputeDevice : IDisposable
{
    /// <summary>What every CUDA device takes; the simulator gets the same.</summary>
    private const int CudaParameterBytes = 4096;

    private readonly Context _context;
    private readonly IKernelLoader? _loader;
    private readonly Dictionary<object, object> _kernels = [];
    private readonly Action<AcceleratorStream, KernelConfig, long, int>? _hostKernel;
    private readonly CudaGraphDriver? _graphs;
    private long _reserved;

    private ComputeDevice(Context context, Accelerator accelerator, int workers, int simdBits, IKernelLoader? loader = null)
    {
        (_context, _loader) = (context, loader);
        Accelerator = accelerator;
        Stream = accelerator.CreateStream();
        Workers = workers;
        SimdBits = simdBits;
        GroupSize = 1 << BitOperations.Log2((uint)Math.Min(Launch.MostThreads, accelerator.MaxNumThreadsPerGroup));
        MaxParameterBytes = accelerator is CLAccelerator
            ? (int)CLAPI.CurrentAPI.GetDeviceInfo<IntPtr>(
                ((CLAccelerator)accelerator).DeviceId, CLDeviceInfoType.CL_DEVICE_MAX_PARAMETER_SIZE)
            : CudaParameterBytes;
        (_graphs, GraphTrouble) = OpenGraphs(accelerator, Stream);
        if (RunsOnHost)
            _hostKernel = accelerator.LoadKernel<long, int>(StepProgram.HostKernel);
    }

    public Accelerator Accelerator { get; }

    /// <summary>The one stream of the project: everything on a device happens in order.</summary>
    public AcceleratorStream Stream { get; }

    /// <summary>Threads of the CPU accelerator that share the tiles; 0 where kernels are launched one by one.</summary>
    public int Workers { get; }

    /// <summary>Bits per vector register of the SIMD bodies in use.</summary>
    public int SimdBits { get; }

    /// <summary>Threads per group of ordinary kernels, a power of two.</summary>
    public int GroupSize { get; }

    /// <summary>Bytes of a kernel's arguments at most.</summary>
    internal int MaxParameterBytes { get; }

    /// <summary>Records launches, on CUDA; null elsewhere and where <see cref="GraphTrouble"/> says why.</summary>
    internal IGraphDriver? Graphs => _graphs;

    /// <summary>Why a CUDA device records nothing.</summary>
    internal string? GraphTrouble { get; }

    public bool RunsOnHost => Workers > 0;

    /// <summary>Bytes of memory that buffers can have at most: the device's, or the machine's where they are there.</summary>
    public long MemoryBytes =>
        Accelerator.AcceleratorType == AcceleratorType.CPU ? Processor.MemoryBytes : Accelerator.MemorySize;

    /// <summary>The accelerator's own name, with workers and vector width on the CPU.</summary>
    public string Name =>
        RunsOnHost ? $"{Environment.ProcessorCount}-core CPU ({Workers} workers x {SimdBits}-bit SIMD)" : Accelerator.Name;

    /// <summary>
    /// Counts what is about to be allocated. A system that promises more than it has would end the process without a word.
    /// </summary>
    /// <exception cref="InsufficientMemoryException">All buffers on the device together are larger than its memory.</exception>
    internal void Reserve(long bytes)
    {
        long all = Interlocked.Add(ref _reserved, bytes);
        if (all <= MemoryBytes)
            return;
        Release(bytes);
        throw TooLittle($"the {MemoryBytes / 1e9:F1} GB of this device to hold all buffers, found {all / 1e9:F1} GB or more wanted");
    }

    /// <summary>Counts what was freed.</summary>
    internal void Release(long bytes) => Interlocked.Add(ref _reserved, -bytes);

    /// <summary>The error that says what was expected and found.</summary>
    internal static InsufficientMemoryException TooLittle(FormattableString what) =>
        new(FormattableString.Invariant($"memory for network, batch and data: expected {what}; fewer images at once or workers take less"));

    /// <summary>
    /// Every context of the project: ILGPU with its math library, CPU, CUDA and OpenCL devices enabled by <paramref name="enable"/>.
    /// </summary>
    /// <remarks>
    /// O2, since ILGPU's default moves whatever a body computes of its arguments in front of the loop over rounds: where bodies share a
    /// kernel, every group first computed the places of all of them, in 1,561 instructions and all 255 registers for lenet-5's weight
    /// gradients (39 and 96 now), and loads did not know that they are from device memory. What O2 is known to break on CUDA is a C# switch
    /// (ILGPU issue 846): kernels have none, and PtxTests refuses jump tables.
    /// </remarks>
    public static Context CreateContext(Func<Context.Builder, Context.Builder> enable)
    {
        NativeLibraries.Register();
        var context = enable(Context.Create().EnableAlgorithms().Math(MathMode.Default).Optimize(OptimizationLevel.O2)).ToContext();
        GroupBarrier.Register(context);
        return context;
    }

    /// <summary>The CPU accelerator as fast as it goes: one thread per worker, SIMD inside.</summary>
    /// <param name="workers">Threads, 0 for one per core.</param>
    /// <param name="simdBits">512, 256 or 128, at most what the processor has; 0 for the widest.</param>
    public static ComputeDevice Cpu(int workers = 0, int simdBits = 0)
    {
        workers = workers > 0 ? workers : Environment.ProcessorCount;
        simdBits = simdBits > 0 ? simdBits : Simd.Bits;
        if (simdBits > Simd.Bits)
            throw new ArgumentOutOfRangeException(nameof(simdBits), $"this processor has {Simd.Bits}-bit registers, asked for {simdBits}");
        // A CPUDevice wants a power of two, at least 2, of threads per warp; a smaller group leaves the rest idle.
        var device = new CPUDevice((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, workers)), 1, 1);
        var context = CreateContext(b => b.CPU(device));
        return new ComputeDevice(context, context.CreateCPUAccelerator(0, CPUAcceleratorMode.Parallel), workers, simdBits);
    }

    /// <summary>An accelerator that gets kernels one by one.</summary>
    public static ComputeDevice Launching(Context context, Device device) => Launching(context, device, null);

    /// <summary>The same with kernels from <paramref name="loader"/>.</summary>
    internal static ComputeDevice Launching(Context context, Device device, IKernelLoader? loader) =>
        new(context, device.CreateAccelerator(context), 0, 0, loader);

    /// <summary>Loads a kernel once; later calls give the same delegate.</summary>
    internal Action<AcceleratorStream, KernelConfig, TArguments> Load<TArguments>(Action<TArguments> kernel) where TArguments : struct
    {
        if (_kernels.TryGetValue(kernel.Method, out var loaded))
            return (Action<AcceleratorStream, KernelConfig, TArguments>)loaded;
        var result = _loader?.Load(kernel) ?? Accelerator.LoadKernel(kernel);
        _kernels.Add(kernel.Method, result);
        return result;
    }

    internal void LaunchOnHost(long program, int steps, int workers)
    {
        _hostKernel!(Stream, new KernelConfig(1, workers), program, steps);
        Stream.Synchronize();
    }

    /// <summary>Runs one operation now.</summary>
    internal void Run(params Operation[] operations)
    {
        ArgumentNullException.ThrowIfNull(operations);
        new StepProgram(this, operations.Select(o => new[] { o })).Run();
    }

    public void Synchronize() => Stream.Synchronize();

    private static (CudaGraphDriver? Driver, string? Trouble) OpenGraphs(Accelerator accelerator, AcceleratorStream stream)
    {
        if (accelerator is not CudaAccelerator cuda || stream is not CudaStream cudaStream)
            return (null, null);
        try
        {
            return (new CudaGraphDriver(cuda, cudaStream), null);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return (null, e.Message);
        }
    }

    public void Dispose()
    {
        _graphs?.Dispose();
        Stream.Dispose();
        Accelerator.Dispose();
        _context.Dispose();
    }
}
