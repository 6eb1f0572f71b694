using ILGPU;

namespace Kernels;

/// <summary>
/// The three passes of <see cref="Convolution"/> by Winograd's minimal filtering along rows (<see cref="WinogradTransform"/>), for filters of 5
/// columns: 8 products where the formula has 20. Only on the CPU accelerator.
/// </summary>
/// <remarks>
/// At each of 8 points input and output are small images of their own, one column per tile of 4 outputs, convolved with R x 1 filters:
/// m(f, k, p, t) = Σ_{c,r} u(f, k, c, r) v(f, c, p + r, t). Weights, inputs and gradients of outputs are transformed once a step and serve two passes
/// each. Rows lie innermost, so that such a convolution is one along rows of memory.
/// </remarks>
public sealed class Winograd
{
    private const int Points = WinogradTransform.Points, Outputs = WinogradTransform.Outputs;

    /// <summary>Image rows at a time: so many that a point's operands are read again from the first cache.</summary>
    private const int Band = 4;

    /// <summary>Sums of a band: [point][row of the band][channel][group][16], distances in floats.</summary>
    private const int Row = 2 * Layout.Lanes, Line = Tile.Rows * Row, Point = Band * Line;

    /// <summary>Terms that a sum must have at each point: with fewer, transforms cost more than they save.</summary>
    private const int FewestTerms = 25;

    private readonly ComputeDevice _device;
    private readonly FilterShape _filter;
    private readonly double _flops;
    private readonly Tensor _x, _y, _input, _outputGradient;
    private readonly ArrayView<float> _weight;

    /// <summary>Buffers for one layer.</summary>
    /// <param name="memory">Owns them.</param>
    /// <param name="filter">(K, C, R, 5).</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="y">(N, K, P, Q), or its gradient: a layer's shapes count here, not its values.</param>
    public Winograd(DeviceMemory memory, FilterShape filter, Tensor x, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Convolution.Check(nameof(Winograd), x, filter.Count, filter, y);
        if (!Fits(memory.Device, filter, y.Shape))
            throw new NotSupportedException(
                $"filter {filter} to {y.Shape} on {memory.Device}: expected {WinogradTransform.Columns} columns, {FewestTerms} terms, a tile of outputs and the CPU accelerator");
        (_device, _filter, _x, _y, _flops) = (memory.Device, filter, x, y, Convolution.Flops(x, filter, y));
        int tiles = Operation.Parts(y.Shape.Width, Outputs), batch = x.Blocks * Layout.Lanes;
        _input = memory.AllocateTensor(new TensorShape(Points * filter.Channels, tiles, x.Shape.Height + 2 * x.Shape.Padding), batch);
        _outputGradient = memory.AllocateTensor(new TensorShape(Points * filter.Filters, tiles, y.Shape.Height), batch);
        _weight = memory.Allocate<float>((long)Points * filter.Filters * filter.Channels * filter.Rows);
    }

