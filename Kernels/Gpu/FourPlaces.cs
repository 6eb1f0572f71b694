using ILGPU;

namespace Secateurs.Kernels;

/// <summary>Four places in memory that move together: where the rows or columns of a tile begin.</summary>
internal readonly struct FourPlaces(int a, int b, int c, int d)
{
    public readonly int A = a, B = b, C = c, D = d;

    /// <summary>The rows <paramref name="first"/> and three more, some apart; those past the last are the last one again.</summary>
    /// <param name="first">Number of the first.</param>
    /// <param name="apart">Rows from one to the next.</param>
    /// <param name="last">Number of the last that there is.</param>
    /// <param name="size">Of a row in memory.</param>
    public static FourPlaces Rows(int first, int apart, int last, int size) => new(
        IntrinsicMath.Min(first, last) * size, IntrinsicMath.Min(first + apart, last) * size,
        IntrinsicMath.Min(first + 2 * apart, last) * size, IntrinsicMath.Min(first + 3 * apart, last) * size);

    public static FourPlaces operator +(FourPlaces four, int step) => new(four.A + step, four.B + step, four.C + step, four.D + step);

    /// <summary>What lies there.</summary>
    public Quad Load(ArrayView<float> data) => new(data[A], data[B], data[C], data[D]);

    /// <summary>The quads with these numbers.</summary>
    public Strip LoadQuads(ArrayView<float> data) =>
        new(Quad.Load(data, A), Quad.Load(data, B), Quad.Load(data, C), Quad.Load(data, D));
}
