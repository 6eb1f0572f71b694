using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Convolution (cross-correlation, as every framework computes it) with stride t:
/// y(n, k, p, q) = b(k) + Σ_{c,r,s} w(k, c, r, s) x(n, c, t p + r, t q + s); ReLU fused.
/// </summary>
/// <remarks>
/// Padding is the border that the input tensor is stored with (<see cref="TensorShape.Padding"/>), less
/// <see cref="FilterShape.Inset"/>, so no kernel tests for it. Filters
/// are (K, C, R, S) row-major. Pruned weights are zeros in memory, as in <see cref="FullyConnected"/>.
/// </remarks>
internal static partial class Convolution
{
    public static Operation Forward(
        ComputeDevice device, string name, Tensor x, ArrayView<float> weight, ArrayView<float> bias, FilterShape filter, Tensor y,
        bool relu)
    {
        Check(name, x, weight.Length, filter, y);
        Require.Length(name, "bias", bias.Length, filter.Filters);
        var arguments = new ForwardArguments(x, weight, bias, filter, y, relu ? 1 : 0);
        if (filter.Stride > 1)
            return StridedConvolutionThreads.Of(device, name, Flops(x, filter, y), new StridedForwardArguments(arguments), y, filter);
        int tiles = ConvolutionThreads.Tiles(y);
        return Operation.OfTiles(
            device, name, Flops(x, filter, y), arguments, tiles,
            Operation.ThreadsFor(tiles, filter.Channels * filter.Rows, Tuning.ConvolutionLeastTerms, Tuning.ConvolutionMostThreads));
    }

    /// <summary>
    /// dx(n, c, h, w) = Σ_{k,r,s} w(k, c, r, s) dy(n, k, (h - r) / t, (w - s) / t) inside the border, over the r and s that give whole
    /// numbers, then 0 where gate (= x, a ReLU's output) is not positive.
    /// </summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor dOutput, ArrayView<float> weight, FilterShape filter, Tensor? gate, Tensor dInput)
    {
        Check(name, dInput, weight.Length, filter, dOutput);
        Require.Gate(name, gate, dInput);
        double flops = Flops(dInput, filter, dOutput);
        var arguments = new BackwardDataArguments(dOutput, weight, filter, gate ?? dInput, dInput, gate is null ? 0 : 1);
        if (filter.Stride > 1)
            return StridedConvolutionThreads.Of(device, name, flops, new StridedBackwardDataArguments(arguments), dInput, filter);
        int tiles = ConvolutionThreads.Tiles(dInput);
        return Operation.OfTiles(
            device, name, flops, arguments, tiles,
            Operation.ThreadsFor(tiles, filter.Filters * filter.Rows, Tuning.ConvolutionLeastTerms, Tuning.ConvolutionMostThreads));
    }

