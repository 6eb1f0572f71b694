namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Passes over live weights only, against the dense references with zeros where a weight is pruned. Fully connected layers are 1x1 filters
/// over one pixel. One filter and one channel are pruned away whole; pruned weights hold values in the flat buffers, so that a mask that
/// was overlooked shows.
/// </summary>
internal static class SparseConvolutionCases
{
    private static readonly (int Images, int Height, int Width, int Padding, FilterShape Filter, int Live)[] Shapes =
    [
        (1, 1, 1, 0, new(1, 1, 1, 1), 100), (1, 1, 1, 0, new(3, 5, 1, 1), 0), (17, 1, 1, 0, new(13, 31, 1, 1), 50),
        (64, 1, 1, 0, new(10, 37, 1, 1), 10),
        (80, 1, 1, 0, new(7, 100, 1, 1), 100), (2, 5, 7, 0, new(1, 1, 3, 3), 30), (33, 6, 9, 2, new(6, 2, 5, 5), 40),
        (16, 8, 5, 1, new(5, 3, 3, 5), 5), (5, 3, 3, 1, new(2, 3, 5, 5), 60), (50, 9, 6, 0, new(20, 4, 3, 3), 50),
        (17, 8, 7, 1, new(5, 3, 3, 3, Stride: 2), 40), (3, 6, 9, 0, new(5, 4, 1, 1, Stride: 3, Inset: 1), 60),
        (2, 7, 6, 1, new(3, 4, 3, 3, Inset: 1), 30),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Height, s.Width, s.Padding, s.Filter, s.Live).Cases());

    private sealed class Layer(int images, int height, int width, int padding, FilterShape filter, int livePercent)
    {
        private readonly TensorShape _input = new(filter.Channels, height, width, padding + filter.Inset);
        private readonly Lazy<float[]> _mask = new(() => [.. new Numbers(3).Integers(filter.Count, 100).Select((n, i) =>
            n < livePercent
                && (livePercent == 100 || (i / filter.FilterSize != 1 && i / (filter.Rows * filter.Columns) % filter.Channels != 2))
                ? 1f : 0f)]);

        private TensorShape Output => filter.Output(_input, padding);
        private float[] Mask => _mask.Value;
        private float[] X => new Numbers(1).Activations(images * _input.Features);
        private float[] Weight => new Numbers(2).Uniform(filter.Count);
        private float[] LiveWeight => [.. Weight.Zip(Mask, (w, m) => w * m)];
        private float[] Bias => new Numbers(4).Uniform(filter.Filters);
        private float[] DOutput => new Numbers(5).Uniform(images * Output.Features);
        private int[] Index => [.. Enumerable.Range(0, filter.Count).Where(i => Mask[i] == 1)];

        private string Shape =>
            $"{images} images {filter.Channels}x{height}x{width} padding {padding} "
                + $"filters {filter.Filters}x{filter.Rows}x{filter.Columns} {(filter.Stride > 1 ? $"stride {filter.Stride} " : "")}"
                + $"{(filter.Inset > 0 ? $"inset {filter.Inset} " : "")}{livePercent} % live";

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"sparse forward {Shape}", m => Forward(m, false), () => ExpectedForward(false), onHostOnly: true),
            new($"sparse forward relu {Shape}", m => Forward(m, true), () => ExpectedForward(true), onHostOnly: true),
            new($"sparse backward data {Shape}", m => BackwardData(m, false), () => ExpectedBackwardData(false), onHostOnly: true),
            new($"sparse backward data gated {Shape}", m => BackwardData(m, true), () => ExpectedBackwardData(true), onHostOnly: true),
            new($"sparse backward weight {Shape}", BackwardWeight, ExpectedBackwardWeight, onHostOnly: true),
            new($"live weights packed and unpacked {Shape}", Unpack, ExpectedUnpacked, onHostOnly: true),
        ];

        /// <summary>Packed, with room to spare, and packed before from another mask.</summary>
        private LiveWeights Pack(DeviceMemory memory)
        {
            var live = new LiveWeights(memory, filter, _input, Output, filter.Count + 3);
            live.Find(new Numbers(6).Mask(filter.Count));
            live.Find(Mask);
            live.Load(memory.Allocate<float>(Weight), memory.Allocate<float>(Weight), memory.Allocate<float>(Weight));
            return live;
        }

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            var y = memory.Result(Output, images);
            memory.Device.Run(SparseConvolution.Forward(
                memory.Device, "test", memory.Upload(X, _input, 0, float.NaN), Pack(memory), memory.Allocate<float>(Bias), y, relu));
            return [memory.Read(y, images)];
        }

        private Expected[] ExpectedForward(bool relu)
        {
            float[] x = Numbers.Absolute(X), weight = Numbers.Absolute(LiveWeight), bias = Numbers.Absolute(Bias);
            return
            [
                Expected.Sums(
                    "y", Convolution.Reference.Forward(X, LiveWeight, Bias, images, height, width, filter, padding, relu),
                    Convolution.Reference.Forward(x, weight, bias, images, height, width, filter, padding, false), filter.FilterSize + 1),
            ];
        }

        private double[][] BackwardData(DeviceMemory memory, bool gated)
        {
            var dOutput = memory.Upload(DOutput, Output, float.NaN, float.NaN);
            var dInput = memory.Result(_input, images);
            Tensor? gate = gated ? memory.Upload(X, _input, 0, float.NaN) : null;
            memory.Device.Run(SparseConvolution.BackwardData(memory.Device, "test", dOutput, Pack(memory), gate, dInput));
            return [memory.Read(dInput, images, borderStays: false)];
        }

        private Expected[] ExpectedBackwardData(bool gated)
        {
            float[] dOutput = Numbers.Absolute(DOutput), weight = Numbers.Absolute(LiveWeight);
            float[]? gate = gated ? X : null;
            return
            [
                Expected.Sums(
                    "dInput", Convolution.Reference.BackwardData(DOutput, LiveWeight, gate, images, height, width, filter, padding),
                    Convolution.Reference.BackwardData(dOutput, weight, gate, images, height, width, filter, padding),
                    filter.Filters * filter.Rows * filter.Columns),
            ];
        }

        private double[][] BackwardWeight(DeviceMemory memory)
        {
            var gradient = memory.Allocate<float>(filter.Count + 1);
            memory.Device.Run(SparseConvolution.BackwardWeight(
                memory.Device, "test", memory.Upload(X, _input, 0, 3), memory.Upload(DOutput, Output, float.NaN, 0), Pack(memory),
                UpdateCases.Storing(gradient)));
            return [memory.Read(gradient)[..Index.Length]];
        }

        private Expected[] ExpectedBackwardWeight()
        {
            double[] dWeight = Convolution.Reference.BackwardWeight(DOutput, X, images, height, width, filter, padding);
            double[] absolute = Convolution.Reference.BackwardWeight(
                Numbers.Absolute(DOutput), Numbers.Absolute(X), images, height, width, filter, padding);
            int[] index = Index;
            return [Expected.Sums(
                "dWeight", [.. index.Select(i => dWeight[i])], [.. index.Select(i => absolute[i])], DOutput.Length / filter.Filters)];
        }

        /// <summary>Into buffers that hold something else: what is pruned stays as it is there.</summary>
        private double[][] Unpack(DeviceMemory memory)
        {
            float[] other = [.. Enumerable.Repeat(Images.Untouched, filter.Count)];
            var flat = Enumerable.Range(0, 3).Select(_ => memory.Allocate<float>(other)).ToArray();
            var live = Pack(memory);
            live.Store(flat[0], flat[1], flat[2]);
            return [.. flat.Select(v => memory.Read(v)), [live.Count]];
        }

        private Expected[] ExpectedUnpacked()
        {
            double[] flat = [.. Weight.Select((w, i) => Mask[i] == 1 ? w : (double)Images.Untouched)];
            return
            [
                Expected.Exactly("weight", flat), Expected.Exactly("first moment", flat), Expected.Exactly("second moment", flat),
                Expected.Exactly("count", [Index.Length]),
            ];
        }
    }
}
