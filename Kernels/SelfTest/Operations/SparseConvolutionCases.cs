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
        (2, 7, 6, 1, new(3, 4, 3, 3, Inset: 1), 30), (70, 2, 2, 1, new(20, 8, 3, 3), 30), (33, 4, 4, 3, new(6, 4, 5, 5, Inset: 1), 40),
        (18, 15, 12, 0, new(3, 4, 7, 7), 30),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Height, s.Width, s.Padding, s.Filter, s.Live).Cases());

    private sealed class Layer(int images, int height, int width, int padding, FilterShape filter, int livePercent)
        : ConvolutionLayer(images, height, width, padding, filter, MaskOf(filter, livePercent))
    {
        private float[] Mask => MaskOf(Filter, livePercent);
        private float[] Stored => new Numbers(2).Uniform(Filter.Count);
        private int[] Index => [.. Enumerable.Range(0, Filter.Count).Where(i => Mask[i] == 1)];

        private string Name => $"{Shape} {livePercent} % live";

        private static float[] MaskOf(FilterShape f, int livePercent) => [.. new Numbers(3).Integers(f.Count, 100).Select((n, i) =>
            n < livePercent && (livePercent == 100 || (i / f.FilterSize != 1 && i / (f.Rows * f.Columns) % f.Channels != 2)) ? 1f : 0f)];

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"sparse forward {Name}", m => Forward(m, false), () => ExpectedForward(false), onHostOnly: true),
            new($"sparse forward relu {Name}", m => Forward(m, true), () => ExpectedForward(true), onHostOnly: true),
            new($"sparse backward data {Name}", m => BackwardData(m, false), () => ExpectedBackwardData(false), onHostOnly: true),
            new($"sparse backward data gated {Name}", m => BackwardData(m, true), () => ExpectedBackwardData(true), onHostOnly: true),
            new($"sparse backward weight {Name}", BackwardWeight, ExpectedLiveGradients, onHostOnly: true),
            new($"live weights packed and unpacked {Name}", Unpack, ExpectedUnpacked, onHostOnly: true),
        ];

        /// <summary>Packed, with room to spare, and packed before from another mask.</summary>
        private LiveWeights Pack(DeviceMemory memory)
        {
            var live = new LiveWeights(memory, Filter, Input, Output, Layout.Blocks(ImageCount), Filter.Count + 3, backward: true);
            live.Find(new Numbers(6).Mask(Filter.Count));
            live.Find(Mask);
            live.Load(memory.Allocate<float>(Stored), memory.Allocate<float>(Stored), memory.Allocate<float>(Stored));
            return live;
        }

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            var y = memory.Result(Output, ImageCount);
            memory.Device.Run(SparseConvolution.Forward(
                memory.Device, "test", memory.Upload(X, Input, 0, float.NaN), Pack(memory), memory.Allocate<float>(Bias), y, relu));
            return [memory.Read(y, ImageCount)];
        }

        private double[][] BackwardData(DeviceMemory memory, bool gated)
        {
            var dOutput = memory.Upload(DOutput, Output, float.NaN, float.NaN);
            var dInput = memory.Result(Input, ImageCount);
            Tensor? gate = gated ? memory.Upload(X, Input, 0, float.NaN) : null;
            memory.Device.Run(SparseConvolution.BackwardData(memory.Device, "test", dOutput, Pack(memory), gate, dInput));
            return [memory.Read(dInput, ImageCount, borderStays: false)];
        }

        private double[][] BackwardWeight(DeviceMemory memory)
        {
            var gradient = memory.Allocate<float>(Filter.Count + 1);
            memory.Device.Run(SparseConvolution.BackwardWeight(
                memory.Device, "test", memory.Upload(X, Input, 0, 3), memory.Upload(DOutput, Output, float.NaN, 0), Pack(memory),
                UpdateCases.Storing(gradient)));
            return [memory.Read(gradient)[..Index.Length]];
        }

        private Expected[] ExpectedLiveGradients()
        {
            var all = ExpectedBackwardWeight()[0];
            int[] index = Index;
            return [new("dWeight", [.. index.Select(i => all.Values[i])], [.. index.Select(i => all.Bounds[i])])];
        }

        /// <summary>Into buffers that hold something else: what is pruned stays as it is there.</summary>
        private double[][] Unpack(DeviceMemory memory)
        {
            float[] other = [.. Enumerable.Repeat(Images.Untouched, Filter.Count)];
            var flat = Enumerable.Range(0, 3).Select(_ => memory.Allocate<float>(other)).ToArray();
            var live = Pack(memory);
            live.Store(flat[0], flat[1], flat[2]);
            return [.. flat.Select(v => memory.Read(v)), [live.Count]];
        }

        private Expected[] ExpectedUnpacked()
        {
            double[] flat = [.. Stored.Select((w, i) => Mask[i] == 1 ? w : (double)Images.Untouched)];
            return
            [
                Expected.Exactly("weight", flat), Expected.Exactly("first moment", flat), Expected.Exactly("second moment", flat),
                Expected.Exactly("count", [Index.Length]),
            ];
        }
    }
}
