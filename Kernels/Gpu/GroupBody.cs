using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// An operation's work for one group of GPU threads, in rounds: when a round begins, all threads of the group have ended the one before and
/// see what it wrote. The barrier between is the kernel's, in one place for all bodies that share it: a barrier inside a branch, though
/// all threads of the group take it, hangs PoCL.
/// </summary>
internal interface IGroupBody
{
    /// <summary>How many; the same for all groups. A number that the host has found: it is asked for in every round.</summary>
    int Rounds { get; }

    /// <summary>Floats of shared memory that a group needs, at least one; a constant.</summary>
    int SharedFloats { get; }

    /// <summary>A thread's work in a round.</summary>
    /// <param name="group">Number of the group within the operation.</param>
    /// <param name="round">From 0.</param>
    /// <param name="memory">The group's <see cref="SharedFloats"/> floats; what they hold before round 0 is undefined.</param>
    void Run(int group, int round, ArrayView<float> memory);
}

/// <summary>An operation's arguments with its body for GPUs, for operations whose threads know nothing of each other.</summary>
internal interface IThreadBody
{
    /// <summary>What thread <paramref name="index"/> does; the last group has threads past the end, which must do nothing.</summary>
    void RunThread(int index);
}

/// <summary>Groups that only divide independent threads.</summary>
internal readonly struct Threads<TBody>(TBody body) : IGroupBody where TBody : struct, IThreadBody
{
    public readonly TBody Body = body;

    public int Rounds => 1;

    public int SharedFloats => 1;

    public void Run(int group, int round, ArrayView<float> memory) => Body.RunThread(group * Group.DimX + Group.IdxX);
}

/// <summary>A group for each four images; a thread does the work of several.</summary>
internal readonly struct FourImages<TBody>(TBody body, int threads) : IGroupBody where TBody : struct, IThreadBody
{
    public readonly TBody Body = body;

    /// <summary>Threads that the work of four images is made of.</summary>
    public readonly int Threads = threads;

    public int Rounds => 1;

    public int SharedFloats => 1;

    public void Run(int group, int round, ArrayView<float> memory)
    {
        int block = group / Quad.PerBlock, quad = group % Quad.PerBlock;
        for (int i = Group.IdxX; i < Threads; i += Group.DimX)
            Body.RunThread(block * Quad.PerBlock * Threads + i / Quad.Images * Layout.Lanes + quad * Quad.Images + i % Quad.Images);
    }
}

/// <summary>Two independent operations in one launch: the first groups do the one, the rest the other.</summary>
internal readonly struct Together<TFirst, TSecond>(TFirst first, int firstGroups, TSecond second) : IGroupBody
    where TFirst : struct, IGroupBody where TSecond : struct, IGroupBody
{
    public readonly TFirst First = first;
    public readonly TSecond Second = second;
    public readonly int FirstGroups = firstGroups;

    public int Rounds { get; } = Math.Max(first.Rounds, second.Rounds);

    public int SharedFloats => IntrinsicMath.Max(First.SharedFloats, Second.SharedFloats);

    public void Run(int group, int round, ArrayView<float> memory)
    {
        if (group < FirstGroups)
        {
            if (round < First.Rounds)
                First.Run(group, round, memory);
        }
        else if (round < Second.Rounds)
            Second.Run(group - FirstGroups, round, memory);
    }
}

/// <summary>Two operations in one launch, of which the second reads what the same group has written in the first.</summary>
internal readonly struct InTurn<TFirst, TSecond>(TFirst first, TSecond second) : IGroupBody
    where TFirst : struct, IGroupBody where TSecond : struct, IGroupBody
{
    public readonly TFirst First = first;
    public readonly TSecond Second = second;

    public int Rounds { get; } = first.Rounds + second.Rounds;

    public int SharedFloats => IntrinsicMath.Max(First.SharedFloats, Second.SharedFloats);

    public void Run(int group, int round, ArrayView<float> memory)
    {
        if (round < First.Rounds)
            First.Run(group, round, memory);
        else
            Second.Run(group, round - First.Rounds, memory);
    }
}
