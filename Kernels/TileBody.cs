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

    /// <summary>Adds every <paramref name="threads"/>-th term of each sum, from <paramref name="thread"/> on.</summary>
    /// <param name="tile">Number of the tile within the operation.</param>
    /// <param name="thread">Number of the thread within the tile.</param>
    /// <param name="threads">Threads of the tile.</param>
    /// <param name="sums">Takes the results.</param>
    void Add(int tile, int thread, int threads, TileSums sums);

    /// <summary>Takes a finished sum; those of neighbouring tiles come to neighbouring threads.</summary>
    void Finish(int tile, int sum, float value);
}

/// <summary>A thread's place for its part of each sum of a tile.</summary>
public readonly struct TileSums(ArrayView<float> shared, int start, int pitch)
{
    public void Set(int sum, float value) => shared[start + sum * pitch] = value;

    /// <summary>Four sums in a row.</summary>
    public void Set(int sum, float value0, float value1, float value2, float value3)
    {
        Set(sum, value0);
        Set(sum + 1, value1);
        Set(sum + 2, value2);
        Set(sum + 3, value3);
    }
}

/// <summary>
/// A group works on <see cref="AtOnce"/> tiles at once, in three rounds: its threads add terms; where there are threads to spare, some
/// of them add the parts of a sum; one thread for each sum adds the rest. Shared memory holds [sum][tile][thread + 1], the one more to
/// spread neighbouring tiles over its banks.
/// </summary>
public readonly struct Tiles<TBody>(TBody body, int total, int perGroup, int atOnce) : IGroupBody where TBody : struct, ITileBody
{
    public readonly TBody Body = body;

    /// <summary>Tiles of the operation, of a group, and those that a group's threads do at once.</summary>
    public readonly int Total = total, PerGroup = perGroup, AtOnce = atOnce;

    private const int RoundsAtOnce = 3;

    public int Rounds => (PerGroup + AtOnce - 1) / AtOnce * RoundsAtOnce;

    public void Run(int group, int round, ArrayView<float> memory)
    {
        int first = round / RoundsAtOnce * AtOnce, step = round % RoundsAtOnce, start = group * PerGroup + first;
        int tiles = IntrinsicMath.Min(IntrinsicMath.Min(AtOnce, PerGroup - first), Total - start), threads = Group.DimX / AtOnce;
        int tilePitch = threads + 1, pitch = AtOnce * tilePitch;
        if (step == 0)
        {
            int tile = Group.IdxX / threads, thread = Group.IdxX % threads;
            if (tile < tiles)
                Body.Add(start + tile, thread, threads, new TileSums(memory, tile * tilePitch + thread, pitch));
            return;
        }
        int sums = Body.Sums * AtOnce, parts = IntrinsicMath.Min(Group.DimX / sums, threads);
        if (step == 1)
        {
            int sum = Group.IdxX % sums, part = Group.IdxX / sums;
            if (part < parts)
            {
                int at = sum / AtOnce * pitch + sum % AtOnce * tilePitch;
                memory[at + part] = Strided(memory, at + part, at + threads, parts);
            }
            return;
        }
        for (int sum = Group.IdxX; sum < sums; sum += Group.DimX)
        {
            int at = sum / AtOnce * pitch + sum % AtOnce * tilePitch;
            if (sum % AtOnce < tiles)
                Body.Finish(start + sum % AtOnce, sum / AtOnce, Strided(memory, at, at + (parts > 0 ? parts : threads), 1));
        }
    }

    private static float Strided(ArrayView<float> values, int first, int end, int stride)
    {
        float sum = 0;
        for (int i = first; i < end; i += stride)
            sum += values[i];
        return sum;
    }
}
