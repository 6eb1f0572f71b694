using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// The three passes of <see cref="Convolution"/> by Winograd's minimal filtering along rows (<see cref="WinogradTransform"/>), for filters
/// of 5 columns: 8 products where the formula has 20. Only on the CPU accelerator.
/// </summary>
/// <remarks>
/// At each of 8 points input and output are small images of their own, one column per tile of 4 outputs, convolved with R x 1 filters:
/// m(f, k, p, t) = Σ_{c,r} u(f, k, c, r) v(f, c, p + r, t). Weights, inputs and gradients of outputs are transformed once a step and serve
/// two passes each. Rows lie innermost, so that such a convolution is one along rows of memory.
/// </remarks>
internal sealed partial class Winograd
{
    private const int Points = WinogradTransform.Points, Outputs = WinogradTransform.Outputs;

    /// <summary>Image rows at a time.</summary>
    private const int Band = Tuning.WinogradBand;

    /// <summary>Columns of output at most: sums of a band lie on the stack.</summary>
    private const int MostColumns = 64;

    /// <summary>Sums of a band: [point][row of the band][channel][group][16], distances in floats.</summary>
    private const int Row = 2 * Layout.Lanes, Line = Tile.Rows * Row, Point = Band * Line;

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
                $"filter {filter} to {y.Shape}: expected the CPU accelerator, {WinogradTransform.Columns} columns, "
                + $"{Tuning.WinogradFewestTerms} terms and {Outputs} to {MostColumns} columns of output");
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
        return device.RunsOnHost && filter is { Stride: 1, Inset: 0, Columns: WinogradTransform.Columns }
            && output.Width is >= Outputs and <= MostColumns
            && Math.Min(filter.Channels, filter.Filters) * filter.Rows >= Tuning.WinogradFewestTerms;
    }

    /// <summary>What the forward pass and the weight gradient need of the input x: before them.</summary>
    public Operation TransformInput(string name, Tensor x)
    {
        Require.Like(name, "input", x, _x);
        return Operation.OnHost(_device, name, 0, new InputArguments(x, _filter, _input));
    }

    /// <summary>What the forward pass and the gradient of the input need of the weights: before them.</summary>
    public Operation TransformWeight(string name, ArrayView<float> weight)
    {
        Require.Length(name, "weight", weight.Length, _filter.Count);
        return Operation.OnHost(_device, name, 0, new WeightArguments(weight, _weight));
    }

    /// <summary>What both gradients need of the gradient of the output: before them.</summary>
    public Operation TransformOutputGradient(string name, Tensor dOutput)
    {
        Require.Like(name, "gradient of the output", dOutput, _y);
        return Operation.OnHost(_device, name, 0, new OutputGradientArguments(dOutput, _filter, _outputGradient));
    }

    /// <summary><see cref="Convolution.Forward"/> of the transformed input and weights.</summary>
    public Operation Forward(string name, ArrayView<float> bias, Tensor y, bool relu)
    {
        Require.Length(name, "bias", bias.Length, _filter.Filters);
        Require.Like(name, "output", y, _y);
        return Operation.OnHost(_device, name, _flops, new ForwardArguments(_input, _weight, bias, _filter, y, relu));
    }

    /// <summary><see cref="Convolution.BackwardData"/> of the transformed gradient and weights.</summary>
    public Operation BackwardData(string name, Tensor? gate, Tensor dInput)
    {
        Require.Like(name, "gradient of the input", dInput, _x);
        Require.Gate(name, gate, dInput);
        return Operation.OnHost(
            _device, name, _flops, new BackwardDataArguments(_outputGradient, _weight, _filter, gate ?? dInput, dInput, gate is not null));
    }

    /// <summary><see cref="Convolution.BackwardWeight"/> of the transformed input and gradient.</summary>
    public Operation BackwardWeight(string name, Update update)
    {
        Require.Length(name, "weight", update.Weight.Length, _filter.Count);
        return Operation.OnHost(_device, name, _flops, new BackwardWeightArguments(_input, _outputGradient, _filter, update));
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
            float* w = weight.Pointer(), turned = stackalloc float[Columns * Layout.Lanes];
            float* points = stackalloc float[Points * Layout.Lanes];
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
                    new ReadOnlySpan<float>(points + f * Layout.Lanes, count).CopyTo(
                        new Span<float>(u.Pointer() + (nint)f * rows + row, count));
            }
        }
    }
}
