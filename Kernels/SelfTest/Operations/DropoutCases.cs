namespace Secateurs.Kernels.SelfTest;

/// <summary>Dropout of several shapes, probabilities and steps, forward and under a gate.</summary>
internal static class DropoutCases
{
    private static readonly (int Images, TensorShape Input, int Border, double Probability, float Step)[] Shapes =
    [
        (1, TensorShape.Vector(40), 0, 0.5, 3), (17, new(3, 5, 4), 1, 0.25, 16_000_000), (33, new(2, 3, 7, 1), 0, 0.9, 0),
        (16, new(4, 2, 3), 0, 0, 7),
    ];

    public static IEnumerable<SelfTestCase> All => Shapes.SelectMany(s => ((bool[])[false, true]).Select(gated =>
    {
        float[] x = new Numbers(1).Uniform(s.Images * s.Input.Features), gate = new Numbers(2).Activations(x.Length);
        return new SelfTestCase(
            $"dropout {s.Probability} {s.Images} images {s.Input.Channels}x{s.Input.Height}x{s.Input.Width}{(gated ? " gated" : "")}",
            memory =>
            {
                var output = s.Input with { Padding = s.Border };
                var y = memory.Result(output, s.Images);
                var drops = new Dropout.Drops(
                    s.Probability, 5, memory.Allocate<float>([0, 0, 0, 0, 12345, 0, 0, 0, 0, s.Step]), memory.Allocate<int>([1]));
                memory.Device.Run(Dropout.Of(
                    memory.Device, "test", memory.Upload(x, s.Input, float.NaN, 0), drops,
                    gated ? memory.Upload(gate, output, float.NaN, 0) : null, y));
                return [memory.Read(y, s.Images)];
            },
            () =>
            {
                double[] y = Dropout.Reference(x, s.Images, s.Probability, 5, s.Step, gated ? gate : null);
                return [Expected.Sums("y", y, [.. y.Select(Math.Abs)], 1)];
            });
    }));
}
