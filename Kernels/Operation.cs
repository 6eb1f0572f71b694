using ILGPU;
using ILGPU.Runtime;

namespace Kernels;

/// <summary>The arguments of an operation together with its body for the CPU accelerator.</summary>
public interface IBody
{
    /// <summary>Computes this worker's share of the tiles. Worker 0..workers-1; shares depend on nothing else.</summary>
    void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>;
}

/// <summary>
/// One formula over device memory, cut into independent tiles. A GPU launches it as a kernel; the CPU accelerator calls
/// <see cref="IBody.Run{V}"/> from each of its threads inside one launch of a whole <see cref="StepProgram"/>.
/// </summary>
public abstract class Operation
{
    private protected Operation(string name, double flops) => (Name, Flops) = (name, flops);

    /// <summary>What it computes, for profiles: for example "dense1 backward weight".</summary>
    public string Name { get; }

    /// <summary>Floating point operations of the dense formula, multiply and add counted as two.</summary>
    public double Flops { get; }

    internal abstract void RunOnHost(int simdBits, int worker, int workers);

    internal abstract void Launch();

    /// <summary>The share [First, Last) of a worker in <paramref name="count"/> items: contiguous, equal to within one.</summary>
    internal static (int First, int Last) Share(int count, int worker, int workers) =>
        ((int)((long)count * worker / workers), (int)((long)count * (worker + 1) / workers));
}

/// <summary>An operation with its arguments; made by the operation's own class, for example <see cref="Convolution"/>.</summary>
internal sealed class Operation<TArguments> : Operation where TArguments : struct, IBody
{
    private readonly TArguments _arguments;
    private readonly Action<AcceleratorStream, KernelConfig, TArguments>? _kernel;
    private readonly AcceleratorStream _stream;
    private readonly KernelConfig _config;

    /// <param name="device">Where it will run.</param>
    /// <param name="name">Shown in profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="arguments">Views and sizes.</param>
    /// <param name="kernel">Explicitly grouped kernel for GPUs and for the CPU accelerator as ILGPU's simulator.</param>
    /// <param name="threads">Threads that the kernel needs; rounded up to whole groups.</param>
    /// <param name="groupSize">Threads per group, or 0 for the device's usual size.</param>
    public Operation(
        ComputeDevice device, string name, double flops, TArguments arguments, Action<TArguments> kernel, long threads, int groupSize = 0)
        : base(name, flops)
    {
        _arguments = arguments;
        _stream = device.Stream;
        if (device.RunsOnHost)
            return;
        _kernel = device.Load(kernel);
        int group = groupSize > 0 ? groupSize : device.GroupSize;
        _config = new KernelConfig((int)((threads + group - 1) / group), group);
    }

    /// <summary>An operation of the CPU accelerator alone.</summary>
    public Operation(ComputeDevice device, string name, double flops, TArguments arguments) : base(name, flops)
    {
        if (!device.RunsOnHost)
            throw new NotSupportedException($"{name} runs on the CPU accelerator only");
        (_arguments, _stream) = (arguments, device.Stream);
    }

    internal override void RunOnHost(int simdBits, int worker, int workers)
    {
        if (simdBits == 512)
            _arguments.Run<Simd512>(worker, workers);
        else if (simdBits == 256)
            _arguments.Run<Simd256>(worker, workers);
        else
            _arguments.Run<Simd128>(worker, workers);
    }

    internal override void Launch() => _kernel!(_stream, _config, _arguments);
}
