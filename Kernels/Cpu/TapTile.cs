using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Secateurs.Kernels;

/// <summary>
/// The SIMD tile of a convolution's weight gradient: Σ over images and positions of dy(k, p, q) x(c, t p + r, t q + s) for up to 5 filters
/// k and 5 neighbouring taps s at once, 25 sums in registers, images in lanes.
/// </summary>
/// <remarks>Missing taps repeat the last one, which is not stored. With 16 registers, 2 filters at a time.</remarks>
internal static unsafe class TapTile
{
    public const int Filters = 5, Taps = 5;

    /// <summary>Tiles that <paramref name="filters"/> filters are cut into.</summary>
    public static int Count(int filters) => (filters + Filters - 1) / Filters;

    /// <param name="x">Input, its border counted as image.</param>
    /// <param name="dOutput">Gradient of the output.</param>
    /// <param name="shape">Stride and inset of the convolution.</param>
    /// <param name="channel">c.</param>
    /// <param name="r">Row of the filter.</param>
    /// <param name="s">First column of the filter.</param>
    /// <param name="taps">1 to 5 columns.</param>
    /// <param name="filter">First filter.</param>
    /// <param name="filters">1 to 5 filters.</param>
    /// <param name="gradient">Result for (filter, s): filters are <paramref name="pitch"/> floats apart.</param>
    /// <param name="pitch">See <paramref name="gradient"/>.</param>
    public static void Compute<V>(
        in Tensor x, in Tensor dOutput, in FilterShape shape, int channel, int r, int s, int taps, int filter, int filters, float* gradient,
        int pitch)
        where V : unmanaged, ISimd<V>
    {
        TensorShape xs = x.Shape, ys = dOutput.Shape;
        float* lanes = stackalloc float[Filters * Taps * Layout.Lanes];
        var xStart = x.Pointer + shape.Origin(xs) + channel * xs.ChannelStride + r * xs.RowStride + s * Layout.Lanes;
        var yStart = dOutput.Pointer + ys.Offset(filter, 0, 0);
        nint t1 = Math.Min(1, taps - 1) * Layout.Lanes, t2 = Math.Min(2, taps - 1) * Layout.Lanes;
        nint t3 = Math.Min(3, taps - 1) * Layout.Lanes, t4 = Math.Min(4, taps - 1) * Layout.Lanes;
        int height = V.ManyRegisters ? filters : 2;
        for (int f = 0; f < filters; f += height)
            for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                Dispatch<V>(
                    Math.Min(height, filters - f), xStart + lane, xs.BlockStride, shape.Stride * xs.RowStride,
                    shape.Stride * Layout.Lanes, t1, t2, t3, t4,
                    yStart + f * ys.ChannelStride + lane, ys.BlockStride, ys.RowStride, ys.ChannelStride, x.Blocks, ys.Height, ys.Width,
                    lanes + f * Taps * Layout.Lanes + lane);
        float* sums = stackalloc float[Filters * Taps];
        AddLanes(lanes, filters * Taps, sums);
        for (int f = 0; f < filters; f++)
            for (int t = 0; t < taps; t++)
                gradient[f * pitch + t] = sums[f * Taps + t];
    }

    private static void Dispatch<V>(
        int filters, float* x, nint xBlock, nint xRow, nint xColumn, nint t1, nint t2, nint t3, nint t4, float* y, nint yBlock, nint yRow,
        nint yFilter, int blocks, int height, int width, float* lanes) where V : unmanaged, ISimd<V>
    {
        switch (filters)
        {
            case 5:
                Sum<V, Five>(x, xBlock, xRow, xColumn, t1, t2, t3, t4, y, yBlock, yRow, yFilter, blocks, height, width, lanes);
                break;
            case 4:
                Sum<V, Four>(x, xBlock, xRow, xColumn, t1, t2, t3, t4, y, yBlock, yRow, yFilter, blocks, height, width, lanes);
                break;
            case 3:
                Sum<V, Three>(x, xBlock, xRow, xColumn, t1, t2, t3, t4, y, yBlock, yRow, yFilter, blocks, height, width, lanes);
                break;
            case 2:
                Sum<V, Two>(x, xBlock, xRow, xColumn, t1, t2, t3, t4, y, yBlock, yRow, yFilter, blocks, height, width, lanes);
                break;
            case 1:
                Sum<V, One>(x, xBlock, xRow, xColumn, t1, t2, t3, t4, y, yBlock, yRow, yFilter, blocks, height, width, lanes);
                break;
        }
    }

    // H.Count is a constant to the JIT: filters that a tile lacks leave no code behind.
    private static void Sum<V, H>(
        float* x, nint xBlock, nint xRow, nint xColumn, nint t1, nint t2, nint t3, nint t4, float* y, nint yBlock, nint yRow, nint yFilter,
        int blocks, int height, int width, float* lanes) where V : unmanaged, ISimd<V> where H : struct, IRows
    {
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero, a4 = V.Zero;
        V b0 = V.Zero, b1 = V.Zero, b2 = V.Zero, b3 = V.Zero, b4 = V.Zero;
        V c0 = V.Zero, c1 = V.Zero, c2 = V.Zero, c3 = V.Zero, c4 = V.Zero;
        V d0 = V.Zero, d1 = V.Zero, d2 = V.Zero, d3 = V.Zero, d4 = V.Zero;
        V e0 = V.Zero, e1 = V.Zero, e2 = V.Zero, e3 = V.Zero, e4 = V.Zero;
        nint yFilter2 = 2 * yFilter, yFilter3 = 3 * yFilter, yFilter4 = 4 * yFilter;
        for (int block = 0; block < blocks; block++, x += xBlock, y += yBlock)
        {
            float* xp = x, yp = y;
            for (int p = height; p > 0; p--, xp += xRow, yp += yRow)
            {
                float* xq = xp, yq = yp;
                for (int q = width; q > 0; q--, xq += xColumn, yq += Layout.Lanes)
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

    private readonly struct Five : IRows { public static int Count => 5; }
    private readonly struct Four : IRows { public static int Count => 4; }
    private readonly struct Three : IRows { public static int Count => 3; }
    private readonly struct Two : IRows { public static int Count => 2; }
    private readonly struct One : IRows { public static int Count => 1; }
}
