namespace Secateurs.Kernels;

/// <summary>The arguments of an operation together with its body for the CPU accelerator.</summary>
internal interface IBody
{
    /// <summary>Computes this worker's share of the tiles. Worker 0..workers-1; shares depend on nothing else.</summary>
    void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>;
}

/// <summary>
/// One formula over device memory, cut into independent tiles. A GPU gets it in a <see cref="Kernels.Launch"/>; the CPU accelerator calls
/// <see cref="IBody.Run{V}"/> from each of its threads inside one launch for many steps of a <see cref="StepProgram"/>.
/// </summary>
internal abstract class Operation
{
    private protected Operation(string name, double flops) => (Name, Flops) = (name, flops);

    /// <summary>What it computes, for profiles: for example "dense1 backward weight".</summary>
    public string Name { get; }

    /// <summary>Floating point operations of the dense formula, multiply and add counted as two.</summary>
    public double Flops { get; }

    /// <summary>How a GPU runs it; null on the CPU accelerator.</summary>
    internal Launch? Launch { get; private protected init; }

    internal abstract void RunOnHost(int simdBits, int worker, int workers);

    /// <summary>The share [First, Last) of a worker in <paramref name="count"/> items: contiguous, equal to within one.</summary>
    internal static (int First, int Last) Share(int count, int worker, int workers) =>
        ((int)((long)count * worker / workers), (int)((long)count * (worker + 1) / workers));

    /// <summary>Parts of at most <paramref name="size"/> that <paramref name="count"/> items make.</summary>
    internal static int Parts(int count, int size) => (int)((uint)(count + size - 1) / (uint)size);

    /// <summary>
    /// Quotient and remainder of numbers that are not negative by one division, which is slow on a GPU and slower with a sign.
    /// </summary>
    internal static (int Quotient, int Remainder) Divide(int value, int by)
    {
        int quotient = (int)((uint)value / (uint)by);
        return (quotient, value - quotient * by);
    }

    /// <summary>
    /// Threads that share a tile of sums on a GPU, a power of two: as many as give the GPU enough to do, while each has some terms to add.
    /// </summary>
    /// <param name="tiles">Tiles of the operation.</param>
    /// <param name="terms">Terms of a sum.</param>
    /// <param name="least">Terms that a thread should have.</param>
    /// <param name="most">Threads at most.</param>
    internal static int ThreadsFor(int tiles, int terms, int least, int most)
    {
        int threads = 1;
        while (threads < most && tiles * threads < Tuning.EnoughThreads && terms / threads >= least)
            threads *= 2;
        return threads;
    }

    /// <summary>An operation of independent threads.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="name">Shown in profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="arguments">Views and sizes.</param>
    /// <param name="threads">Threads that the formula is cut into on a GPU.</param>
    /// <param name="blocks">See <see cref="Kernels.Launch.OfThreads"/>.</param>
    internal static Operation OfThreads<TArguments>(
        ComputeDevice device, string name, double flops, TArguments arguments, long threads, int blocks = 0)
        where TArguments : struct, IBody, IThreadBody =>
        new Operation<TArguments>(
            name, flops, arguments, device.RunsOnHost ? null : Launch.OfThreads(device, name, flops, arguments, threads, blocks));

    /// <summary>An operation of tiles of sums.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="name">Shown in profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="arguments">Views and sizes.</param>
    /// <param name="tiles">Tiles that the formula is cut into on a GPU.</param>
    /// <param name="threads">See <see cref="Kernels.Launch.OfTiles"/>.</param>
    /// <param name="blocks">See <see cref="Kernels.Launch.OfTiles"/>.</param>
    internal static Operation OfTiles<TArguments>(
        ComputeDevice device, string name, double flops, TArguments arguments, int tiles, int threads, int blocks = 0)
        where TArguments : struct, IBody, ITileBody =>
        new Operation<TArguments>(
            name, flops, arguments, device.RunsOnHost ? null : Launch.OfTiles(device, name, flops, arguments, tiles, threads, blocks));

    /// <summary>An operation of the CPU accelerator alone.</summary>
    internal static Operation OnHost<TArguments>(ComputeDevice device, string name, double flops, TArguments arguments)
        where TArguments : struct, IBody =>
        device.RunsOnHost
            ? new Operation<TArguments>(name, flops, arguments, null)
            : throw new NotSupportedException($"{name} runs on the CPU accelerator only");

    /// <summary>An operation of GPUs alone.</summary>
    internal static Operation OnGpu(Launch launch) => new LaunchedOperation(launch);
}

/// <summary>An operation that the CPU accelerator has no need of.</summary>
internal sealed class LaunchedOperation : Operation
{
    public LaunchedOperation(Launch launch) : base(launch.Name, launch.Flops) => Launch = launch;

    internal override void RunOnHost(int simdBits, int worker, int workers) => throw new NotSupportedException($"{Name} runs on GPUs only");
}

/// <summary>An operation with its arguments; made by the operation's own class, for example <see cref="Convolution"/>.</summary>
internal sealed class Operation<TArguments> : Operation where TArguments : struct, IBody
{
    private readonly TArguments _arguments;

    public Operation(string name, double flops, TArguments arguments, Launch? launch) : base(name, flops) =>
        (_arguments, Launch) = (arguments, launch);

    internal override void RunOnHost(int simdBits, int worker, int workers)
    {
        if (simdBits == 512)
            _arguments.Run<Simd512>(worker, workers);
        else if (simdBits == 256)
            _arguments.Run<Simd256>(worker, workers);
        else
            _arguments.Run<Simd128>(worker, workers);
    }
}
