using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Secateurs.Kernels;

/// <summary>A count, and how many floats further each operand is in the next turn.</summary>
internal readonly struct Loop(int count, nint x, nint w)
{
    public readonly int Count = count;
    public readonly nint X = x, W = w;

    public static Loop Once => new(1, 0, 0);
}

/// <summary>
/// The innermost loops of every contraction: three nested counts, with the step of both operands for each. A row of a dense layer is
/// one loop, a filter three (C, R, S), a filter's backward pass three with negative steps.
/// </summary>
internal readonly unsafe struct LoopNest(Loop outer, Loop middle, Loop inner)
{
    public readonly Loop Outer = outer, Middle = middle, Inner = inner;

    /// <summary>One loop.</summary>
    public LoopNest(int count, nint xStep, nint wStep) : this(Loop.Once, Loop.Once, new(count, xStep, wStep)) { }

    /// <summary>
    /// One loop that leaves out what lies between <paramref name="count"/> runs. Every 16 terms w goes <paramref name="wBlock"/> floats
    /// further than its steps; a run then ends at the latest where 16 do.
    /// </summary>
    public LoopNest(Run* runs, int count, nint xStep, nint wStep, nint wBlock = 0)
        : this(new(count, 0, wBlock), Loop.Once, new(0, xStep, wStep)) => Runs = runs;

    /// <summary>The parts, or null: all.</summary>
    public readonly Run* Runs = null;
}

/// <summary>What happens to a finished sum before it is stored: null and false leave it as it is.</summary>
/// <param name="bias">Added: one value per row.</param>
/// <param name="gate">ReLU's derivative: where this activation, laid out as the output, is not positive the result is 0.</param>
/// <param name="relu">max(0, sum).</param>
internal readonly unsafe struct Epilogue(float* bias, float* gate, bool relu)
{
    public readonly float* Bias = bias, Gate = gate;
    public readonly bool Relu = relu;

    /// <summary>The same for the rows from <paramref name="row"/> and the outputs from <paramref name="offset"/> on.</summary>
    public Epilogue At(int row, nint offset) => new(Bias is null ? null : Bias + row, Gate is null ? null : Gate + offset, Relu);
}

/// <summary>Lanes of a tile's input: <paramref name="second"/> floats on lie others.</summary>
internal readonly unsafe struct TileInput(float* first, nint second)
{
    public readonly float* First = first;
    public readonly nint Second = second;
}

/// <summary>Coefficients: the first row's first one, and how many floats on the next row's lies.</summary>
internal readonly unsafe struct TileWeights(float* first, nint row)
{
    public readonly float* First = first;
    public readonly nint Row = row;

    /// <summary>The same from a row on.</summary>
    public TileWeights At(int row) => new(First + row * Row, Row);
}

/// <summary>Lanes of a tile's output: the first row's, how many floats on its second ones lie, and how many the next row's.</summary>
internal readonly unsafe struct TileOutput(float* first, nint second, nint row)
{
    public readonly float* First = first;
    public readonly nint Second = second, Row = row;
}

/// <summary>A count that is a constant to the JIT.</summary>
internal interface ICount
{
    static abstract int Count { get; }
}

/// <summary>
/// The SIMD tile that all matrix-like work of the CPU accelerator goes through: y[row][lane] = sum over the nest of w[row] x[lane], for up
/// to 8 rows and 2 vectors of lanes, with all sums in registers.
/// </summary>
/// <remarks>
/// Sums run in the order of the nest, so results depend neither on the number of workers nor on the vector width.
/// Measured alone on one AVX-512 core: 200 of 224 GFLOP/s peak at 8 rows, 175 at 4.
/// </remarks>
internal static unsafe class Tile
{
    /// <summary>Rows of one tile; a worker's unit of work.</summary>
    public const int Rows = 8;

