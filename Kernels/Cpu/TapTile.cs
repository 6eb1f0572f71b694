using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Secateurs.Kernels;

/// <summary>
/// The terms of a weight gradient's sums: images (blocks of 16), rows and columns of the output's gradient y, and what each meets in the
/// input x. Distances in floats.
/// </summary>
internal readonly unsafe struct TapNest(int blocks, int height, int width, float* x, nint xBlock, nint xRow, nint xColumn)
{
    public readonly int Blocks = blocks, Height = height, Width = width;

    /// <summary>What the first column of the first row meets by a tap that lies 0 floats away.</summary>
    public readonly float* X = x;
    public readonly nint XBlock = xBlock, XRow = xRow, XColumn = xColumn;

    /// <summary>The first filter's gradient; columns are 16 apart.</summary>
    public required float* Y { get; init; }
    public required nint YBlock { get; init; }
    public required nint YRow { get; init; }
    public required nint YFilter { get; init; }
}

/// <summary>
/// The SIMD tile of a weight gradient: Σ over images and positions of dy(k, p, q) x(t p, t q, tap) for up to 5 filters k and 5 taps at
/// once, 25 sums in registers, images in lanes. A tap is a distance in x: of a column, a row, a channel.
/// </summary>
/// <remarks>Missing taps repeat the last one, which is not stored. With 16 registers, 2 filters at a time.</remarks>
internal static unsafe class TapTile
{
    public const int Filters = 5, Taps = 5;

    /// <summary>Tiles that <paramref name="filters"/> filters are cut into.</summary>
    public static int Count(int filters) => (filters + Filters - 1) / Filters;

    /// <param name="nest">What is summed.</param>
    /// <param name="taps">Where each tap lies, in floats from the nest's x.</param>
    /// <param name="count">1 to 5 taps.</param>
    /// <param name="filters">1 to 5 filters.</param>
    /// <param name="sums">[filter][5].</param>
    public static void Compute<V>(in TapNest nest, nint* taps, int count, int filters, float* sums) where V : unmanaged, ISimd<V>
    {
        float* lanes = stackalloc float[Filters * Taps * Layout.Lanes];
        nint* all = stackalloc nint[Taps];
        for (int i = 0; i < Taps; i++)
            all[i] = taps[Math.Min(i, count - 1)];
        int height = V.ManyRegisters ? filters : 2;
        for (int f = 0; f < filters; f += height)
            for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
            {
                float* x = nest.X + lane, y = nest.Y + f * nest.YFilter + lane, target = lanes + f * Taps * Layout.Lanes + lane;
                switch (Math.Min(height, filters - f))
                {
                    case 5:
                        Sum<V, Five>(nest, x, y, all, target);
                        break;
                    case 4:
                        Sum<V, Four>(nest, x, y, all, target);
                        break;
                    case 3:
                        Sum<V, Three>(nest, x, y, all, target);
                        break;
                    case 2:
                        Sum<V, Two>(nest, x, y, all, target);
                        break;
                    case 1:
                        Sum<V, One>(nest, x, y, all, target);
                        break;
                }
            }
        AddLanes(lanes, filters * Taps, sums);
    }

