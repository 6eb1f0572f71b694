namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// A first convolution's gradients from behind a pooling: ties, windows that do not cover the edge, odd numbers of filters, borders. Of
/// pruned layers, whose live weights are packed, filters without any and filters that get no gradient, both and either.
/// </summary>
internal static class PooledConvolutionCases
{
    private static readonly (int Images, int Height, int Width, int Padding, FilterShape Filter, int Size)[] Shapes =
    [
        (1, 2, 2, 0, new(1, 1, 1, 1), 2), (17, 9, 8, 0, new(3, 1, 3, 3), 2), (33, 8, 11, 2, new(6, 1, 5, 5), 2),
        (50, 7, 6, 1, new(5, 18, 3, 3), 3),
        (64, 6, 8, 0, new(20, 2, 3, 5), 2),
    ];

    public static IEnumerable<SelfTestCase> All => Cases(false, false).Concat(Cases(true, false)).Concat(Cases(true, true));

    private static IEnumerable<SelfTestCase> Cases(bool relu, bool pruned) =>
        Shapes.Select(s => new Layer(s.Images, s.Height, s.Width, s.Padding, s.Filter, s.Size, relu, pruned).Case());

    private sealed class Layer(int images, int height, int width, int padding, FilterShape filter, int size, bool relu, bool pruned)
    {
        private readonly TensorShape _input = new(filter.Channels, height, width, padding);
        private TensorShape Output => filter.Output(_input, padding);
        private TensorShape Pooled => MaxPool.Output(Output, size, 1);
        private int Maps => images * filter.Filters;
        private float[] X => new Numbers(1).Activations(images * _input.Features);
        private float[] Y => relu ? new Numbers(2).Activations(images * Output.Features) : new Numbers(2).Eighths(images * Output.Features);
        private float[] DPooled => [.. new Numbers(3).Uniform(images * Pooled.Features).Select(
            (g, i) => pruned && i / (Pooled.Height * Pooled.Width) % filter.Filters % 3 == 1 ? 0 : g)];
        private float[] Mask => [.. new Numbers(4).Mask(filter.Count).Select((m, i) => i / filter.FilterSize % 4 is 1 or 2 ? 0 : m)];
        private int[] Index => [.. Enumerable.Range(0, filter.Count).Where(i => !pruned || Mask[i] == 1)];
        private float[] DOutput => MaxPool.Reference.BackwardData(Y, DPooled, Maps, Output.Height, Output.Width, size, relu);

        public SelfTestCase Case() => new(
            $"pooled convolution backward weight {images} images {filter.Channels}x{height}x{width} padding {padding} "
                + $"filters {filter.Filters}x{filter.Rows}x{filter.Columns} windows {size}x{size}"
                + $"{(relu ? " relu" : "")}{(pruned ? " pruned" : "")}",
            Compute, Expect, onHostOnly: true);

        private double[][] Compute(DeviceMemory memory)
        {
            var (weight, bias) = (memory.Allocate<float>(filter.Count), memory.Allocate<float>(filter.Filters));
            LiveWeights? live = null;
            if (pruned)
            {
                live = new LiveWeights(memory, filter, _input, Output, Layout.Blocks(images), filter.Count, backward: false);
                live.Find(Mask);
            }
            var pooled = memory.Upload(MaxPool.Reference.Forward(Y, Maps, Output.Height, Output.Width, size), Pooled, float.NaN, 0);
            var y = memory.Upload(Y, Output, float.NaN, 0);
            memory.Device.Run(PooledConvolution.BackwardWeight(
                memory.Device, "test", memory.Upload(X, _input, 0, 0),
                new(y, size, pooled, memory.Upload(DPooled, Pooled, float.NaN, 0), relu), filter,
                new(UpdateCases.Storing(weight), UpdateCases.Storing(bias), live), PooledConvolution.Scratch(memory, y)));
            return [memory.Read(weight)[..Index.Length], memory.Read(bias)];
        }

        private Expected[] Expect()
        {
            int terms = images * Output.Height * Output.Width;
            float[] x = Numbers.Absolute(X), dOutput = Numbers.Absolute(DOutput);
            double[] dWeight = Convolution.Reference.BackwardWeight(DOutput, X, images, _input, filter);
            double[] absolute = Convolution.Reference.BackwardWeight(dOutput, x, images, _input, filter);
            return
            [
                Expected.Sums("dWeight", [.. Index.Select(i => dWeight[i])], [.. Index.Select(i => absolute[i])], terms),
                Expected.Sums(
                    "dBias", BiasUpdate.Reference(DOutput, images, filter.Filters), BiasUpdate.Reference(dOutput, images, filter.Filters),
                    terms),
            ];
        }
    }
}
