using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;

namespace Secateurs.Kernels;

/// <summary>
/// One kernel launch on a GPU. A launch costs as much as a small layer does, so operations that need not wait for each other share one
/// (<see cref="Together{TFirst, TSecond}"/>), and so do small operations in a row that stay within their images
/// (<see cref="InTurn{TFirst, TSecond}"/>). Operations need not know: <see cref="Plan"/> joins what a program's stages allow.
/// </summary>
internal abstract class Launch
{
    /// <summary>
    /// Threads of a group at most, and as many more as a sum in shared memory takes at most, see <see cref="Tiles{TBody}"/>.
    /// </summary>
    public const int MostThreads = Tuning.GroupThreads, MostPitch = MostThreads + 16;

    /// <summary>Threads that a device's groups must be able to have: as few as tests run with.</summary>
    public const int LeastThreads = 16;

    /// <summary>
    /// Sums of a tile at most, those of a convolution, and the bytes of shared memory that a group then takes: a device must have as many.
    /// </summary>
    public const int MostSums = ConvolutionThreads.Sums, MostSharedBytes = MostSums * MostPitch * sizeof(float);

    private protected Launch(ComputeDevice device, string[] names, double flops, int groups) =>
        (Device, Names, Flops, Groups) = (device, names, flops, groups);

    public ComputeDevice Device { get; }

    /// <summary>Names of the operations in it.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The first name and how many more there are.</summary>
    public string Name => Names.Count == 1 ? Names[0] : $"{Names[0]} + {Names.Count - 1} more";

    public double Flops { get; }

    public int Groups { get; }

    /// <summary>The same work with a group for each four images, where it is small and stays within its images; else null.</summary>
    public Launch? ByFour { get; private protected set; }

    /// <summary>What ILGPU compiles.</summary>
    public abstract MethodInfo Kernel { get; }

    /// <summary>Bytes of the arguments, at most: here a view holds a length more than on the device.</summary>
    public abstract int ParameterBytes { get; }

    /// <summary>Queues it and returns.</summary>
    public abstract void Run();

    /// <summary>A launch of independent threads.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="body">Arguments.</param>
    /// <param name="threads">How many threads have something to do.</param>
    /// <param name="blocks">
    /// Not 0: the threads are [blocks][any][16 images], and each reads and writes data of its own image alone, weights excepted.
    /// </param>
    public static Launch OfThreads<TBody>(ComputeDevice device, string name, double flops, TBody body, long threads, int blocks)
        where TBody : struct, IThreadBody
    {
        Launch launch = new Launch<Threads<TBody>>(device, [name], flops, GroupsFor(threads, device.GroupSize), new Threads<TBody>(body));
        int quads = blocks * Quad.PerBlock;
        if (IsSmall(threads, flops, quads))
            launch.ByFour = new Launch<FourImages<TBody>>(
                device, [name], flops, quads, new FourImages<TBody>(body, (int)(threads / quads)));
        return launch;
    }

