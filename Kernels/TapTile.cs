using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Kernels;

/// <summary>
/// The SIMD tile of a convolution's weight gradient: Σ over images and positions of dy(k, p, q) x(c, p + r, q + s) for 4 filters k and 5
/// neighbouring taps s at once, 20 sums in registers, images in lanes.
/// </summary>
/// <remarks>Missing filters and taps repeat the last one, which costs nothing extra and is not stored.</remarks>
internal static unsafe class TapTile
{
    public const int Filters = 4, Taps = 5;

    /// <param name="x">Input, its border counted as image.</param>
    /// <param name="dOutput">Gradient of the output.</param>
    /// <param name="channel">c.</param>
    /// <param name="r">Row of the filter.</param>
    /// <param name="s">First column of the filter.</param>
    /// <param name="taps">1 to 5 columns.</param>
    /// <param name="filter">First filter.</param>
    /// <param name="filters">1 to 4 filters.</param>
    /// <param name="gradient">Result for (filter, s): filters are <paramref name="pitch"/> floats apart.</param>
    /// <param name="pitch">See <paramref name="gradient"/>.</param>
    public static void Compute<V>(
        in Tensor x, in Tensor dOutput, int channel, int r, int s, int taps, int filter, int filters, float* gradient, int pitch)
        where V : unmanaged, ISimd<V>
    {
        TensorShape xs = x.Shape, ys = dOutput.Shape;
        float* lanes = stackalloc float[Filters * Taps * Layout.Lanes];
        var xStart = x.Pointer + channel * xs.ChannelStride + r * xs.RowStride + s * Layout.Lanes;
        var yStart = dOutput.Pointer + ys.Offset(filter, 0, 0);
        nint t1 = Math.Min(1, taps - 1) * Layout.Lanes, t2 = Math.Min(2, taps - 1) * Layout.Lanes;
        nint t3 = Math.Min(3, taps - 1) * Layout.Lanes, t4 = Math.Min(4, taps - 1) * Layout.Lanes;
        nint f1 = Math.Min(1, filters - 1) * ys.ChannelStride, f2 = Math.Min(2, filters - 1) * ys.ChannelStride;
        nint f3 = Math.Min(3, filters - 1) * ys.ChannelStride;
        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
            Sum<V>(
                xStart + lane, xs.BlockStride, xs.RowStride, t1, t2, t3, t4, yStart + lane, ys.BlockStride, ys.RowStride, f1, f2, f3,
                x.Blocks, ys.Height, ys.Width, lanes + lane);
        for (int f = 0; f < filters; f++)
            for (int t = 0; t < taps; t++)
                gradient[f * pitch + t] = AddLanes(lanes + (f * Taps + t) * Layout.Lanes);
    }

    private static void Sum<V>(
        float* x, nint xBlock, nint xRow, nint t1, nint t2, nint t3, nint t4, float* y, nint yBlock, nint yRow, nint f1, nint f2, nint f3,
        int blocks, int height, int width, float* lanes) where V : unmanaged, ISimd<V>
    {
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero, a4 = V.Zero, b0 = V.Zero, b1 = V.Zero, b2 = V.Zero, b3 = V.Zero, b4 = V.Zero;
        V c0 = V.Zero, c1 = V.Zero, c2 = V.Zero, c3 = V.Zero, c4 = V.Zero, d0 = V.Zero, d1 = V.Zero, d2 = V.Zero, d3 = V.Zero, d4 = V.Zero;
        for (int block = 0; block < blocks; block++, x += xBlock, y += yBlock)
        {
            float* xp = x, yp = y;
            for (int p = height; p > 0; p--, xp += xRow, yp += yRow)
            {
                float* xq = xp, yq = yp;
                for (int q = width; q > 0; q--, xq += Layout.Lanes, yq += Layout.Lanes)
                {
                    V x0 = V.Load(xq), x1 = V.Load(xq + t1), x2 = V.Load(xq + t2), x3 = V.Load(xq + t3), x4 = V.Load(xq + t4), g = V.Load(yq);
                    a0 = V.MultiplyAdd(g, x0, a0);
                    a1 = V.MultiplyAdd(g, x1, a1);
                    a2 = V.MultiplyAdd(g, x2, a2);
                    a3 = V.MultiplyAdd(g, x3, a3);
                    a4 = V.MultiplyAdd(g, x4, a4);
                    g = V.Load(yq + f1);
                    b0 = V.MultiplyAdd(g, x0, b0);
                    b1 = V.MultiplyAdd(g, x1, b1);
                    b2 = V.MultiplyAdd(g, x2, b2);
                    b3 = V.MultiplyAdd(g, x3, b3);
                    b4 = V.MultiplyAdd(g, x4, b4);
                    g = V.Load(yq + f2);
                    c0 = V.MultiplyAdd(g, x0, c0);
                    c1 = V.MultiplyAdd(g, x1, c1);
                    c2 = V.MultiplyAdd(g, x2, c2);
                    c3 = V.MultiplyAdd(g, x3, c3);
                    c4 = V.MultiplyAdd(g, x4, c4);
                    g = V.Load(yq + f3);
                    d0 = V.MultiplyAdd(g, x0, d0);
                    d1 = V.MultiplyAdd(g, x1, d1);
                    d2 = V.MultiplyAdd(g, x2, d2);
                    d3 = V.MultiplyAdd(g, x3, d3);
                    d4 = V.MultiplyAdd(g, x4, d4);
                }
            }
        }
        Store(a0, a1, a2, a3, a4, lanes);
        Store(b0, b1, b2, b3, b4, lanes + Taps * Layout.Lanes);
        Store(c0, c1, c2, c3, c4, lanes + 2 * Taps * Layout.Lanes);
        Store(d0, d1, d2, d3, d4, lanes + 3 * Taps * Layout.Lanes);
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
    internal static float AddLanes(float* lanes) => Vector128.Sum(
        Vector128.Load(lanes) + Vector128.Load(lanes + 8) + (Vector128.Load(lanes + 4) + Vector128.Load(lanes + 12)));
}
