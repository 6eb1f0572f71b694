namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Convolutions of a single image: maps narrower and wider than vectors, rows that do not fill a tile, pruned filters, strides that do and
/// do not divide the input, borders wider than the convolution's.
/// </summary>
internal static class OneImageConvolutionCases
{
    private static readonly (int Height, int Width, int Padding, FilterShape Filter, int Border, int LivePercent)[] Shapes =
    [
        (28, 28, 0, new(3, 1, 5, 5), 0, 100), (12, 12, 0, new(5, 3, 5, 5), 0, 10), (28, 28, 2, new(2, 1, 5, 5), 0, 50),
        (5, 5, 0, new(4, 2, 3, 3), 1, 100),
        (9, 45, 1, new(2, 2, 3, 3), 2, 30), (7, 21, 0, new(2, 1, 3, 2), 0, 100), (3, 3, 1, new(2, 2, 5, 5), 0, 100),
        (1, 1, 0, new(3, 4, 1, 1), 0, 0), (9, 20, 1, new(3, 2, 3, 3, Stride: 2), 1, 100), (13, 23, 2, new(2, 3, 5, 5, Stride: 4), 0, 50),
        (8, 10, 1, new(3, 2, 1, 1, Stride: 2, Inset: 1), 0, 100), (7, 19, 2, new(2, 2, 3, 3, Inset: 1), 1, 40),
        (11, 35, 3, new(2, 2, 5, 3, Stride: 3, Inset: 1), 2, 70),
    ];

    public static IEnumerable<SelfTestCase> All => Of("one image convolution", OneImageConvolution.Forward, Shapes);

    internal delegate Operation Maker(
        DeviceMemory memory, string name, RowImage x, LayerWeights weights, FilterShape filter, RowImage y, bool relu);

    internal static IEnumerable<SelfTestCase> Of(
        string name, Maker maker, (int Height, int Width, int Padding, FilterShape Filter, int Border, int LivePercent)[] shapes) =>
        shapes.SelectMany(s => new[] { Case(name, maker, s, false), Case(name, maker, s, true) });

    private static SelfTestCase Case(
        string name, Maker maker, (int Height, int Width, int Padding, FilterShape Filter, int Border, int LivePercent) s, bool relu)
    {
        var (f, shape) = (s.Filter, new TensorShape(s.Filter.Channels, s.Height, s.Width, s.Padding));
        float[] X() => new Numbers(1).Activations(shape.Features);
        float[] Weight() => new Numbers(2).Uniform(f.Count);
        float[] Mask() =>
            [.. new Numbers(3).Integers(f.Count, 100).Select((n, i) => IsLive(n, i) ? 1f : 0f)];
        bool IsLive(int n, int i) => n < s.LivePercent && (s.LivePercent == 100 || i / f.FilterSize != 1);
        float[] Bias() => new Numbers(4).Uniform(f.Filters);
        float[] Live() => [.. Weight().Zip(Mask(), (w, m) => w * m)];
        return new(
            $"{name} {shape.Channels}x{s.Height}x{s.Width} border {s.Padding} "
            + $"filters {f.Filters}x{f.Rows}x{f.Columns}{(f.Stride > 1 ? $" stride {f.Stride}" : "")}"
            + $"{(f.Inset > 0 ? $" inset {f.Inset}" : "")} to border {s.Border} {s.LivePercent} % live{(relu ? " relu" : "")}",
            memory =>
            {
                var y = new RowImage(memory, f.Output(shape, s.Border));
                memory.Device.Run(maker(
                    memory, "test", memory.UploadRows(X(), shape), new(Weight(), Mask(), memory.Allocate<float>(Bias())), f, y, relu));
                return [memory.Read(y)];
            },
            () =>
            [
                Expected.Sums(
                    "y", Convolution.Reference.Forward(X(), Live(), Bias(), 1, shape, f, relu),
                    Convolution.Reference.Forward(X(), Numbers.Absolute(Live()), Numbers.Absolute(Bias()), 1, shape, f, false),
                    f.FilterSize + 1),
            ],
            onHostOnly: true);
    }
}
