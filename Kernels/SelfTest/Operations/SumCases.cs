namespace Secateurs.Kernels.SelfTest;

/// <summary>Sums of tensors with borders of their own, also into one of them.</summary>
internal static class SumCases
{
    private static readonly (int Images, int Channels, int Height, int Width, int A, int B, int Y)[] Shapes =
        [(1, 1, 1, 1, 0, 0, 0), (17, 3, 5, 4, 0, 0, 0), (33, 2, 3, 7, 1, 0, 2), (16, 5, 4, 3, 2, 1, 0)];

    public static IEnumerable<SelfTestCase> All => Shapes.SelectMany(s => ((int[])[0, 1, 2, 3, 4]).Select(kind =>
    {
        bool both = kind != 3, relu = kind == 1, gated = kind is 2 or 3, inPlace = kind == 4;
        int count = s.Images * s.Channels * s.Height * s.Width;
        float[] a = new Numbers(1).Eighths(count), b = new Numbers(2).Eighths(count), gate = new Numbers(3).Activations(count);
        return new SelfTestCase(
            $"sum {(both ? "of two" : "of one")}{(relu ? " relu" : "")}{(gated ? " gated" : "")}{(inPlace ? " in place" : "")} "
                + $"{s.Images} images {s.Channels}x{s.Height}x{s.Width} borders {s.A} {s.B} {s.Y}",
            memory =>
            {
                TensorShape Shape(int border) => new(s.Channels, s.Height, s.Width, border);
                var first = memory.Upload(a, Shape(s.A), inPlace ? Images.Untouched : float.NaN, 0);
                var y = inPlace ? first : memory.Result(Shape(s.Y), s.Images);
                memory.Device.Run(Sum.Of(
                    memory.Device, "test", first, both ? memory.Upload(b, Shape(s.B), float.NaN, 0) : null, relu,
                    gated ? memory.Upload(gate, Shape(s.Y), float.NaN, 0) : null, y));
                return [memory.Read(y, s.Images)];
            },
            () => [Expected.Exactly("y", Sum.Reference(a, both ? b : null, relu, gated ? gate : null))]);
    }));
}