    /// <summary>
    /// dw(k, c, r, s) = Σ_{n,p,q} dy(n, k, p, q) x(n, c, t p + r, t q + s), handed to an optimizer: operations to run one after the other.
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
        if (parts is null)
            return [Operation.OnHost(device, name, flops, new BackwardWeightArguments(x, dOutput, filter, update))];
        var arguments = new WeightPartArguments(x, dOutput, filter, parts.Sums, parts.Count);
        return filter.Stride > 1
            ? parts.Stages(device, name, flops, new StridedWeightPartArguments(arguments), update)
            : parts.Stages(device, name, flops, arguments, update);
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
            int stride = Filter.Stride;
            nint filterSize = Filter.FilterSize, origin = Filter.Origin(xs);
            var channels = new Loop(Filter.Channels, xs.ChannelStride, Filter.Rows * Filter.Columns);
            var nest = new LoopNest(
                channels, new(Filter.Rows, xs.RowStride, Filter.Columns), new(Filter.Columns, Layout.Lanes, 1));
            var epilogue = new Epilogue(Bias.Pointer(), null, Relu != 0);
            bool mind = Padding.Matters(xs, Filter, ys);
            int padding = xs.Padding - Filter.Inset;
            var (first, last) = Operation.Share(pairs * rowTiles * ys.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int p = item % ys.Height, row = item / ys.Height % rowTiles * Tile.Rows, block = item / ys.Height / rowTiles * 2;
                int rows = Math.Min(Tile.Rows, Filter.Filters - row), groups = Math.Min(2, X.Blocks - block);
                var at = epilogue.At(row, 0);
                var (r, endRow) = mind ? Padding.Taps(p, padding, stride, xs.Height, Filter.Rows) : (0, Filter.Rows);
                for (int q = 0; q < ys.Width; q++)
                {
                    int s = 0;
                    if (mind)
                    {
                        (s, int endColumn) = Padding.Taps(q, padding, stride, xs.Width, Filter.Columns);
                        nest = new(
                            channels, new(endRow - r, xs.RowStride, Filter.Columns), new(endColumn - s, Layout.Lanes, 1));
                    }
                    float* source = x + (nint)block * xs.BlockStride + origin;
                    Tile.Compute<V>(
                        rows, groups,
                        new(source + (p * stride + r) * xs.RowStride + (q * stride + s) * Layout.Lanes, xs.BlockStride),
                        new(w + row * filterSize + r * Filter.Columns + s, filterSize),
                        new(y + (nint)block * ys.BlockStride + ys.Offset(row, p, q), ys.BlockStride, ys.ChannelStride), nest, at);
                }
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
        // Before the tensors: behind them, ILGPU 1.5.3 takes the arguments of two operations for one type, see PtxTests.
        public readonly int Gated = gated;
        public readonly Tensor DOutput = dOutput, Gate = gate, DInput = dInput;
        public readonly ArrayView<float> Weight = weight;
        public readonly FilterShape Filter = filter;

        /// <summary>Each input pixel sums over the taps that reach an output, so nothing is computed for a border.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = DInput.Shape, ys = DOutput.Shape;
            float* dx = DInput.Pointer, dy = DOutput.Pointer, w = Weight.Pointer();
            int rowTiles = (Filter.Channels + Tile.Rows - 1) / Tile.Rows, pairs = (DInput.Blocks + 1) / 2;
            int taps = Filter.Rows * Filter.Columns, filterSize = Filter.FilterSize, stride = Filter.Stride;
            int padding = xs.Padding - Filter.Inset;
            var epilogue = new Epilogue(null, Gated != 0 ? Gate.Pointer : null, false);
            var (first, last) = Operation.Share(pairs * rowTiles * xs.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int height = item % xs.Height, row = item / xs.Height % rowTiles * Tile.Rows, block = item / xs.Height / rowTiles * 2;
                int rows = Math.Min(Tile.Rows, Filter.Channels - row), groups = Math.Min(2, DInput.Blocks - block);
                var (r0, p, tapRows) = Taps(height + padding, Filter.Rows, ys.Height, stride);
                for (int width = 0; width < xs.Width; width++)
                {
                    var (s0, q, tapColumns) = Taps(width + padding, Filter.Columns, ys.Width, stride);
                    var nest = new LoopNest(
                        new Loop(Filter.Filters, ys.ChannelStride, filterSize), new(tapRows, -ys.RowStride, stride * Filter.Columns),
                        new(tapColumns, -Layout.Lanes, stride));
                    nint offset = (nint)block * xs.BlockStride + xs.Offset(row, height, width);
                    Tile.Compute<V>(
                        rows, groups, new(dy + (nint)block * ys.BlockStride + ys.Offset(0, p, q), ys.BlockStride),
                        new(w + (nint)row * taps + r0 * Filter.Columns + s0, taps), new(dx + offset, xs.BlockStride, xs.ChannelStride),
                        nest, epilogue.At(0, offset));
                }
            }
        }

        /// <summary>
        /// Which taps of a row or column reach an output from a place of the input: the first of them, the output that it reaches, and how
        /// many there are, each of which is a stride further and reaches the output before.
        /// </summary>
        private static (int First, int Output, int Count) Taps(int place, int taps, int outputs, int stride)
        {
            if (stride == 1)
            {
                int from = Math.Max(0, place - outputs + 1);
                return (from, place - from, Math.Max(0, Math.Min(taps - 1, place) - from + 1));
            }
            int output = Math.Min(place / stride, outputs - 1), first = place - output * stride, last = Math.Min(taps - 1, place);
            return (first, output, first > last ? 0 : (last - first) / stride + 1);
        }

        public int Sums => ConvolutionThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionThreads.AddBackwardData(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionThreads.FinishBackwardData(this, tile, thread, threads, sums);
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

    /// <summary><see cref="ForwardArguments"/> with a stride: the same on the CPU, other threads on a GPU.</summary>
    public readonly struct StridedForwardArguments(ForwardArguments arguments) : IBody, ITileBody
    {
        public readonly ForwardArguments Arguments = arguments;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V> => Arguments.Run<V>(worker, workers);

        public int Sums => StridedConvolutionThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            StridedConvolutionThreads.AddForward(Arguments, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            StridedConvolutionThreads.FinishForward(Arguments, tile, thread, threads, sums);
    }

    /// <summary><see cref="BackwardDataArguments"/> with a stride.</summary>
    public readonly struct StridedBackwardDataArguments(BackwardDataArguments arguments) : IBody, ITileBody
    {
        public readonly BackwardDataArguments Arguments = arguments;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V> => Arguments.Run<V>(worker, workers);

        public int Sums => StridedConvolutionThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            StridedConvolutionThreads.AddBackwardData(Arguments, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            StridedConvolutionThreads.FinishBackwardData(Arguments, tile, thread, threads, sums);
    }

    /// <summary><see cref="WeightPartArguments"/> with a stride.</summary>
    public readonly struct StridedWeightPartArguments(WeightPartArguments arguments) : ITileBody
    {
        public readonly WeightPartArguments Arguments = arguments;

        public int Sums => ConvolutionWeightThreads.Sums;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionWeightThreads.AddStrided(Arguments, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            ConvolutionWeightThreads.Finish(Arguments, tile, thread, threads, sums);
    }
}
