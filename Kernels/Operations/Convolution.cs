using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Convolution with stride 1 (cross-correlation, as every framework computes it):
/// y(n, k, p, q) = b(k) + Σ_{c,r,s} w(k, c, r, s) x(n, c, p + r, q + s); ReLU fused.
/// </summary>
/// <remarks>
/// Padding is the border that the input tensor is stored with (<see cref="TensorShape.Padding"/>), so no kernel tests for it. Filters
/// are (K, C, R, S) row-major. Pruned weights are zeros in memory, as in <see cref="FullyConnected"/>.
/// </remarks>
internal static class Convolution
{
    public static Operation Forward(
        ComputeDevice device, string name, Tensor x, ArrayView<float> weight, ArrayView<float> bias, FilterShape filter, Tensor y,
        bool relu)
    {
        Check(name, x, weight.Length, filter, y);
        Require.Length(name, "bias", bias.Length, filter.Filters);
        int tiles = ConvolutionThreads.Tiles(y);
        return Operation.OfTiles(
            device, name, Flops(x, filter, y), new ForwardArguments(x, weight, bias, filter, y, relu ? 1 : 0), tiles,
            Operation.ThreadsFor(tiles, filter.Channels * filter.Rows, Tuning.ConvolutionLeastTerms, Tuning.ConvolutionMostThreads));
    }

    /// <summary>
    /// dx(n, c, h, w) = Σ_{k,r,s} w(k, c, r, s) dy(n, k, h - r, w - s) inside the border, then 0 where gate (= x, a ReLU's output) is not
    /// positive.
    /// </summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor dOutput, ArrayView<float> weight, FilterShape filter, Tensor? gate, Tensor dInput)
    {
        Check(name, dInput, weight.Length, filter, dOutput);
        Require.Gate(name, gate, dInput);
        int tiles = ConvolutionThreads.Tiles(dInput);
        return Operation.OfTiles(
            device, name, Flops(dInput, filter, dOutput),
            new BackwardDataArguments(dOutput, weight, filter, gate ?? dInput, dInput, gate is null ? 0 : 1), tiles,
            Operation.ThreadsFor(tiles, filter.Filters * filter.Rows, Tuning.ConvolutionLeastTerms, Tuning.ConvolutionMostThreads));
    }

    /// <summary>
    /// dw(k, c, r, s) = Σ_{n,p,q} dy(n, k, p, q) x(n, c, p + r, q + s), handed to an optimizer: operations to run one after the other.
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="dOutput">(N, K, P, Q).</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="update">Over the weights.</param>
    /// <param name="parts">See <see cref="Parts"/>.</param>
    public static Operation[] BackwardWeight(
        ComputeDevice device, string name, Tensor x, Tensor dOutput, FilterShape filter, Update update, GradientParts? parts)
    {
        Check(name, x, update.Weight.Length, filter, dOutput);
        double flops = Flops(x, filter, dOutput);
        return parts is null
            ? [Operation.OnHost(device, name, flops, new BackwardWeightArguments(x, dOutput, filter, update))]
            : parts.Stages(device, name, flops, new WeightPartArguments(x, dOutput, filter, parts.Sums, parts.Count), update);
    }

