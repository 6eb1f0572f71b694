using System.Runtime.CompilerServices;

namespace Secateurs.Kernels;

/// <summary>
/// Winograd's F(4x4, 3x3): 16 outputs of a filter of 3x3, y = Aᵀ (G w Gᵀ ∘ Bᵀ x B) A, from 36 products instead of 144, for the points 0,
/// ±1, ±2 and ∞. The gradient of the filter is the adjoint: dw = Gᵀ (A dy Aᵀ ∘ Bᵀ x B) G.
/// </summary>
/// <remarks>
/// Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016. Each of these is the one-dimensional transform of all columns,
/// then of all rows. Outputs of a tile share their rounding errors.
/// </remarks>
[SkipLocalsInit]
internal static unsafe class SquareWinogradTransform
{
    /// <summary>Points, outputs and taps along a side.</summary>
    public const int Side = 6, Outputs = 4, Taps = 3;

    /// <summary>Products of a tile.</summary>
    public const int Points = Side * Side;

    /// <summary>Bᵀ x B of a square of 6x6 vectors, those outside of it zero, to 36 points.</summary>
    /// <param name="x">The square's first column of its first row, which may lie outside.</param>
    /// <param name="row">Floats from a row to the next; columns are 16 apart.</param>
    /// <param name="rows">The rows that are inside, first and behind the last.</param>
    /// <param name="columns">The same of columns.</param>
    /// <param name="v">Where the first point goes.</param>
    /// <param name="pitch">Floats from a point to the next.</param>
    public static void Input<V>(float* x, nint row, (int First, int End) rows, (int First, int End) columns, float* v, nint pitch)
        where V : unmanaged, ISimd<V>
    {
        float* half = stackalloc float[Points * Layout.Lanes];
        bool whole = rows is (0, Side) && columns is (0, Side);
        for (int j = 0; j < Side; j++)
        {
            float* at = x + j * Layout.Lanes;
            bool inside = j >= columns.First && j < columns.End;
            if (whole)
                Input(
                    V.Load(at), V.Load(at + row), V.Load(at + 2 * row), V.Load(at + 3 * row), V.Load(at + 4 * row), V.Load(at + 5 * row),
                    half + j * Layout.Lanes, Side * Layout.Lanes);
            else
                Input(
                    At<V>(at, row, 0, inside, rows), At<V>(at, row, 1, inside, rows), At<V>(at, row, 2, inside, rows),
                    At<V>(at, row, 3, inside, rows), At<V>(at, row, 4, inside, rows), At<V>(at, row, 5, inside, rows),
                    half + j * Layout.Lanes, Side * Layout.Lanes);
        }
        for (int i = 0; i < Side; i++, v += Side * pitch)
        {
            float* at = half + i * Side * Layout.Lanes;
            Input(
                V.Load(at), V.Load(at + Layout.Lanes), V.Load(at + 2 * Layout.Lanes), V.Load(at + 3 * Layout.Lanes),
                V.Load(at + 4 * Layout.Lanes), V.Load(at + 5 * Layout.Lanes), v, pitch);
        }
    }

    /// <summary>A dy Aᵀ of 4x4 gradients of outputs, those outside zero, to 36 points; parameters as of <see cref="Input"/>.</summary>
    public static void OutputGradient<V>(float* dy, nint row, int rows, int columns, float* z, nint pitch)
        where V : unmanaged, ISimd<V>
    {
        float* half = stackalloc float[Side * Outputs * Layout.Lanes];
        bool whole = rows == Outputs && columns == Outputs;
        for (int j = 0; j < Outputs; j++)
        {
            float* at = dy + j * Layout.Lanes;
            bool inside = j < columns;
            if (whole)
                OutputGradient(
                    V.Load(at), V.Load(at + row), V.Load(at + 2 * row), V.Load(at + 3 * row), half + j * Layout.Lanes,
                    Outputs * Layout.Lanes);
            else
                OutputGradient(
                    At<V>(at, row, 0, inside, (0, rows)), At<V>(at, row, 1, inside, (0, rows)), At<V>(at, row, 2, inside, (0, rows)),
                    At<V>(at, row, 3, inside, (0, rows)), half + j * Layout.Lanes, Outputs * Layout.Lanes);
        }
        for (int i = 0; i < Side; i++, z += Side * pitch)
        {
            float* at = half + i * Outputs * Layout.Lanes;
            OutputGradient(
                V.Load(at), V.Load(at + Layout.Lanes), V.Load(at + 2 * Layout.Lanes), V.Load(at + 3 * Layout.Lanes), z, pitch);
        }
    }

