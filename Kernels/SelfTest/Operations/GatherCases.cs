namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Batches out of a data set of bytes: any order and view, moved, mirrored and out of sight, channels, repeated and blank images, borders,
/// more pixels than a band, with and without the transposed copy.
/// </summary>
internal static class GatherCases
{
    private const int Count = 23, Steps = 3, Step = 1;

    private static readonly (int Blocks, TensorShape Shape, bool Transposed)[] Shapes =
    [
        (1, new(1, 1, 1), true), (2, new(1, 5, 7), false), (3, new(1, 7, 5, 2), true), (4, new(1, 28, 28, 2), false),
        (1, new(1, 28, 28), true), (2, new(3, 5, 7), true), (1, new(3, 32, 32, 1), false), (1, new(2, 4, 8, 1), true),
        (2, new(2, 37, 41), true),
    ];

    /// <summary>As it is, the four neighbours along the raster, crops, mirrored ones, and one that shows nothing.</summary>
    private static readonly ImageView[] Views =
    [
        default, new(1, 0, Wraps: true), new(-1, 0, Wraps: true), new(0, 1, Wraps: true), new(0, -1, Wraps: true),
        new(0, 0, Mirrored: true), new(3, -2), new(-4, 4, Mirrored: true), new(2, 1, Mirrored: true), new(-1, 0), new(0, 100),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.Select(s => new SelfTestCase(
            $"gather {s.Blocks} blocks {Size(s.Shape)} border {s.Shape.Padding}{(s.Transposed ? " transposed" : "")}",
            m => Compute(m, s.Blocks, s.Shape, s.Transposed), () => Expect(s.Blocks, s.Shape, s.Transposed)));

    private static string Size(TensorShape shape) =>
        shape.Channels == 1 ? $"{shape.Height}x{shape.Width}" : $"{shape.Channels}x{shape.Height}x{shape.Width}";

    /// <summary>
    /// Powers of two and small shifts, so that scale · byte + shift is exact, fused or not; of a single channel any scale and no shift.
    /// </summary>
    private static float[] Normalization(TensorShape shape) => shape.Channels == 1
        ? [1 / 255f, 0] : [.. Enumerable.Range(0, shape.Channels).SelectMany(c => new[] { 1f / (64 << c), c - 1.5f })];

    /// <summary>Between blank rows.</summary>
    private static byte[] Pixels(TensorShape shape) =>
    [
        .. new byte[shape.Width], .. new Numbers(1).Integers(Count * shape.Features, 256).Select(v => (byte)v), .. new byte[shape.Width],
    ];

    /// <summary>Of as many classes as a set may have.</summary>
    private static int[] Labels => new Numbers(2).Integers(Count, 1000);

    private static int[] Order(int slots) =>
        [.. new Numbers(3).Integers(Steps * slots, Count + 3).Select((i, slot) => i < Count ? Gather.Entry(i, slot % Views.Length) : -1)];

    private static double[][] Compute(DeviceMemory memory, int blocks, TensorShape shape, bool transposed)
    {
        int slots = blocks * Layout.Lanes;
        var x = memory.Result(shape, slots);
        var rows = memory.Allocate<float>(transposed ? slots * Transpose.Pitch(shape.Features) : 0);
        var labels = memory.Allocate<int>(slots);
        var (room, images) = Gather.Allocate(memory, shape, Count);
        memory.Upload<byte>(Pixels(shape).AsSpan(shape.Width..^shape.Width), images);
        var set = new ImageSet(
            room, memory.Allocate<int>(Labels), memory.Allocate<float>(Normalization(shape)),
            memory.Allocate<int>([.. Views.Select(v => v.Packed)]));
        var course = new Course(memory.Allocate<int>(Order(slots)), memory.Allocate<int>([Step]));
        memory.Device.Run(Gather.Of(memory.Device, "test", set, course, new(x, rows, labels)));
        return [memory.Read(x, slots), memory.Read(labels), memory.Read(rows)];
    }

    private static Expected[] Expect(int blocks, TensorShape shape, bool transposed)
    {
        int slots = blocks * Layout.Lanes, features = shape.Features;
        int[] order = Order(slots)[(Step * slots)..((Step + 1) * slots)];
        var (x, labels) = Gather.Reference(Pixels(shape), Labels, order, Normalization(shape), Views, shape);
        return
        [
            Expected.Exactly("x", x.Select(v => (double)v)), Expected.Exactly("labels", labels.Select(v => (double)v)),
            Expected.Exactly("transposed", transposed ? TransposeCases.Rows(x, features, 0) : [0]),
        ];
    }
}