    /// <summary>
    /// Computes <paramref name="rows"/> (at most 8) rows for one or two groups of 16 lanes.
    /// </summary>
    /// <param name="rows">1 to 8.</param>
    /// <param name="groups">1 or 2.</param>
    /// <param name="x">Of both groups.</param>
    /// <param name="w">Of all rows.</param>
    /// <param name="y">Of both groups.</param>
    /// <param name="nest">The sum's extent.</param>
    /// <param name="epilogue">Applied before storing.</param>
    public static void Compute<V>(
        int rows, int groups, in TileInput x, in TileWeights w, in TileOutput y, in LoopNest nest, in Epilogue epilogue)
        where V : unmanaged, ISimd<V>
    {
        for (int row = 0; row < rows;)
        {
            int left = rows - row;
            int height = left >= 8 && V.ManyRegisters ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
            nint down = row * y.Row;
            if (V.Width == Layout.Lanes)
            {
                var output = new TileOutput(y.First + down, y.Second, y.Row);
                if (groups == 2)
                    Dispatch<V, Two>(height, x, w.At(row), output, nest, epilogue.At(row, down));
                else
                    Dispatch<V, One>(height, x, w.At(row), output, nest, epilogue.At(row, down));
            }
            else
            {
                for (int group = 0; group < groups; group++)
                    for (int lane = 0; lane < Layout.Lanes; lane += 2 * V.Width)
                    {
                        nint offset = down + group * y.Second + lane;
                        Dispatch<V, Two>(
                            height, new(x.First + group * x.Second + lane, V.Width), w.At(row), new(y.First + offset, V.Width, y.Row), nest,
                            epilogue.At(row, offset));
                    }
            }
            row += height;
        }
    }

    private static void Dispatch<V, G>(
        int height, in TileInput x, in TileWeights w, in TileOutput y, in LoopNest nest, in Epilogue epilogue)
        where V : unmanaged, ISimd<V> where G : struct, ICount
    {
        if (height == 8)
            Compute<V, Eight, G>(x, w, y, nest, epilogue);
        else if (height == 4)
            Compute<V, Four, G>(x, w, y, nest, epilogue);
        else if (height == 2)
            Compute<V, Two, G>(x, w, y, nest, epilogue);
        else
            Compute<V, One, G>(x, w, y, nest, epilogue);
    }

