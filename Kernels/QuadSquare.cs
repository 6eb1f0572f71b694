using ILGPU;

namespace Kernels;

/// <summary>Four neighbouring features of four images each: four loads for what is multiplied by 4 weights of each of several outputs.</summary>
public readonly struct QuadSquare(Quad a, Quad b, Quad c, Quad d)
{
    public readonly Quad A = a, B = b, C = c, D = d;

    public const int Rows = 4;

    /// <summary>The features <paramref name="first"/> to first + 3 of a block, of which it has <paramref name="count"/>; what lies past the end is zero.</summary>
    /// <param name="data">[feature][4 quads].</param>
    /// <param name="start">Quad of feature 0.</param>
    /// <param name="first">Below <paramref name="count"/>.</param>
    /// <param name="count">Features.</param>
    public static QuadSquare Load(ArrayView<float> data, int start, int first, int count)
    {
        int at = start + first * Quad.PerBlock, rest = count - first;
        if (rest >= Rows)
            return new QuadSquare(
                Quad.Load(data, at), Quad.Load(data, at + Quad.PerBlock), Quad.Load(data, at + 2 * Quad.PerBlock), Quad.Load(data, at + 3 * Quad.PerBlock));
        return new QuadSquare(
            Quad.Load(data, at), rest > 1 ? Quad.Load(data, at + Quad.PerBlock) : default, rest > 2 ? Quad.Load(data, at + 2 * Quad.PerBlock) : default,
            default);
    }

    /// <summary>sum + a A + b B + c C + d D.</summary>
    public Quad MultiplyAdd(float a, float b, float c, float d, Quad sum) =>
        Quad.MultiplyAdd(d, D, Quad.MultiplyAdd(c, C, Quad.MultiplyAdd(b, B, Quad.MultiplyAdd(a, A, sum))));
}
