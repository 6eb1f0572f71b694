using ILGPU;

namespace Kernels;

/// <summary>
/// An operation's arguments with its body for GPUs, for operations that are cut into tiles of a few sums each. Several threads share a
/// tile, each adds some of the terms, and what they have is added in a fixed order, so that a sum repeats bit for bit.
/// </summary>
public interface ITileBody
{
    /// <summary>Sums of a tile; a constant.</summary>
    int Sums { get; }

    /// <summary>Adds every <paramref name="threads"/>-th term of each sum, from term <paramref name="thread"/> on.</summary>
    /// <param name="tile">Number of the tile within the operation.</param>
    /// <param name="thread">Number of the thread within the tile.</param>
    /// <param name="threads">Threads of the tile.</param>
    /// <param name="sums">Takes the thread's part of each.</param>
    void Add(int tile, int thread, int threads, TileSums sums);

    /// <summary>Takes every <paramref name="threads"/>-th finished sum, from sum <paramref name="thread"/> on.</summary>
    void Finish(int tile, int thread, int threads, TileSums sums);
}

/// <summary>The sums of a tile: where a thread puts its part of each, and what the parts come to.</summary>
public readonly struct TileSums(ArrayView<float> memory, int start, int sumPitch, int parts, int partPitch)
{
    public void Set(int sum, float part) => memory[start + sum * sumPitch] = part;

    /// <summary>Four sums in a row.</summary>
    public void Set(int sum, Quad part)
    {
        Set(sum, part.X);
        Set(sum + 1, part.Y);
        Set(sum + 2, part.Z);
        Set(sum + 3, part.W);
    }

    /// <summary>The parts of a sum, added one after the other.</summary>
    public float Get(int sum)
    {
        float total = 0;
        int first = start + sum * sumPitch, end = first + parts * partPitch;
        for (int i = first; i < end; i += partPitch)
            total += memory[i];
        return total;
    }
}

/// <summary>
/// A group works on <see cref="AtOnce"/> tiles at once, in three rounds: its threads add terms; where there are threads to spare, some
/// of them add the parts of a sum; one thread for each sum adds the rest.
/// </summary>
/// <remarks>
/// Neighbouring threads have neighbouring tiles and the same terms. Shared memory holds [sum][thread of a tile][tile], and one float more
/// for each sum, to spread the sums over its banks.
/// </remarks>
public readonly struct Tiles<TBody>(TBody body, int total, int perGroup, int atOnce) : IGroupBody where TBody : struct, ITileBody
{
    public readonly TBody Body = body;

    /// <summary>Tiles of the operation, of a group, and those that a group's threads do at once.</summary>
    public readonly int Total = total, PerGroup = perGroup, AtOnce = atOnce;

    private const int RoundsAtOnce = 3;

    /// <summary>Threads that add the parts of one sum.</summary>
    private const int MostHelpers = 16;

    public int Rounds => (PerGroup + AtOnce - 1) / AtOnce * RoundsAtOnce;

    public void Run(int group, int round, ArrayView<float> memory)
    {
        int step = round % RoundsAtOnce, first = round / RoundsAtOnce * AtOnce, start = group * PerGroup + first;
        int tiles = IntrinsicMath.Min(IntrinsicMath.Min(AtOnce, PerGroup - first), Total - start);
        int tile = Group.IdxX % AtOnce, thread = Group.IdxX / AtOnce, threads = Group.DimX / AtOnce, pitch = Group.DimX + 1;
        int helpers = IntrinsicMath.Clamp(threads / Body.Sums, 1, MostHelpers);
        // A group that is no multiple of its tiles leaves threads over.
        if (tile >= tiles || thread >= threads)
            return;
        if (step == 0)
            Body.Add(start + tile, thread, threads, new TileSums(memory, Group.IdxX, pitch, 1, 0));
        else if (step == 2)
            Body.Finish(start + tile, thread, threads, new TileSums(memory, tile, pitch, helpers > 1 ? helpers : threads, AtOnce));
        else if (helpers > 1 && thread < helpers * Body.Sums)
        {
            int sum = thread % Body.Sums, helper = thread / Body.Sums, parts = (threads - helper + helpers - 1) / helpers;
            var some = new TileSums(memory, tile + helper * AtOnce, pitch, parts, helpers * AtOnce);
            some.Set(sum, some.Get(sum));
        }
    }
}