    // H.Count and G.Count, rows and vectors of lanes, are constants to the JIT: what a tile lacks leaves no code behind. Operands are
    // copied to registers first.
    private static void Compute<V, H, G>(
        in TileInput input, in TileWeights weights, in TileOutput output, in LoopNest nest, in Epilogue epilogue)
        where V : unmanaged, ISimd<V> where H : struct, ICount where G : struct, ICount
    {
        float* x = input.First, w = weights.First, y = output.First;
        nint x2 = input.Second, wRow = weights.Row, y2 = output.Second, yRow = output.Row;
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero, a4 = V.Zero, a5 = V.Zero, a6 = V.Zero, a7 = V.Zero;
        if (epilogue.Bias is not null)
        {
            var bias = epilogue.Bias;
            a0 = V.Broadcast(bias[0]);
            if (H.Count >= 2)
                a1 = V.Broadcast(bias[1]);
            if (H.Count >= 4)
                (a2, a3) = (V.Broadcast(bias[2]), V.Broadcast(bias[3]));
            if (H.Count == 8)
                (a4, a5, a6, a7) = (V.Broadcast(bias[4]), V.Broadcast(bias[5]), V.Broadcast(bias[6]), V.Broadcast(bias[7]));
        }
        V b0 = a0, b1 = a1, b2 = a2, b3 = a3, b4 = a4, b5 = a5, b6 = a6, b7 = a7;
        nint wRow2 = 2 * wRow, wRow3 = 3 * wRow, wRow4 = 4 * wRow;
        // A backward pass asks for coefficients ahead: they lie a row of weights apart, which no processor foresees.
        nint xInner = nest.Inner.X, wInner = nest.Inner.W, ahead = Tuning.CoefficientsAhead * wInner;
        int inner = nest.Inner.Count;
        var run = nest.Runs;
        for (int i = nest.Outer.Count; i > 0; i--)
        {
            float* xm = x, wm = w;
            if (run is null)
            {
                x += nest.Outer.X;
                w += nest.Outer.W;
            }
            else
            {
                xm += run->First * xInner;
                wm += run->First * wInner + run->First / Layout.Lanes * nest.Outer.W;
                inner = run->Count;
                run++;
            }
            for (int j = nest.Middle.Count; j > 0; j--, xm += nest.Middle.X, wm += nest.Middle.W)
            {
                float* xi = xm, wi = wm;
                for (int k = inner; k > 0; k--, xi += xInner, wi += wInner)
                {
                    if (Sse.IsSupported && H.Count == 8)
                        Sse.Prefetch0(wi + ahead);
                    V u = V.Load(xi), v = G.Count == 2 ? V.Load(xi + x2) : u, c = V.Broadcast(wi[0]);
                    a0 = V.MultiplyAdd(c, u, a0);
                    if (G.Count == 2)
                        b0 = V.MultiplyAdd(c, v, b0);
                    if (H.Count >= 2)
                    {
                        c = V.Broadcast(wi[wRow]);
                        a1 = V.MultiplyAdd(c, u, a1);
                        if (G.Count == 2)
                            b1 = V.MultiplyAdd(c, v, b1);
                    }
                    if (H.Count >= 4)
                    {
                        c = V.Broadcast(wi[wRow2]);
                        a2 = V.MultiplyAdd(c, u, a2);
                        if (G.Count == 2)
                            b2 = V.MultiplyAdd(c, v, b2);
                        c = V.Broadcast(wi[wRow3]);
                        a3 = V.MultiplyAdd(c, u, a3);
                        if (G.Count == 2)
                            b3 = V.MultiplyAdd(c, v, b3);
                    }
                    if (H.Count == 8)
                    {
                        var wh = wi + wRow4;
                        c = V.Broadcast(wh[0]);
                        a4 = V.MultiplyAdd(c, u, a4);
                        if (G.Count == 2)
                            b4 = V.MultiplyAdd(c, v, b4);
                        c = V.Broadcast(wh[wRow]);
                        a5 = V.MultiplyAdd(c, u, a5);
                        if (G.Count == 2)
                            b5 = V.MultiplyAdd(c, v, b5);
                        c = V.Broadcast(wh[wRow2]);
                        a6 = V.MultiplyAdd(c, u, a6);
                        if (G.Count == 2)
                            b6 = V.MultiplyAdd(c, v, b6);
                        c = V.Broadcast(wh[wRow3]);
                        a7 = V.MultiplyAdd(c, u, a7);
                        if (G.Count == 2)
                            b7 = V.MultiplyAdd(c, v, b7);
                    }
                }
            }
        }
        Store<V, G>(a0, b0, y, y2, 0, epilogue);
        if (H.Count >= 2)
            Store<V, G>(a1, b1, y, y2, yRow, epilogue);
        if (H.Count >= 4)
        {
            Store<V, G>(a2, b2, y, y2, 2 * yRow, epilogue);
            Store<V, G>(a3, b3, y, y2, 3 * yRow, epilogue);
        }
        if (H.Count == 8)
        {
            Store<V, G>(a4, b4, y, y2, 4 * yRow, epilogue);
            Store<V, G>(a5, b5, y, y2, 5 * yRow, epilogue);
            Store<V, G>(a6, b6, y, y2, 6 * yRow, epilogue);
            Store<V, G>(a7, b7, y, y2, 7 * yRow, epilogue);
        }
    }

    // Inlined, since a call would make the register allocator keep the sums in memory through the loops above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<V, G>(V a, V b, float* y, nint y2, nint offset, in Epilogue epilogue)
        where V : unmanaged, ISimd<V> where G : struct, ICount
    {
        if (epilogue.Relu)
        {
            a = V.Max(V.Zero, a);
            if (G.Count == 2)
                b = V.Max(V.Zero, b);
        }
        if (epilogue.Gate is not null)
        {
            a = V.WherePositive(V.Load(epilogue.Gate + offset), a);
            if (G.Count == 2)
                b = V.WherePositive(V.Load(epilogue.Gate + offset + y2), b);
        }
        V.Store(a, y + offset);
        if (G.Count == 2)
            V.Store(b, y + offset + y2);
    }

    private readonly struct Eight : ICount { public static int Count => 8; }
    private readonly struct Four : ICount { public static int Count => 4; }
    private readonly struct Two : ICount { public static int Count => 2; }
    private readonly struct One : ICount { public static int Count => 1; }
}
