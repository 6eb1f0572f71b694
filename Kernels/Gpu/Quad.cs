using ILGPU;
using ILGPU.Runtime;

namespace Secateurs.Kernels;

/// <summary>Four images side by side, a quarter of the lanes: what a GPU's thread loads and computes at once.</summary>
internal readonly struct Quad(float x, float y, float z, float w)
{
    public readonly float X = x, Y = y, Z = z, W = w;

    /// <summary>Images of a quad.</summary>
    public const int Images = 4;

    /// <summary>Quads of a block of 16 images.</summary>
    public const int PerBlock = Layout.Lanes / Images;

    /// <summary>The sum over the four.</summary>
    public float Sum => X + Y + (Z + W);

    public static Quad operator +(Quad a, Quad b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>sum + a b.</summary>
    public static Quad MultiplyAdd(float a, Quad b, Quad sum) => new(sum.X + a * b.X, sum.Y + a * b.Y, sum.Z + a * b.Z, sum.W + a * b.W);

    /// <summary>sum + a·b, over the four one after the other.</summary>
    public static float Dot(Quad a, Quad b, float sum) => sum + a.X * b.X + a.Y * b.Y + a.Z * b.Z + a.W * b.W;

    public static Quad Broadcast(float value) => new(value, value, value, value);

    /// <summary>value where a &gt; b, else other.</summary>
    public static Quad WhereGreater(Quad a, Quad b, Quad value, Quad other) => new(
        a.X > b.X ? value.X : other.X, a.Y > b.Y ? value.Y : other.Y, a.Z > b.Z ? value.Z : other.Z, a.W > b.W ? value.W : other.W);

    /// <summary>value where a == b, else other.</summary>
    public static Quad WhereEqual(Quad a, Quad b, Quad value, Quad other) => new(
        a.X == b.X ? value.X : other.X, a.Y == b.Y ? value.Y : other.Y, a.Z == b.Z ? value.Z : other.Z, a.W == b.W ? value.W : other.W);

    /// <summary>Quad number <paramref name="index"/> of a tensor's data.</summary>
    public static Quad Load(ArrayView<float> data, int index) => data.Cast<Quad>().AsAligned(sizeof(float) * Images)[index];

    /// <summary>Writes quad number <paramref name="index"/> of a tensor's data.</summary>
    public static void Store(ArrayView<float> data, int index, Quad quad) =>
        data.Cast<Quad>().AsAligned(sizeof(float) * Images)[index] = quad;

    /// <summary>
    /// A tensor's data from quad number <paramref name="index"/> on: several quads at constant places in it cost one address.
    /// </summary>
    public static ArrayView<Quad> View(ArrayView<float> data, int index) =>
        data.Cast<Quad>().SubView(index).AsAligned(sizeof(float) * Images);
}