    /// <summary>What the weight gradient needs on a GPU; null on the CPU accelerator.</summary>
    public static GradientParts? Parts(DeviceMemory memory, FilterShape filter, Tensor dOutput)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return memory.Device.RunsOnHost ? null : ConvolutionWeightThreads.Parts(memory, filter, dOutput);
    }

    internal static double Flops(Tensor x, FilterShape filter, Tensor y) =>
        2.0 * filter.Count * y.Shape.Height * y.Shape.Width * x.Blocks * Layout.Lanes;

    internal static void Check(string name, Tensor x, long weights, FilterShape filter, Tensor y)
    {
        Require.Length(name, "weight", weights, filter.Count);
        var expected = filter.Output(x.Shape, y.Shape.Padding);
        if (filter.Channels != x.Shape.Channels || expected != y.Shape || x.Blocks != y.Blocks)
            throw new ArgumentException(
                $"{name}: filter {filter} over {x.Shape}, {x.Blocks} blocks, gives {expected}; the output is {y.Shape}, {y.Blocks} blocks");
    }

    public readonly struct ForwardArguments(
        Tensor x, ArrayView<float> weight, ArrayView<float> bias, FilterShape filter, Tensor y, int relu) : IBody, ITileBody
    {
        public readonly Tensor X = x, Y = y;
        public readonly ArrayView<float> Weight = weight, Bias = bias;
        public readonly FilterShape Filter = filter;
        public readonly int Relu = relu;

        /// <summary>A unit of work is one output row of 8 channels of 32 images.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            float* x = X.Pointer, y = Y.Pointer, w = Weight.Pointer();
            int rowTiles = (Filter.Filters + Tile.Rows - 1) / Tile.Rows, pairs = (X.Blocks + 1) / 2;
            nint filterSize = Filter.FilterSize;
            var nest = new LoopNest(
                Filter.Channels, Filter.Rows, Filter.Columns, xs.ChannelStride, xs.RowStride, Layout.Lanes,
                Filter.Rows * Filter.Columns, Filter.Columns, 1);
            var epilogue = new Epilogue(Bias.Pointer(), null, Relu != 0);
            var (first, last) = Operation.Share(pairs * rowTiles * ys.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int p = item % ys.Height, row = item / ys.Height % rowTiles * Tile.Rows, block = item / ys.Height / rowTiles * 2;
                int rows = Math.Min(Tile.Rows, Filter.Filters - row), groups = Math.Min(2, X.Blocks - block);
                var at = epilogue.At(row, 0);
                for (int q = 0; q < ys.Width; q++)
                    Tile.Compute<V>(
                        rows, x + (nint)block * xs.BlockStride + p * xs.RowStride + q * Layout.Lanes, xs.BlockStride, w + row * filterSize,
                        filterSize, y + (nint)block * ys.BlockStride + ys.Offset(row, p, q), ys.BlockStride, ys.ChannelStride, groups, nest,
                        at);
            }
        }

        public int Sums => ConvolutionThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionThreads.AddForward(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionThreads.FinishForward(this, tile, thread, threads, sums);
    }

    public readonly struct BackwardDataArguments(
        Tensor dOutput, ArrayView<float> weight, FilterShape filter, Tensor gate, Tensor dInput, int gated) : IBody, ITileBody
    {
        public readonly Tensor DOutput = dOutput, Gate = gate, DInput = dInput;
        public readonly ArrayView<float> Weight = weight;
        public readonly FilterShape Filter = filter;
        public readonly int Gated = gated;

        /// <summary>Each input pixel sums over the taps that reach an output, so nothing is computed for a border.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = DInput.Shape, ys = DOutput.Shape;
            float* dx = DInput.Pointer, dy = DOutput.Pointer, w = Weight.Pointer();
            int rowTiles = (Filter.Channels + Tile.Rows - 1) / Tile.Rows, pairs = (DInput.Blocks + 1) / 2;
            int taps = Filter.Rows * Filter.Columns, filterSize = Filter.FilterSize;
            var epilogue = new Epilogue(null, Gated != 0 ? Gate.Pointer : null, false);
            var (first, last) = Operation.Share(pairs * rowTiles * xs.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int height = item % xs.Height, row = item / xs.Height % rowTiles * Tile.Rows, block = item / xs.Height / rowTiles * 2;
                int rows = Math.Min(Tile.Rows, Filter.Channels - row), groups = Math.Min(2, DInput.Blocks - block);
                int h = height + xs.Padding, r0 = Math.Max(0, h - ys.Height + 1), r1 = Math.Min(Filter.Rows - 1, h);
                for (int width = 0; width < xs.Width; width++)
                {
                    int v = width + xs.Padding, s0 = Math.Max(0, v - ys.Width + 1), s1 = Math.Min(Filter.Columns - 1, v);
                    var nest = new LoopNest(
                        Filter.Filters, r1 - r0 + 1, s1 - s0 + 1, ys.ChannelStride, -ys.RowStride, -Layout.Lanes, filterSize,
                        Filter.Columns, 1);
                    nint offset = (nint)block * xs.BlockStride + xs.Offset(row, height, width);
                    Tile.Compute<V>(
                        rows, dy + (nint)block * ys.BlockStride + ys.Offset(0, h - r0, v - s0), ys.BlockStride,
                        w + (nint)row * taps + r0 * Filter.Columns + s0, taps, dx + offset, xs.BlockStride, xs.ChannelStride, groups, nest,
                        epilogue.At(0, offset));
                }
            }
        }

        public int Sums => ConvolutionThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionThreads.AddBackwardData(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionThreads.FinishBackwardData(this, tile, thread, threads, sums);
    }

    public readonly struct BackwardWeightArguments(Tensor x, Tensor dOutput, FilterShape filter, Update update) : IBody
    {
        public readonly Tensor X = x, DOutput = dOutput;
        public readonly FilterShape Filter = filter;
        public readonly Update Update = update;

        /// <summary>Input channels whose weights are updated together: 16 times any number of taps are whole vectors.</summary>
        private const int Channels = Layout.Lanes;

        /// <summary>
        /// A unit of work is one input channel of 5 filters: 5 x 5 taps at a time are summed over images and positions in registers, lane
        /// by lane, and the lanes added once at the end.
        /// </summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int filterTiles = TapTile.Count(Filter.Filters), all = Filter.Channels;
            var (first, last) = Operation.Share(filterTiles * all, worker, workers);
            for (int item = first, next; item < last; item = next)
            {
                next = Math.Min((item / all + 1) * all, last);
                var (filter, end) = Operation.Share(Filter.Filters, item / all, filterTiles);
                Filters<V>(filter, end, item % all, item % all + next - item, DOutput, 0);
            }
        }

        /// <summary>
        /// Up to 5 filters and a range of input channels; gradients of the output in <paramref name="dOutput"/>, whose first channel is
        /// <paramref name="origin"/>.
        /// </summary>
        internal unsafe void Filters<V>(int filter, int end, int firstChannel, int lastChannel, Tensor dOutput, int origin)
            where V : unmanaged, ISimd<V>
        {
            int taps = Filter.Rows * Filter.Columns;
            float* gradient = stackalloc float[TapTile.Filters * Channels * taps];
            for (int channel = firstChannel; channel < lastChannel; channel += Channels)
            {
                int channels = Math.Min(Channels, lastChannel - channel);
                for (int c = 0; c < channels; c++)
                    for (int r = 0; r < Filter.Rows; r++)
                        for (int s = 0; s < Filter.Columns; s += TapTile.Taps)
                            TapTile.Compute<V>(
                                X, dOutput, channel + c, r, s, Math.Min(TapTile.Taps, Filter.Columns - s), filter - origin, end - filter,
                                gradient + c * taps + r * Filter.Columns + s, Channels * taps);
                for (int f = filter; f < end; f++)
                    Update.Apply<V>(f * Filter.FilterSize + channel * taps, gradient + (f - filter) * Channels * taps, channels * taps);
            }
        }
    }

    public readonly struct WeightPartArguments(
        Tensor x, Tensor dOutput, FilterShape filter, ArrayView<float> partSums, int parts) : ITileBody
    {
        public readonly Tensor X = x, DOutput = dOutput;
        public readonly FilterShape Filter = filter;

        /// <summary>[part][weight].</summary>
        public readonly ArrayView<float> PartSums = partSums;
        public readonly int Parts = parts;

        public int Sums => ConvolutionWeightThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionWeightThreads.Add(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionWeightThreads.Finish(this, tile, thread, threads, sums);
    }

    /// <summary>The formulas as plain loops over plain (N, C, H, W) arrays with explicit padding, summed in double.</summary>
    public static class Reference
    {
        public static double[] Forward(
            float[] x, float[] weight, float[] bias, int images, int height, int width, FilterShape f, int padding, bool relu)
        {
            int rows = height + 2 * padding - f.Rows + 1, columns = width + 2 * padding - f.Columns + 1;
            var y = new double[images * f.Filters * rows * columns]; // (N, K, P, Q)
            for (int o = 0; o < y.Length; o++)
                y[o] = bias[o / (rows * columns) % f.Filters];
            foreach (var (i, w, o) in Terms(images, height, width, f, padding))
                y[o] += (double)weight[w] * x[i];
            return relu ? [.. y.Select(v => Math.Max(0, v))] : y;
        }

        public static double[] BackwardData(
            float[] dOutput, float[] weight, float[]? gate, int images, int height, int width, FilterShape f, int padding)
        {
            var dx = new double[images * f.Channels * height * width]; // (N, C, H, W)
            foreach (var (i, w, o) in Terms(images, height, width, f, padding))
                dx[i] += (double)weight[w] * dOutput[o];
            return gate is null ? dx : [.. dx.Select((v, i) => gate[i] > 0 ? v : 0)];
        }

        public static double[] BackwardWeight(float[] dOutput, float[] x, int images, int height, int width, FilterShape f, int padding)
        {
            var dw = new double[f.Count]; // (K, C, R, S)
            foreach (var (i, w, o) in Terms(images, height, width, f, padding))
                dw[w] += (double)dOutput[o] * x[i];
            return dw;
        }

        /// <summary>Every product of the convolution: which input, weight and output it joins.</summary>
        private static IEnumerable<(int Input, int Weight, int Output)> Terms(int images, int height, int width, FilterShape f, int padding)
        {
            int rows = height + 2 * padding - f.Rows + 1, columns = width + 2 * padding - f.Columns + 1;
            for (int n = 0; n < images; n++)
                for (int k = 0; k < f.Filters; k++)
                    for (int p = 0; p < rows; p++)
                        for (int q = 0; q < columns; q++)
                            for (int c = 0; c < f.Channels; c++)
                                for (int r = 0; r < f.Rows; r++)
                                    for (int s = 0; s < f.Columns; s++)
                                    {
                                        int h = p + r - padding, w = q + s - padding;
                                        if (h >= 0 && h < height && w >= 0 && w < width)
                                            yield return (((n * f.Channels + c) * height + h) * width + w,
                                                ((k * f.Channels + c) * f.Rows + r) * f.Columns + s,
                                                ((n * f.Filters + k) * rows + p) * columns + q);
                                    }
        }
    }
}
