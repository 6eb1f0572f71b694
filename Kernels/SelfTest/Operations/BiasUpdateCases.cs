namespace Secateurs.Kernels.SelfTest;

/// <summary>Bias gradients over images, rows and columns; odd and even widths, borders that nobody may read.</summary>
internal static class BiasUpdateCases
{
    private static readonly (int Images, TensorShape Shape)[] Shapes =
    [
        (1, new(1, 1, 1)), (17, new(10, 1, 1)), (5, new(37, 1, 1)), (64, new(3, 1, 2)), (33, new(6, 5, 7, 1)), (50, new(5, 4, 8, 2)),
        (96, new(2, 29, 3)),
    ];

    public static IEnumerable<SelfTestCase> All => Shapes.Select(s => Case(s.Images, s.Shape));

    private static SelfTestCase Case(int images, TensorShape shape) => new(
        $"bias update {images} images {shape.Channels}x{shape.Height}x{shape.Width} border {shape.Padding}",
        memory =>
        {
            var bias = memory.Allocate<float>(shape.Channels);
            var dOutput = memory.Upload(DOutput(images, shape), shape, float.NaN, 0);
            memory.Device.Run(BiasUpdate.Of(memory.Device, "test", dOutput, UpdateCases.Storing(bias), BiasUpdate.Parts(memory, dOutput)));
            return [memory.Read(bias)];
        },
        () =>
        [
            Expected.Sums(
                "dBias", BiasUpdate.Reference(DOutput(images, shape), images, shape.Channels),
                BiasUpdate.Reference(Numbers.Absolute(DOutput(images, shape)), images, shape.Channels),
                images * shape.Height * shape.Width),
        ]);

    private static float[] DOutput(int images, TensorShape shape) => new Numbers(1).Uniform(images * shape.Features);
}
