using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Four quads. Of a convolution they are neighbouring columns of a row, of four images each: what a GPU's thread sums for a channel, and
/// what it loads.
/// </summary>
/// <remarks>
/// Five taps (w0..w4) of four sums meet the columns 0..7: sum i gets w0 times column i up to w4 times column i + 4. Columns 0..3, near,
/// have half of these 20 products, columns 4..7, far, the rest, so that one strip is in registers at a time, and one beyond the edge costs
/// nothing.
/// </remarks>
internal readonly struct Strip(Quad a, Quad b, Quad c, Quad d)
{
    public readonly Quad A = a, B = b, C = c, D = d;

    public const int Columns = 4;

    /// <summary>Floats of a strip.</summary>
    public const int Size = Columns * Quad.Images;

    /// <summary>sum + w x.</summary>
    public static Strip MultiplyAdd(float w, Strip x, Strip sum) => new(
        Quad.MultiplyAdd(w, x.A, sum.A), Quad.MultiplyAdd(w, x.B, sum.B), Quad.MultiplyAdd(w, x.C, sum.C), Quad.MultiplyAdd(w, x.D, sum.D));

    /// <summary>sum + w.X A + w.Y B + w.Z C + w.W D.</summary>
    public static Quad Sum(Quad w, Strip x, Quad sum) =>
        Quad.MultiplyAdd(w.W, x.D, Quad.MultiplyAdd(w.Z, x.C, Quad.MultiplyAdd(w.Y, x.B, Quad.MultiplyAdd(w.X, x.A, sum))));

    /// <summary>sum + w's four times x.</summary>
    public static Strip Outer(Quad w, Quad x, Strip sum) => new(
        Quad.MultiplyAdd(w.X, x, sum.A), Quad.MultiplyAdd(w.Y, x, sum.B), Quad.MultiplyAdd(w.Z, x, sum.C), Quad.MultiplyAdd(w.W, x, sum.D));

    /// <summary>sum + g·A, g·B, g·C and g·D.</summary>
    public static Quad Dots(Quad g, Strip x, Quad sum) =>
        new(Quad.Dot(g, x.A, sum.X), Quad.Dot(g, x.B, sum.Y), Quad.Dot(g, x.C, sum.Z), Quad.Dot(g, x.D, sum.W));

    /// <summary>sum + what columns 0..3 give.</summary>
    public static Strip AddNear(TapRun w, Strip x, Strip sum) => new(
        Quad.MultiplyAdd(w.W3, x.D, Quad.MultiplyAdd(w.W2, x.C, Quad.MultiplyAdd(w.W1, x.B, Quad.MultiplyAdd(w.W0, x.A, sum.A)))),
        Quad.MultiplyAdd(w.W2, x.D, Quad.MultiplyAdd(w.W1, x.C, Quad.MultiplyAdd(w.W0, x.B, sum.B))),
        Quad.MultiplyAdd(w.W1, x.D, Quad.MultiplyAdd(w.W0, x.C, sum.C)),
        Quad.MultiplyAdd(w.W0, x.D, sum.D));

    /// <summary>sum + what columns 4..7 give.</summary>
    public static Strip AddFar(TapRun w, Strip x, Strip sum) => new(
        Quad.MultiplyAdd(w.W4, x.A, sum.A),
        Quad.MultiplyAdd(w.W4, x.B, Quad.MultiplyAdd(w.W3, x.A, sum.B)),
        Quad.MultiplyAdd(w.W4, x.C, Quad.MultiplyAdd(w.W3, x.B, Quad.MultiplyAdd(w.W2, x.A, sum.C))),
        Quad.MultiplyAdd(w.W4, x.D, Quad.MultiplyAdd(w.W3, x.C, Quad.MultiplyAdd(w.W2, x.B, Quad.MultiplyAdd(w.W1, x.A, sum.D)))));

    /// <summary>Whether any column of the strip that begins in <paramref name="column"/> lies in a row.</summary>
    public static bool Reaches(int column, int width) => column > -Columns && column < width;

    /// <summary>Columns from <paramref name="column"/> on; those beyond the edges of the row are zero.</summary>
    /// <param name="data">Of a tensor.</param>
    /// <param name="row">Quad in column 0.</param>
    /// <param name="column">First one.</param>
    /// <param name="width">Columns of the row.</param>
    public static Strip Load(ArrayView<float> data, int row, int column, int width)
    {
        if (column < 0 || column > width - Columns)
            return new(
                LoadOrZero(data, row, column, width), LoadOrZero(data, row, column + 1, width), LoadOrZero(data, row, column + 2, width),
                LoadOrZero(data, row, column + 3, width));
        return Load(data, row + column * Quad.PerBlock);
    }

    /// <summary>The columns, or features of a vector, from quad number <paramref name="index"/> on.</summary>
    public static Strip Load(ArrayView<float> data, int index)
    {
        // One address with four constant distances.
        var quads = Quad.View(data, index);
        return new(quads[0], quads[Quad.PerBlock], quads[2 * Quad.PerBlock], quads[3 * Quad.PerBlock]);
    }

    /// <summary>A thread's part of sums from number <paramref name="first"/> on, see <see cref="TileSums"/>.</summary>
    public void Set(TileSums sums, int first)
    {
        sums.Set(first, A);
        sums.Set(first + Quad.Images, B);
        sums.Set(first + 2 * Quad.Images, C);
        sums.Set(first + 3 * Quad.Images, D);
    }

    /// <summary>Columns beyond the edge are the edge times zero.</summary>
    private static Quad LoadOrZero(ArrayView<float> data, int row, int column, int width)
    {
        int inside = IntrinsicMath.Clamp(column, 0, width - 1);
        return Quad.MultiplyAdd(inside == column ? 1f : 0f, Quad.Load(data, row + inside * Quad.PerBlock), default);
    }
}