    /// <summary>Aᵀ m of 36 points: 4 rows of 6, one behind the other, 16 floats apart.</summary>
    public static void OutputColumns<V>(float* m, nint pitch, float* half) where V : unmanaged, ISimd<V>
    {
        nint row = Side * pitch;
        for (int j = 0; j < Side; j++, m += pitch, half += Layout.Lanes)
        {
            Output(
                V.Load(m), V.Load(m + row), V.Load(m + 2 * row), V.Load(m + 3 * row), V.Load(m + 4 * row), V.Load(m + 5 * row),
                out V y0, out V y1, out V y2, out V y3);
            V.Store(y0, half);
            V.Store(y1, half + Side * Layout.Lanes);
            V.Store(y2, half + 2 * Side * Layout.Lanes);
            V.Store(y3, half + 3 * Side * Layout.Lanes);
        }
    }

    /// <summary>A row of these times A: a row of 4 outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void OutputRow<V>(float* half, out V y0, out V y1, out V y2, out V y3) where V : unmanaged, ISimd<V> => Output(
        V.Load(half), V.Load(half + Layout.Lanes), V.Load(half + 2 * Layout.Lanes), V.Load(half + 3 * Layout.Lanes),
        V.Load(half + 4 * Layout.Lanes), V.Load(half + 5 * Layout.Lanes), out y0, out y1, out y2, out y3);

    /// <summary>G w Gᵀ: 3x3 taps, 16 floats apart, to 36 points.</summary>
    public static void Weight<V>(float* w, float* u, nint pitch) where V : unmanaged, ISimd<V>
    {
        const int Row = Taps * Layout.Lanes;
        float* half = stackalloc float[Side * Row];
        for (int j = 0; j < Taps; j++)
            Weight(
                V.Load(w + j * Layout.Lanes), V.Load(w + j * Layout.Lanes + Row), V.Load(w + j * Layout.Lanes + 2 * Row),
                half + j * Layout.Lanes, Row);
        for (int i = 0; i < Side; i++, u += Side * pitch)
            Weight(
                V.Load(half + i * Row), V.Load(half + i * Row + Layout.Lanes), V.Load(half + i * Row + 2 * Layout.Lanes), u, pitch);
    }

    /// <summary>Gᵀ m G: 36 points, 16 floats apart, to gradients of 3x3 taps, 16 floats apart.</summary>
    public static void WeightGradient<V>(float* m, float* dw) where V : unmanaged, ISimd<V>
    {
        const int Row = Side * Layout.Lanes;
        float* half = stackalloc float[Taps * Row];
        for (int j = 0; j < Side; j++)
        {
            float* at = m + j * Layout.Lanes;
            WeightGradient(
                V.Load(at), V.Load(at + Row), V.Load(at + 2 * Row), V.Load(at + 3 * Row), V.Load(at + 4 * Row), V.Load(at + 5 * Row),
                half + j * Layout.Lanes, Row);
        }
        for (int i = 0; i < Taps; i++, dw += Taps * Layout.Lanes)
        {
            float* at = half + i * Row;
            WeightGradient(
                V.Load(at), V.Load(at + Layout.Lanes), V.Load(at + 2 * Layout.Lanes), V.Load(at + 3 * Layout.Lanes),
                V.Load(at + 4 * Layout.Lanes), V.Load(at + 5 * Layout.Lanes), dw, Layout.Lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V At<V>(float* column, nint row, int index, bool inside, (int First, int End) rows) where V : unmanaged, ISimd<V> =>
        inside && index >= rows.First && index < rows.End ? V.Load(column + index * row) : V.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input<V>(V x0, V x1, V x2, V x3, V x4, V x5, float* target, nint pitch) where V : unmanaged, ISimd<V>
    {
        V four = V.Broadcast(4), minusFour = V.Broadcast(-4), minusFive = V.Broadcast(-5);
        V.Store(V.MultiplyAdd(four, x0, V.MultiplyAdd(minusFive, x2, x4)), target);
        Pair(V.MultiplyAdd(minusFour, x2, x4), V.MultiplyAdd(minusFour, x1, x3), target + pitch, pitch);
        V odd = x3 - x1;
        Pair(x4 - x2, odd + odd, target + 3 * pitch, pitch);
        V.Store(V.MultiplyAdd(four, x1, V.MultiplyAdd(minusFive, x3, x5)), target + 5 * pitch);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputGradient<V>(V y0, V y1, V y2, V y3, float* target, nint pitch) where V : unmanaged, ISimd<V>
    {
        V.Store(y0, target);
        Pair(y0 + y2, y1 + y3, target + pitch, pitch);
        Pair(V.MultiplyAdd(V.Broadcast(4), y2, y0), V.MultiplyAdd(V.Broadcast(8), y3, y1 + y1), target + 3 * pitch, pitch);
        V.Store(y3, target + 5 * pitch);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output<V>(V m0, V m1, V m2, V m3, V m4, V m5, out V y0, out V y1, out V y2, out V y3)
        where V : unmanaged, ISimd<V>
    {
        V s1 = m1 + m2, d1 = m1 - m2, s2 = m3 + m4, d2 = m3 - m4;
        y0 = m0 + s1 + s2;
        y1 = V.MultiplyAdd(V.Broadcast(2), d2, d1);
        y2 = V.MultiplyAdd(V.Broadcast(4), s2, s1);
        y3 = V.MultiplyAdd(V.Broadcast(8), d2, d1 + m5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weight<V>(V w0, V w1, V w2, float* target, nint pitch) where V : unmanaged, ISimd<V>
    {
        V.Store(V.Broadcast(0.25f) * w0, target);
        V sixth = V.Broadcast(-1f / 6);
        Pair(sixth * (w0 + w2), sixth * w1, target + pitch, pitch);
        Pair(
            V.MultiplyAdd(V.Broadcast(1f / 6), w2, V.Broadcast(1f / 24) * w0), V.Broadcast(1f / 12) * w1, target + 3 * pitch, pitch);
        V.Store(w2, target + 5 * pitch);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightGradient<V>(V m0, V m1, V m2, V m3, V m4, V m5, float* target, nint pitch) where V : unmanaged, ISimd<V>
    {
        V s1 = V.Broadcast(-1f / 6) * (m1 + m2), d1 = V.Broadcast(-1f / 6) * (m1 - m2), s2 = m3 + m4, d2 = m3 - m4;
        V.Store(V.MultiplyAdd(V.Broadcast(0.25f), m0, V.MultiplyAdd(V.Broadcast(1f / 24), s2, s1)), target);
        V.Store(V.MultiplyAdd(V.Broadcast(1f / 12), d2, d1), target + pitch);
        V.Store(V.MultiplyAdd(V.Broadcast(1f / 6), s2, s1 + m5), target + 2 * pitch);
    }

    /// <summary>Even and odd powers together are the point, even less odd its negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair<V>(V even, V odd, float* target, nint pitch) where V : unmanaged, ISimd<V>
    {
        V.Store(even + odd, target);
        V.Store(even - odd, target + pitch);
    }
}