    // H.Count is a constant to the JIT: filters that a tile lacks leave no code behind.
    private static void Sum<V, H>(in TapNest nest, float* x, float* y, nint* taps, float* lanes)
        where V : unmanaged, ISimd<V> where H : struct, ICount
    {
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero, a4 = V.Zero;
        V b0 = V.Zero, b1 = V.Zero, b2 = V.Zero, b3 = V.Zero, b4 = V.Zero;
        V c0 = V.Zero, c1 = V.Zero, c2 = V.Zero, c3 = V.Zero, c4 = V.Zero;
        V d0 = V.Zero, d1 = V.Zero, d2 = V.Zero, d3 = V.Zero, d4 = V.Zero;
        V e0 = V.Zero, e1 = V.Zero, e2 = V.Zero, e3 = V.Zero, e4 = V.Zero;
        nint t0 = taps[0], t1 = taps[1] - t0, t2 = taps[2] - t0, t3 = taps[3] - t0, t4 = taps[4] - t0;
        x += t0;
        nint yFilter = nest.YFilter, yFilter2 = 2 * yFilter, yFilter3 = 3 * yFilter, yFilter4 = 4 * yFilter, yRow = nest.YRow;
        nint xRow = nest.XRow, xColumn = nest.XColumn;
        for (int block = nest.Blocks; block > 0; block--, x += nest.XBlock, y += nest.YBlock)
        {
            float* xp = x, yp = y;
            for (int p = nest.Height; p > 0; p--, xp += xRow, yp += yRow)
            {
                float* xq = xp, yq = yp;
                for (int q = nest.Width; q > 0; q--, xq += xColumn, yq += Layout.Lanes)
                {
                    V x0 = V.Load(xq), x1 = V.Load(xq + t1), x2 = V.Load(xq + t2), x3 = V.Load(xq + t3), x4 = V.Load(xq + t4);
                    V g = V.Load(yq);
                    a0 = V.MultiplyAdd(g, x0, a0);
                    a1 = V.MultiplyAdd(g, x1, a1);
                    a2 = V.MultiplyAdd(g, x2, a2);
                    a3 = V.MultiplyAdd(g, x3, a3);
                    a4 = V.MultiplyAdd(g, x4, a4);
                    if (H.Count > 1)
                    {
                        g = V.Load(yq + yFilter);
                        b0 = V.MultiplyAdd(g, x0, b0);
                        b1 = V.MultiplyAdd(g, x1, b1);
                        b2 = V.MultiplyAdd(g, x2, b2);
                        b3 = V.MultiplyAdd(g, x3, b3);
                        b4 = V.MultiplyAdd(g, x4, b4);
                    }
                    if (H.Count > 2)
                    {
                        g = V.Load(yq + yFilter2);
                        c0 = V.MultiplyAdd(g, x0, c0);
                        c1 = V.MultiplyAdd(g, x1, c1);
                        c2 = V.MultiplyAdd(g, x2, c2);
                        c3 = V.MultiplyAdd(g, x3, c3);
                        c4 = V.MultiplyAdd(g, x4, c4);
                    }
                    if (H.Count > 3)
                    {
                        g = V.Load(yq + yFilter3);
                        d0 = V.MultiplyAdd(g, x0, d0);
                        d1 = V.MultiplyAdd(g, x1, d1);
                        d2 = V.MultiplyAdd(g, x2, d2);
                        d3 = V.MultiplyAdd(g, x3, d3);
                        d4 = V.MultiplyAdd(g, x4, d4);
                    }
                    if (H.Count > 4)
                    {
                        g = V.Load(yq + yFilter4);
                        e0 = V.MultiplyAdd(g, x0, e0);
                        e1 = V.MultiplyAdd(g, x1, e1);
                        e2 = V.MultiplyAdd(g, x2, e2);
                        e3 = V.MultiplyAdd(g, x3, e3);
                        e4 = V.MultiplyAdd(g, x4, e4);
                    }
                }
            }
        }
        Store(a0, a1, a2, a3, a4, lanes);
        if (H.Count > 1)
            Store(b0, b1, b2, b3, b4, lanes + Taps * Layout.Lanes);
        if (H.Count > 2)
            Store(c0, c1, c2, c3, c4, lanes + 2 * Taps * Layout.Lanes);
        if (H.Count > 3)
            Store(d0, d1, d2, d3, d4, lanes + 3 * Taps * Layout.Lanes);
        if (H.Count > 4)
            Store(e0, e1, e2, e3, e4, lanes + 4 * Taps * Layout.Lanes);
    }

    // Inlined, since a call would make the register allocator keep the sums in memory through the loops above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<V>(V v0, V v1, V v2, V v3, V v4, float* lanes) where V : unmanaged, ISimd<V>
    {
        V.Store(v0, lanes);
        V.Store(v1, lanes + Layout.Lanes);
        V.Store(v2, lanes + 2 * Layout.Lanes);
        V.Store(v3, lanes + 3 * Layout.Lanes);
        V.Store(v4, lanes + 4 * Layout.Lanes);
    }

    /// <summary>16 lanes to one value, in the same order for every vector width.</summary>
    internal static float AddLanes(float* lanes) => Vector128.Sum(Fold(lanes));

    /// <summary>
    /// The same for several that lie one behind the other, with the same bits; four at a time where the processor can turn a square.
    /// </summary>
    internal static void AddLanes(float* lanes, int count, float* sums)
    {
        int i = 0;
        for (; Sse.IsSupported && i + 4 <= count; i += 4, lanes += 4 * Layout.Lanes)
        {
            var (a, b, c, d) = (Fold(lanes), Fold(lanes + Layout.Lanes), Fold(lanes + 2 * Layout.Lanes), Fold(lanes + 3 * Layout.Lanes));
            var (ab, cd) = (Sse.UnpackLow(a, b), Sse.UnpackLow(c, d));
            var low = Sse.MoveLowToHigh(ab, cd) + Sse.MoveHighToLow(cd, ab);
            (ab, cd) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));
            (low + (Sse.MoveLowToHigh(ab, cd) + Sse.MoveHighToLow(cd, ab))).Store(sums + i);
        }
        for (; i < count; i++, lanes += Layout.Lanes)
            sums[i] = AddLanes(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(float* lanes) =>
        Vector128.Load(lanes) + Vector128.Load(lanes + 8) + (Vector128.Load(lanes + 4) + Vector128.Load(lanes + 12));

    private readonly struct Five : ICount { public static int Count => 5; }
    private readonly struct Four : ICount { public static int Count => 4; }
    private readonly struct Three : ICount { public static int Count => 3; }
    private readonly struct Two : ICount { public static int Count => 2; }
    private readonly struct One : ICount { public static int Count => 1; }
}
