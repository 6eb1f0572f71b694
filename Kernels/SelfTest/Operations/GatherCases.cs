namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Batches out of a data set of bytes: any order and view, repeated and blank images, borders, with and without the transposed copy.
/// </summary>
internal static class GatherCases
{
    private const int Count = 23, Steps = 3, Step = 1;
    private const float Scale = 1 / 255f;

    private static readonly (int Blocks, TensorShape Shape, bool Transposed)[] Shapes =
    [
        (1, new(1, 1, 1), true), (2, new(1, 5, 7), false), (3, new(1, 7, 5, 2), true), (4, new(1, 28, 28, 2), false),
        (1, new(1, 28, 28), true),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.Select(s => new SelfTestCase(
            $"gather {s.Blocks} blocks {s.Shape.Height}x{s.Shape.Width} border {s.Shape.Padding}{(s.Transposed ? " transposed" : "")}",
            m => Compute(m, s.Blocks, s.Shape, s.Transposed), () => Expect(s.Blocks, s.Shape, s.Transposed)));

    private static byte[] Pixels(TensorShape shape) =>
        Gather.WithMargins(shape.Width, [.. new Numbers(1).Integers(Count * shape.Features, 256).Select(v => (byte)v)]);

    private static byte[] Labels => [.. new Numbers(2).Integers(Count, 10).Select(v => (byte)v)];

    private static int[] Order(int slots) =>
        [.. new Numbers(3).Integers(Steps * slots, Count + 3).Select((i, slot) => i < Count ? Gather.Entry(i, slot % Gather.Views) : -1)];

    private static double[][] Compute(DeviceMemory memory, int blocks, TensorShape shape, bool transposed)
    {
        int slots = blocks * Layout.Lanes;
        var x = memory.Result(shape, slots);
        var rows = memory.Allocate<float>(transposed ? slots * Transpose.Pitch(shape.Features) : 0);
        var labels = memory.Allocate<int>(slots);
        memory.Device.Run(Gather.Of(
            memory.Device, "test", memory.Allocate<byte>(Pixels(shape)), memory.Allocate<byte>(Labels), memory.Allocate<int>(Order(slots)),
            memory.Allocate<int>([Step]), Scale, x, rows, labels));
        return [memory.Read(x, slots), memory.Read(labels), memory.Read(rows)];
    }

    private static Expected[] Expect(int blocks, TensorShape shape, bool transposed)
    {
        int slots = blocks * Layout.Lanes, features = shape.Features;
        var (x, labels) = Gather.Reference(Pixels(shape), Labels, Order(slots).AsSpan(Step * slots, slots), Scale, shape.Width);
        return
        [
            Expected.Exactly("x", x.Select(v => (double)v)), Expected.Exactly("labels", labels.Select(v => (double)v)),
            Expected.Exactly("transposed", transposed ? TransposeCases.Rows(x, features, 0) : [0]),
        ];
    }
}
