using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;

namespace Kernels;

/// <summary>An operation's arguments with its body for GPUs, for operations whose threads know nothing of each other.</summary>
public interface IThreadBody
{
    /// <summary>What thread <paramref name="index"/> does; the last group has threads past the end, which must do nothing.</summary>
    void RunThread(int index);
}

/// <summary>
/// The same for operations whose groups work together: a group adds up one number per thread between the two halves of the body. The kernel
/// does that, in one place for all bodies that share it: a barrier inside a branch, though all threads of the group take it, hangs PoCL.
/// </summary>
public interface IGroupBody
{
    /// <summary>Whether there is anything to add and a second half; a constant.</summary>
    bool Adds { get; }

    /// <summary>The first half of a thread's work, and the number to add.</summary>
    /// <param name="group">Number of the group within the operation.</param>
    float Begin(int group);

    /// <summary>The second half, where <paramref name="sum"/> is the group's.</summary>
    void Finish(int group, float sum);
}

/// <summary>
/// One kernel launch on a GPU. A launch costs as much as a small layer does, so operations that need not wait for each other share one
/// (<see cref="Together{TFirst, TSecond}"/>), and so do small operations in a row that stay within their images
/// (<see cref="InTurn{TFirst, TSecond}"/>). Operations need not know: <see cref="Plan"/> joins what a program's stages allow.
/// </summary>
internal abstract class Launch
{
    /// <summary>
    /// An operation that one group computes for 16 images may have this many threads and floating point operations at most: for more, groups
    /// all over the GPU gain more time than the launch costs. Of the three networks' layers the last one is that small, forward and
    /// backward. Estimated, not measured.
    /// </summary>
    private const int MostThreadsByBlock = 2048, MostFlopsByBlock = 1 << 18;

    private protected Launch(ComputeDevice device, string[] names, double flops, int groups) =>
        (Device, Names, Flops, Groups) = (device, names, flops, groups);

    public ComputeDevice Device { get; }

    /// <summary>Names of the operations in it.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The first name and how many more there are.</summary>
    public string Name => Names.Count == 1 ? Names[0] : $"{Names[0]} + {Names.Count - 1} more";

    public double Flops { get; }

    public int Groups { get; }

    /// <summary>The same work with a group for each block of 16 images, where it is small and stays within its images; else null.</summary>
    public Launch? ByBlock { get; private protected set; }

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
    /// Not 0: the threads are so many equal runs, and each reads and writes data of its own block of 16 images alone, weights excepted.
    /// </param>
    public static Launch OfThreads<TBody>(ComputeDevice device, string name, double flops, TBody body, long threads, int blocks)
        where TBody : struct, IThreadBody
    {
        bool small = blocks > 0 && threads / blocks <= MostThreadsByBlock && flops / blocks <= MostFlopsByBlock;
        int groups = (int)((threads + device.GroupSize - 1) / device.GroupSize);
        Launch launch = new Launch<Threads<TBody>>(device, [name], flops, groups, new Threads<TBody>(body));
        if (small)
            launch.ByBlock = new Launch<Block<TBody>>(device, [name], flops, blocks, new Block<TBody>(body, (int)(threads / blocks)));
        return launch;
    }

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
                if (plan.Count > first && plan[^1].Beside(launch, maxParameterBytes) is { } joined)
                    plan[^1] = joined;
                else
                    plan.Add(launch);
            }
            if (first > 0 && plan.Count == first + 1 && plan[^2].Before(plan[^1], maxParameterBytes) is { } chain)
            {
                plan.RemoveAt(first);
                plan[^1] = chain;
            }
        }
        return plan;
    }

    private Launch? Beside(Launch other, int maxParameterBytes) =>
        Join(other, inTurn: false) is var both && both.ParameterBytes <= maxParameterBytes ? both : null;

    private Launch? Before(Launch next, int maxParameterBytes) =>
        ByBlock is { } first && next.ByBlock is { } second && first.Groups == second.Groups
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

    public Launch(ComputeDevice device, string[] names, double flops, int groups, TBody body) : base(device, names, flops, groups) => _body = body;

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
        chain.ByBlock = chain;
        return chain;
    }

    /// <summary>The one kernel of GPUs.</summary>
    private static void RunKernel(TBody body)
    {
        float part = body.Begin(Grid.IdxX);
        if (body.Adds)
            body.Finish(Grid.IdxX, GroupSum.Of(part));
    }
}

/// <summary>Groups that only divide independent threads.</summary>
public readonly struct Threads<TBody>(TBody body) : IGroupBody where TBody : struct, IThreadBody
{
    public readonly TBody Body = body;

    public bool Adds => false;

    public float Begin(int group)
    {
        Body.RunThread(group * Group.DimX + Group.IdxX);
        return 0;
    }

    public void Finish(int group, float sum) { }
}

/// <summary>A group for each block of 16 images; a thread does the work of several.</summary>
public readonly struct Block<TBody>(TBody body, int threads) : IGroupBody where TBody : struct, IThreadBody
{
    public readonly TBody Body = body;

    /// <summary>Threads that the block's work is made of.</summary>
    public readonly int Threads = threads;

    public bool Adds => false;

    public float Begin(int group)
    {
        for (int i = Group.IdxX; i < Threads; i += Group.DimX)
            Body.RunThread(group * Threads + i);
        return 0;
    }

    public void Finish(int group, float sum) { }
}

/// <summary>Two independent operations in one launch: the first groups do the one, the rest the other.</summary>
public readonly struct Together<TFirst, TSecond>(TFirst first, int firstGroups, TSecond second) : IGroupBody
    where TFirst : struct, IGroupBody where TSecond : struct, IGroupBody
{
    public readonly TFirst First = first;
    public readonly TSecond Second = second;
    public readonly int FirstGroups = firstGroups;

    public bool Adds => First.Adds || Second.Adds;

    public float Begin(int group) => group < FirstGroups ? First.Begin(group) : Second.Begin(group - FirstGroups);

    public void Finish(int group, float sum)
    {
        if (group < FirstGroups)
            First.Finish(group, sum);
        else
            Second.Finish(group - FirstGroups, sum);
    }
}

/// <summary>Two operations that add nothing in one launch, of which the second reads what the same group has written in the first.</summary>
public readonly struct InTurn<TFirst, TSecond>(TFirst first, TSecond second) : IGroupBody
    where TFirst : struct, IGroupBody where TSecond : struct, IGroupBody
{
    public readonly TFirst First = first;
    public readonly TSecond Second = second;

    public bool Adds => false;

    public float Begin(int group)
    {
        First.Begin(group);
        GroupBarrier.Wait();
        return Second.Begin(group);
    }

    public void Finish(int group, float sum) { }
}
