using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// An operation's arguments with its body for GPUs, for operations that are cut into tiles of a few sums each. Several threads share a
/// tile, each adds some of the terms, and what they have is added in a fixed order, so that a sum repeats bit for bit.
/// </summary>
internal interface ITileBody
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
/// <param name="memory">The group's.</param>
/// <param name="start">First part of the first sum.</param>
/// <param name="sumPitch">From a sum to the next.</param>
/// <param name="parts">How many parts there are from the first on.</param>
/// <param name="partStep">Every so many-th of them is added.</param>
/// <param name="partPitch">From one added part to the next.</param>
internal readonly struct TileSums(ArrayView<float> memory, int start, int sumPitch, int parts, int partStep, int partPitch)
{
    /// <summary>Bits of a number of threads, at most.</summary>
    private const int ThreadBits = 16;

    /// <summary>
    /// Zero, which ILGPU does not know. What is computed of arguments in front of a loop its O2 computes in each turn anew, divisions
    /// included, unless it moves: so what a body's long loops need is counted on there, be it by this.
    /// </summary>
    public static int Still => Group.DimX >> ThreadBits;

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
        int at = start + sum * sumPitch, left = parts;
        // Four loads are under way at once.
        for (; left > 3 * partStep; left -= 4 * partStep)
        {
            float a = memory[at], b = memory[at + partPitch], c = memory[at + 2 * partPitch], d = memory[at + 3 * partPitch];
            total = total + a + b + c + d;
            at += 4 * partPitch;
        }
        for (; left > 0; left -= partStep)
        {
            total += memory[at];
            at += partPitch;
        }
        return total;
    }

    /// <summary>Four sums in a row.</summary>
    public Quad GetQuad(int sum)
    {
        Quad total = default;
        int at = start + sum * sumPitch;
        for (int left = parts; left > 0; left -= partStep)
        {
            total += new Quad(memory[at], memory[at + sumPitch], memory[at + 2 * sumPitch], memory[at + 3 * sumPitch]);
            at += partPitch;
        }
        return total;
    }
}

/// <summary>
/// A group works on several tiles at once, in three rounds: its threads add terms; where there are threads to spare, some
/// of them add the parts of a sum; one thread for each sum adds the rest.
/// </summary>
/// <remarks>
/// Neighbouring threads have neighbouring tiles and the same terms. Shared memory holds [sum][thread of a tile][tile], and as much more
/// for each sum as spreads the sums over its 32 banks. What threads divide by is a power of two.
/// </remarks>
/// <param name="body">Arguments.</param>
/// <param name="total">Tiles of the operation.</param>
/// <param name="perGroup">Tiles of a group.</param>
/// <param name="atOnceBits">2^bits tiles are done at once.</param>
/// <param name="apartBits">2^bits groups share a run of tiles, which they take in turn; 0: a group's tiles are neighbours.</param>
internal readonly struct Tiles<TBody>(
    TBody body, int total, int perGroup, int atOnceBits, int apartBits) : IGroupBody where TBody : struct, ITileBody
{
    // Before the body: behind it, ILGPU 1.5.3 takes the arguments of two operations for one type, see PtxTests.
    public readonly int Total = total, PerGroup = perGroup, AtOnceBits = atOnceBits, ApartBits = apartBits;

    public int Rounds { get; } = (perGroup + (1 << atOnceBits) - 1 >> atOnceBits) * RoundsAtOnce;

    public readonly TBody Body = body;

    private const int RoundsAtOnce = 3;

    public int SharedFloats => Body.Sums * Launch.MostPitch;

    /// <summary>Floats of shared memory that a sum takes.</summary>
    public int Pitch(int threads) => threads + (1 << AtOnceBits) % Banks;

    private const int Banks = 32;

    public void Run(int group, int round, ArrayView<float> memory)
    {
        int atOnce = 1 << AtOnceBits, step = round % RoundsAtOnce, first = round / RoundsAtOnce << AtOnceBits;
        int start = (group >> ApartBits) * (PerGroup << ApartBits) + (group & (1 << ApartBits) - 1);
        int own = Group.IdxX & atOnce - 1, thread = Group.IdxX >> AtOnceBits, threads = Group.DimX >> AtOnceBits, pitch = Pitch(Group.DimX);
        int helpers = IntrinsicMath.Clamp(threads / Body.Sums, 1, Tuning.SumHelpers), tile = start + (first + own << ApartBits);
        // A group that is no multiple of its tiles leaves threads over.
        if (first + own >= PerGroup || tile >= Total || thread >= threads)
            return;
        if (step == 0)
            Body.Add(tile, thread, threads, new TileSums(memory, Group.IdxX, pitch, 1, 1, 0));
        else if (step == 2)
            Body.Finish(tile, thread, threads, new TileSums(memory, own, pitch, helpers > 1 ? helpers : threads, 1, atOnce));
        else if (helpers > 1 && thread < helpers * Body.Sums)
        {
            int sum = thread % Body.Sums, helper = thread / Body.Sums;
            var some = new TileSums(memory, own + (helper << AtOnceBits), pitch, threads - helper, helpers, helpers << AtOnceBits);
            some.Set(sum, some.Get(sum));
        }
    }
}