    /// <summary>A launch of tiles.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="body">Arguments.</param>
    /// <param name="tiles">How many.</param>
    /// <param name="threads">Threads of a tile, a power of two; at most a whole group is taken.</param>
    /// <param name="blocks">As in <see cref="OfThreads"/>: the tiles are [blocks][any][4 quads].</param>
    public static Launch OfTiles<TBody>(ComputeDevice device, string name, double flops, TBody body, int tiles, int threads, int blocks)
        where TBody : struct, ITileBody
    {
        int bits = BitOperations.Log2((uint)(device.GroupSize / Math.Min(threads, device.GroupSize)));
        Launch launch = OfTiles(device, name, flops, GroupsFor(tiles, 1 << bits), new Tiles<TBody>(body, tiles, 1 << bits, bits, 0));
        int quads = blocks * Quad.PerBlock;
        if (!IsSmall((long)tiles * threads, flops, quads))
            return launch;
        // One group has all tiles of its images: as many threads for each as there are.
        int own = tiles / quads;
        int all = Math.Min(BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)own)), BitOperations.Log2((uint)device.GroupSize));
        launch.ByFour = OfTiles(
            device, name, flops, quads, new Tiles<TBody>(body, tiles, own, all, BitOperations.Log2(Quad.PerBlock)));
        return launch;
    }

    private static Launch<Tiles<TBody>> OfTiles<TBody>(ComputeDevice device, string name, double flops, int groups, Tiles<TBody> body)
        where TBody : struct, ITileBody =>
        body.Body.Sums <= MostSums ? new Launch<Tiles<TBody>>(device, [name], flops, groups, body)
            : throw new ArgumentException($"{name}: a tile has {body.Body.Sums} sums, expected {MostSums} at most");

    private static int GroupsFor(long work, int perGroup) => (int)((work + perGroup - 1) / perGroup);

    private static bool IsSmall(long threads, double flops, int blocks) =>
        blocks > 0 && threads / blocks <= Tuning.ByFourThreads && flops / blocks <= Tuning.ByFourFlops;

    /// <summary>The launches of a program: operations of a stage go together, small stages in a row in turn.</summary>
    /// <param name="stages">Launches of single operations; those of a stage are independent.</param>
    /// <param name="maxParameterBytes">Of one launch.</param>
    public static IReadOnlyList<Launch> Plan(IEnumerable<IEnumerable<Launch>> stages, int maxParameterBytes)
    {
        var plan = new List<Launch>();
        foreach (var stage in stages)
        {
            int first = plan.Count;
            foreach (var launch in stage)
            {
                int place = first;
                Launch? joined = null;
                while (place < plan.Count && (joined = plan[place].Beside(launch, maxParameterBytes)) is null)
                    place++;
                if (joined is null)
                    plan.Add(launch);
                else
                    plan[place] = joined;
            }
            if (first > 0 && plan.Count == first + 1 && plan[^2].Before(plan[^1], maxParameterBytes) is { } chain)
            {
                plan.RemoveAt(first);
                plan[^1] = chain;
            }
        }
        return plan;
    }

    private bool FillsGpu => Names.Count == 1 && Flops >= Tuning.BesideFlops;

    private Launch? Beside(Launch other, int maxParameterBytes) =>
        !FillsGpu && !other.FillsGpu && Join(other, inTurn: false) is var both && both.ParameterBytes <= maxParameterBytes ? both : null;

    private Launch? Before(Launch next, int maxParameterBytes) =>
        ByFour is { } first && next.ByFour is { } second && first.Groups == second.Groups
            && first.Join(second, inTurn: true) is var both && both.ParameterBytes <= maxParameterBytes ? both : null;

    /// <summary>Joins a launch to this one. Two calls, each of which makes one of the two bodies' types known.</summary>
    internal abstract Launch Join(Launch second, bool inTurn);

    internal abstract Launch JoinTo<TFirst>(Launch<TFirst> first, bool inTurn) where TFirst : struct, IGroupBody;
}

internal sealed class Launch<TBody> : Launch where TBody : struct, IGroupBody
{
    private static readonly Action<TBody> Entry = RunKernel;

    private readonly TBody _body;
    private Action<AcceleratorStream, KernelConfig, TBody>? _kernel;

    public Launch(ComputeDevice device, string[] names, double flops, int groups, TBody body)
        : base(device, names, flops, groups) => _body = body;

    public override MethodInfo Kernel => Entry.Method;

    public override int ParameterBytes => Unsafe.SizeOf<TBody>();

    /// <summary>Compiled on the first run: of most operations only the joined launch ever runs.</summary>
    public override void Run() => (_kernel ??= Device.Load(Entry))(Device.Stream, new KernelConfig(Groups, Device.GroupSize), _body);

    internal override Launch Join(Launch second, bool inTurn) => second.JoinTo(this, inTurn);

    internal override Launch JoinTo<TFirst>(Launch<TFirst> first, bool inTurn)
    {
        string[] names = [.. first.Names, .. Names];
        double flops = first.Flops + Flops;
        if (!inTurn)
            return new Launch<Together<TFirst, TBody>>(
                Device, names, flops, first.Groups + Groups, new Together<TFirst, TBody>(first._body, first.Groups, _body));
        var chain = new Launch<InTurn<TFirst, TBody>>(Device, names, flops, Groups, new InTurn<TFirst, TBody>(first._body, _body));
        chain.ByFour = chain;
        return chain;
    }

    /// <summary>The one kernel of GPUs.</summary>
    private static void RunKernel(TBody body)
    {
        var memory = SharedMemory.Allocate<float>(body.SharedFloats);
        for (int round = 0; round < body.Rounds; round++)
        {
            body.Run(Grid.IdxX, round, memory);
            GroupBarrier.Wait();
        }
    }
}