    /// <summary>Whether these passes serve a layer, and pay.</summary>
    public static bool Fits(ComputeDevice device, FilterShape filter, TensorShape output)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.RunsOnHost && filter.Columns == WinogradTransform.Columns && output.Width >= Outputs
            && Math.Min(filter.Channels, filter.Filters) * filter.Rows >= FewestTerms;
    }

    /// <summary>What the forward pass and the weight gradient need of the input x: before them.</summary>
    public Operation TransformInput(string name, Tensor x)
    {
        Require(name, "input", x, _x);
        return Operation.OnHost(_device, name, 0, new InputArguments(x, _filter, _input));
    }

    /// <summary>What the forward pass and the gradient of the input need of the weights: before them.</summary>
    public Operation TransformWeight(string name, ArrayView<float> weight)
    {
        MaskedGemm.Require(name, "weight", weight.Length, _filter.Count);
        return Operation.OnHost(_device, name, 0, new WeightArguments(weight, _weight));
    }

    /// <summary>What both gradients need of the gradient of the output: before them.</summary>
    public Operation TransformOutputGradient(string name, Tensor dOutput)
    {
        Require(name, "gradient of the output", dOutput, _y);
        return Operation.OnHost(_device, name, 0, new OutputGradientArguments(dOutput, _filter, _outputGradient));
    }

    /// <summary><see cref="Convolution.Forward"/> of the transformed input and weights.</summary>
    public Operation Forward(string name, ArrayView<float> bias, Tensor y, bool relu)
    {
        MaskedGemm.Require(name, "bias", bias.Length, _filter.Filters);
        Require(name, "output", y, _y);
        return Operation.OnHost(_device, name, _flops, new ForwardArguments(_input, _weight, bias, _filter, y, relu));
    }

    /// <summary><see cref="Convolution.BackwardData"/> of the transformed gradient and weights.</summary>
    public Operation BackwardData(string name, Tensor? gate, Tensor dInput)
    {
        Require(name, "gradient of the input", dInput, _x);
        MaskedGemm.RequireGate(name, gate, dInput);
        return Operation.OnHost(
            _device, name, _flops, new BackwardDataArguments(_outputGradient, _weight, _filter, gate ?? dInput, dInput, gate is not null));
    }

    /// <summary><see cref="Convolution.BackwardWeight"/> of the transformed input and gradient.</summary>
    public Operation BackwardWeight(string name, Update update)
    {
        MaskedGemm.Require(name, "weight", update.Weight.Length, _filter.Count);
        return Operation.OnHost(_device, name, _flops, new BackwardWeightArguments(_input, _outputGradient, _filter, update));
    }

    private static void Require(string name, string what, Tensor found, Tensor expected)
    {
        if (found.Shape != expected.Shape || found.Blocks != expected.Blocks)
            throw new ArgumentException($"{name}: {what} is {found.Shape}, {found.Blocks} blocks, expected {expected.Shape}, {expected.Blocks} blocks");
    }

    private readonly struct InputArguments(Tensor x, FilterShape filter, Tensor v) : IBody
    {
        /// <summary>A unit of work is one channel of 16 images.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = x.Shape, vs = v.Shape;
            int width = xs.Width + 2 * xs.Padding;
            nint pitch = (nint)filter.Channels * vs.ChannelStride;
            var (first, last) = Operation.Share(x.Blocks * filter.Channels, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / filter.Channels, c = item % filter.Channels;
                var source = x.Pointer + (nint)block * xs.BlockStride + c * xs.ChannelStride;
                var target = v.Pointer + (nint)block * vs.BlockStride + c * vs.ChannelStride;
                for (int row = 0; row < vs.Width; row++)
                    for (int t = 0; t < vs.Height; t++)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                            WinogradTransform.Input<V>(
                                source + row * xs.RowStride + t * Outputs * Layout.Lanes + lane, width - t * Outputs,
                                target + t * vs.RowStride + row * Layout.Lanes + lane, pitch);
            }
        }
    }

    private readonly struct OutputGradientArguments(Tensor dOutput, FilterShape filter, Tensor z) : IBody
    {
        /// <summary>A unit of work is one channel of 16 images.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape ys = dOutput.Shape, zs = z.Shape;
            nint pitch = (nint)filter.Filters * zs.ChannelStride;
            var (first, last) = Operation.Share(dOutput.Blocks * filter.Filters, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / filter.Filters, k = item % filter.Filters;
                var source = dOutput.Pointer + (nint)block * ys.BlockStride + ys.Offset(k, 0, 0);
                var target = z.Pointer + (nint)block * zs.BlockStride + k * zs.ChannelStride;
                for (int row = 0; row < zs.Width; row++)
                    for (int t = 0; t < zs.Height; t++)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                            WinogradTransform.OutputGradient<V>(
                                source + row * ys.RowStride + t * Outputs * Layout.Lanes + lane, ys.Width - t * Outputs,
                                target + t * zs.RowStride + row * Layout.Lanes + lane, pitch);
            }
        }
    }

    private readonly struct WeightArguments(ArrayView<float> weight, ArrayView<float> u) : IBody
    {
        /// <summary>A unit of work is 16 rows of filters, turned so that they lie across lanes.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Columns = WinogradTransform.Columns;
            float* w = weight.Pointer(), turned = stackalloc float[Columns * Layout.Lanes], points = stackalloc float[Points * Layout.Lanes];
            int rows = (int)u.Length / Points;
            var (first, last) = Operation.Share(Operation.Parts(rows, Layout.Lanes), worker, workers);
            for (int item = first; item < last; item++)
            {
                int row = item * Layout.Lanes, count = Math.Min(Layout.Lanes, rows - row);
                for (int i = 0; i < count; i++)
                    for (int s = 0; s < Columns; s++)
                        turned[s * Layout.Lanes + i] = w[(row + i) * Columns + s];
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    WinogradTransform.Weight<V>(turned + lane, Layout.Lanes, points + lane, Layout.Lanes);
                for (int f = 0; f < Points; f++)
                    new ReadOnlySpan<float>(points + f * Layout.Lanes, count).CopyTo(new Span<float>(u.Pointer() + (nint)f * rows + row, count));
            }
        }
    }

    private readonly struct ForwardArguments(Tensor v, ArrayView<float> u, ArrayView<float> bias, FilterShape filter, Tensor y, bool relu) : IBody
    {
        /// <summary>A unit of work is one tile of a few output rows of 8 channels of 32 images, point by point.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* memory = stackalloc float[Points * Point + Layout.Lanes], points = Aligned(memory);
            TensorShape vs = v.Shape, ys = y.Shape;
            int rowTiles = Operation.Parts(filter.Filters, Tile.Rows), pairs = (v.Blocks + 1) / 2, terms = filter.Channels * filter.Rows;
            int bands = Operation.Parts(ys.Height, Band);
            var nest = new LoopNest(1, filter.Channels, filter.Rows, 0, vs.ChannelStride, Layout.Lanes, 0, filter.Rows, 1);
            var (first, last) = Operation.Share(pairs * vs.Height * bands * rowTiles, worker, workers);
            for (int item = first; item < last; item++)
            {
                int k = item % rowTiles * Tile.Rows, p = item / rowTiles % bands * Band, rest = item / rowTiles / bands;
                int t = rest % vs.Height, block = rest / vs.Height * 2;
                int rows = Math.Min(Tile.Rows, filter.Filters - k), groups = Math.Min(2, v.Blocks - block), q = t * Outputs;
                int band = Math.Min(Band, ys.Height - p);
                for (int f = 0; f < Points; f++)
                    for (int j = 0; j < band; j++)
                        Tile.Compute<V>(
                            rows, v.Pointer + (nint)block * vs.BlockStride + vs.Offset(f * filter.Channels, t, p + j), vs.BlockStride,
                            u.Pointer() + (nint)(f * filter.Filters + k) * terms, terms, points + f * Point + j * Line, Layout.Lanes, Row, groups, nest,
                            default);
                for (int i = 0; i < rows; i++)
                    for (int g = 0; g < groups; g++)
                        for (int j = 0; j < band; j++)
                            for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                                Finish<V>(
                                    points + j * Line + i * Row + g * Layout.Lanes + lane, Point, bias.Pointer()[k + i],
                                    y.Pointer + (nint)(block + g) * ys.BlockStride + ys.Offset(k + i, p + j, q) + lane, ys.Width - q);
            }
        }

        private unsafe void Finish<V>(float* points, nint pitch, float add, float* target, int columns) where V : unmanaged, ISimd<V>
        {
            var b = V.Broadcast(add);
            var (y0, y1, y2, y3) = WinogradTransform.Output<V>(points, pitch);
            (y0, y1, y2, y3) = (y0 + b, y1 + b, y2 + b, y3 + b);
            if (relu)
                (y0, y1, y2, y3) = (V.Max(V.Zero, y0), V.Max(V.Zero, y1), V.Max(V.Zero, y2), V.Max(V.Zero, y3));
            V.Store(y0, target);
            if (columns > 1)
                V.Store(y1, target + Layout.Lanes);
            if (columns > 2)
                V.Store(y2, target + 2 * Layout.Lanes);
            if (columns > 3)
                V.Store(y3, target + 3 * Layout.Lanes);
        }
    }

    private readonly struct BackwardDataArguments(Tensor z, ArrayView<float> u, FilterShape filter, Tensor gate, Tensor dInput, bool gated) : IBody
    {
        /// <summary>A unit of work is a few input rows of 8 channels of 32 images: tiles overlap in them.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape zs = z.Shape, xs = dInput.Shape;
            int rowTiles = Operation.Parts(filter.Channels, Tile.Rows), pairs = (z.Blocks + 1) / 2, terms = filter.Channels * filter.Rows;
            int lineLength = (zs.Height + 1) * Outputs * Layout.Lanes;
            int bands = Operation.Parts(xs.Height, Band);
            float* memory = stackalloc float[Points * Point + 2 * Tile.Rows * lineLength * Band + Layout.Lanes], points = Aligned(memory);
            float* lines = points + Points * Point; // [row of the band][channel][group][column][16]
            var (first, last) = Operation.Share(pairs * rowTiles * bands, worker, workers);
            for (int item = first; item < last; item++)
            {
                int height = item % bands * Band, c = item / bands % rowTiles * Tile.Rows, block = item / bands / rowTiles * 2;
                int rows = Math.Min(Tile.Rows, filter.Channels - c), groups = Math.Min(2, z.Blocks - block), band = Math.Min(Band, xs.Height - height);
                for (int i = 0; i < Band * Tile.Rows * 2; i++)
                    new Span<float>(lines + i * lineLength, Outputs * Layout.Lanes).Clear();
                for (int t = 0; t < zs.Height; t++)
                {
                    for (int f = 0; f < Points; f++)
                        for (int j = 0; j < band; j++)
                        {
                            int h = height + j + xs.Padding, r0 = Math.Max(0, h - zs.Width + 1), r1 = Math.Min(filter.Rows - 1, h);
                            var nest = new LoopNest(1, filter.Filters, r1 - r0 + 1, 0, zs.ChannelStride, -Layout.Lanes, 0, terms, 1);
                            Tile.Compute<V>(
                                rows, z.Pointer + (nint)block * zs.BlockStride + zs.Offset(f * filter.Filters, t, h - r0), zs.BlockStride,
                                u.Pointer() + (nint)f * filter.Filters * terms + c * filter.Rows + r0, filter.Rows, points + f * Point + j * Line,
                                Layout.Lanes, Row, groups, nest, default);
                        }
                    for (int j = 0; j < band; j++)
                        for (int i = 0; i < rows * 2; i++)
                            for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                                WinogradTransform.InputGradient<V>(
                                    points + j * Line + i * Layout.Lanes + lane, Point,
                                    lines + (j * Tile.Rows * 2 + i) * lineLength + t * Outputs * Layout.Lanes + lane);
                }
                for (int j = 0; j < band; j++)
                    for (int i = 0; i < rows; i++)
                        for (int g = 0; g < groups; g++)
                            StoreLine<V>(
                                lines + ((j * Tile.Rows + i) * 2 + g) * lineLength + xs.Padding * Layout.Lanes,
                                (nint)(block + g) * xs.BlockStride + xs.Offset(c + i, height + j, 0), xs.Width * Layout.Lanes);
            }
        }

        private unsafe void StoreLine<V>(float* line, nint offset, int length) where V : unmanaged, ISimd<V>
        {
            float* target = dInput.Pointer + offset, open = gate.Pointer + offset;
            for (int i = 0; i < length; i += V.Width)
                V.Store(gated ? V.WherePositive(V.Load(open + i), V.Load(line + i)) : V.Load(line + i), target + i);
        }
    }

    private readonly struct BackwardWeightArguments(Tensor v, Tensor z, FilterShape filter, Update update) : IBody
    {
        /// <summary>Input channels whose weights are updated together: 16 times any number of taps are whole vectors.</summary>
        private const int Channels = Layout.Lanes;

        /// <summary>A unit of work is one input channel of 5 filters, as in <see cref="Convolution.BackwardWeight"/>.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int filterTiles = TapTile.Count(filter.Filters), all = filter.Channels, run = Channels * filter.Rows;
            float* points = stackalloc float[Points * TapTile.Filters * run];
            float* gradient = stackalloc float[run * WinogradTransform.Columns];
            var (first, last) = Operation.Share(filterTiles * all, worker, workers);
            for (int item = first, count; item < last; item += count)
            {
                int channel = item % all;
                count = Math.Min(Math.Min(Channels, all - channel), last - item);
                var (from, to) = Operation.Share(filter.Filters, item / all, filterTiles);
                for (int f = 0; f < Points; f++)
                    for (int c = 0; c < count; c++)
                        for (int r = 0; r < filter.Rows; r += TapTile.Taps)
                            TapTile.Compute<V>(
                                v, z, f * all + channel + c, 0, r, Math.Min(TapTile.Taps, filter.Rows - r), f * filter.Filters + from, to - from,
                                points + f * TapTile.Filters * run + c * filter.Rows + r, run);
                for (int k = from; k < to; k++)
                {
                    for (int row = 0; row < count * filter.Rows; row++)
                        WinogradTransform.WeightGradient(
                            points + (k - from) * run + row, TapTile.Filters * run, gradient + row * WinogradTransform.Columns);
                    update.Apply<V>(
                        k * filter.FilterSize + channel * filter.Rows * WinogradTransform.Columns, gradient,
                        count * filter.Rows * WinogradTransform.Columns);
                }
            }
        }
    }

    /// <summary>The next whole vector: one that crosses a cache line is stored and loaded twice.</summary>
    private static unsafe float* Aligned(float* memory) => (float*)(((nint)memory + 63) & ~63);
}
