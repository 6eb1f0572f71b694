using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// The three passes of a <see cref="Convolution"/> of 3x3 without stride by Winograd's minimal filtering in both directions
/// (<see cref="SquareWinogradTransform"/>): a quarter of the products. Only on the CPU accelerator.
/// </summary>
/// <remarks>
/// Outputs are cut into tiles of 4x4. Some tiles at a time are taken through all of it by a worker, in memory of its own that its caches
/// hold: their inputs at 36 points, at each a matrix product m(f, k, tile) = Σ_c u(f, k, c) v(f, c, tile), and back to outputs. What a
/// border holds is never read. The gradient of the input is the same with turned filters. Results do not depend on the workers.
/// </remarks>
internal sealed partial class SquareWinograd
{
    private const int Points = SquareWinogradTransform.Points, Outputs = SquareWinogradTransform.Outputs;
    private const int Taps = SquareWinogradTransform.Taps, Side = SquareWinogradTransform.Side;

    private readonly DeviceMemory _memory;
    private readonly ComputeDevice _device;
    private readonly FilterShape _filter;
    private readonly SquareWinogradScratch _scratch;
    private readonly double _flops;
    private readonly int _padding, _parts;
    private readonly Tensor _x, _y;
    private ArrayView<float>? _gradients;

    /// <summary>Asks for memory for one layer.</summary>
    /// <param name="memory">Owns what it keeps from a stage to the next.</param>
    /// <param name="scratch">Shared by layers whose stages follow one another.</param>
    /// <param name="filter">(K, C, 3, 3).</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="y">(N, K, P, Q), or its gradient: a layer's shapes count here, not its values.</param>
    public SquareWinograd(DeviceMemory memory, SquareWinogradScratch scratch, FilterShape filter, Tensor x, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Convolution.Check(nameof(SquareWinograd), x, filter.Count, filter, y);
        if (!Fits(memory.Device, filter, y.Shape))
            throw new NotSupportedException(
                $"filter {filter} to {y.Shape}: expected the CPU accelerator, 3x3 without stride, {Tuning.SquareWinogradFewestChannels} "
                + "channels and tiles of 4x4 that are at least half full");
        (_memory, _device, _filter, _scratch, _x, _y) = (memory, memory.Device, filter, scratch, x, y);
        _flops = Convolution.Flops(x, filter, y);
        _padding = x.Shape.Padding - filter.Inset;
        const int Tiles = Tuning.SquareWinogradTiles;
        scratch.Ask(
            (long)Points * (Pitch(filter.Channels, Tiles) + Pitch(filter.Filters, Tiles)) + Padded(filter.Channels) * Tiles * Layout.Lanes,
            TransformedLength(filter));
        int least = Operation.Parts(Tuning.SquareWinogradFewestUnits, Chunks(filter.Filters));
        int most = Math.Min(
            Tuning.SquareWinogradPartFloats / PartLength(filter), y.Blocks * TilesOf(y.Shape) / Tuning.SquareWinogradPartTiles);
        _parts = Math.Min(y.Blocks, Math.Max(least, most));
    }

    /// <summary>Whether these passes serve a layer, and pay.</summary>
    public static bool Fits(ComputeDevice device, FilterShape filter, TensorShape output)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.RunsOnHost && filter is { Stride: 1, Rows: Taps, Columns: Taps }
            && Math.Min(filter.Channels, filter.Filters) >= Tuning.SquareWinogradFewestChannels
            && 2 * output.Height * output.Width >= TilesOf(output) * Outputs * Outputs;
    }

    /// <summary>Floats of a layer's transformed weights.</summary>
    public static long TransformedLength(FilterShape filter) => (long)Points * filter.Filters * filter.Channels;

    /// <summary>What <see cref="Forward"/> needs of the weights: before it.</summary>
    public Operation TransformWeight(string name, ArrayView<float> weight) => Transform(name, weight, turned: false, _scratch.Weights);

    /// <summary>The same for weights that stay as they are.</summary>
    /// <param name="name">For profiles.</param>
    /// <param name="weight">(K, C, 3, 3).</param>
    /// <param name="transformed">[<see cref="TransformedLength"/>], for <see cref="Forward"/>.</param>
    public Operation TransformWeight(string name, ArrayView<float> weight, ArrayView<float> transformed)
    {
        Require.Length(name, "transformed weight", transformed.Length, (int)TransformedLength(_filter));
        return Transform(name, weight, turned: false, transformed);
    }

    /// <summary>What <see cref="BackwardData"/> needs of the weights: before it.</summary>
    public Operation TransformTurnedWeight(string name, ArrayView<float> weight) => Transform(name, weight, turned: true, _scratch.Weights);

    /// <summary><see cref="Convolution.Forward"/> of the transformed weights.</summary>
    /// <param name="name">For profiles.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="bias">(K).</param>
    /// <param name="y">(N, K, P, Q).</param>
    /// <param name="relu">Whether max(0, y) follows.</param>
    /// <param name="transformed">The weights where they stay as they are; null for those transformed last.</param>
    public Operation Forward(
        string name, Tensor x, ArrayView<float> bias, Tensor y, bool relu, ArrayView<float>? transformed = null)
    {
        Require.Like(name, "input", x, _x);
        Require.Length(name, "bias", bias.Length, _filter.Filters);
        Require.Like(name, "output", y, _y);
        return Operation.OnHost(
            _device, name, _flops,
            new ConvolveArguments(x, _padding, transformed ?? _scratch.Weights, _scratch.Lines, y, gate: null, bias, relu));
    }

    /// <summary><see cref="Convolution.BackwardData"/> of the transformed turned weights.</summary>
    public Operation BackwardData(string name, Tensor dOutput, Tensor? gate, Tensor dInput)
    {
        Require.Like(name, "gradient of the output", dOutput, _y);
        Require.Like(name, "gradient of the input", dInput, _x);
        Require.Gate(name, gate, dInput);
        return Operation.OnHost(
            _device, name, _flops,
            new ConvolveArguments(
                dOutput, Taps - 1 - _padding, _scratch.Weights, _scratch.Lines, dInput, gate, bias: default, relu: false));
    }

    /// <summary><see cref="Convolution.BackwardWeight"/>: sums of parts of the batch, and what adds these, one after the other.</summary>
    public Operation[] BackwardWeight(string name, Tensor x, Tensor dOutput, Update update)
    {
        Require.Like(name, "input", x, _x);
        Require.Like(name, "gradient of the output", dOutput, _y);
        Require.Length(name, "weight", update.Weight.Length, _filter.Count);
        var gradients = _gradients ??= _memory.Allocate<float>((long)_parts * PartLength(_filter));
        return
        [
            Operation.OnHost(_device, name, _flops, new PartArguments(x, _padding, dOutput, _scratch.Lines, _parts, gradients)),
            Operation.OnHost(_device, $"{name} parts", 0, new UpdateArguments(gradients, _parts, _filter, update)),
        ];
    }

    private Operation Transform(string name, ArrayView<float> weight, bool turned, ArrayView<float> transformed)
    {
        Require.Length(name, "weight", weight.Length, _filter.Count);
        return Operation.OnHost(_device, name, 0, new WeightArguments(weight, _filter, turned, transformed));
    }

    private static int TilesOf(TensorShape output) => Operation.Parts(output.Height, Outputs) * Operation.Parts(output.Width, Outputs);

    /// <summary>
    /// Floats from a point to the next of some channels of some tiles, in either order, and one vector more, since caches hold few
    /// lines that lie a power of two apart.
    /// </summary>
    private static int Pitch(int channels, int tiles) => (channels * tiles + 1) * Layout.Lanes;

    /// <summary>Channels as they lie across lanes: whole vectors.</summary>
    private static int Padded(int channels) => Operation.Parts(channels, Layout.Lanes) * Layout.Lanes;

    /// <summary>Chunks of filters: a worker sums the gradients of one at a time.</summary>
    private static int Chunks(int filters) => Operation.Parts(filters, Tuning.SquareWinogradFilters);

    private static int PartLength(FilterShape filter) => Points * filter.Filters * Padded(filter.Channels);

    /// <summary>A tile: its block of images, its first row and column of the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int Block, int Row, int Column) Place(int tile, TensorShape output)
    {
        int across = Operation.Parts(output.Width, Outputs), all = TilesOf(output);
        var (block, inside) = Operation.Divide(tile, all);
        var (row, column) = Operation.Divide(inside, across);
        return (block, row * Outputs, column * Outputs);
    }

    /// <summary>The input of a tile at all points, of every channel.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="place">Of the tile.</param>
    /// <param name="padding">What the convolution sees around x.</param>
    /// <param name="v">Of the first channel.</param>
    /// <param name="step">Floats from a channel to the next.</param>
    /// <param name="pitch">Floats from a point to the next.</param>
    private static unsafe void TransformInput<V>(
        Tensor x, (int Block, int Row, int Column) place, int padding, float* v, int step, nint pitch) where V : unmanaged, ISimd<V>
    {
        var s = x.Shape;
        int h = place.Row - padding, w = place.Column - padding;
        var rows = (Math.Max(0, -h), Math.Min(Side, s.Height - h));
        var columns = (Math.Max(0, -w), Math.Min(Side, s.Width - w));
        float* source = x.Pointer + (nint)place.Block * s.BlockStride + s.Offset(0, h, w);
        for (int c = 0; c < s.Channels; c++, source += s.ChannelStride, v += step)
            for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                SquareWinogradTransform.Input<V>(source + lane, s.RowStride, rows, columns, v + lane, pitch);
    }

    /// <summary>
    /// Fetches four columns of all channels ahead, from a place on that may lie outside: they lie in pieces that no processor foresees.
    /// </summary>
    private static unsafe void Prefetch(Tensor x, (int Block, int Row, int Column) place, int rows)
    {
        if (!Sse.IsSupported)
            return;
        var s = x.Shape;
        float* source = x.Pointer + (nint)place.Block * s.BlockStride + s.Offset(0, place.Row, place.Column);
        for (int c = 0; c < s.Channels; c++, source += s.ChannelStride)
        {
            float* row = source;
            for (int i = 0; i < rows; i++, row += s.RowStride)
                for (int j = 0; j < Outputs; j++)
                    Sse.Prefetch1(row + j * Layout.Lanes);
        }
    }

    /// <summary>What tiles read that those to their left do not.</summary>
    private static void PrefetchInput(Tensor x, int padding, TensorShape output, int first, int end)
    {
        for (int tile = first; tile < end; tile++)
        {
            var (block, row, column) = Place(tile, output);
            Prefetch(x, (block, row - padding, column - padding + Side - Outputs), Side);
        }
    }

    private readonly struct WeightArguments(ArrayView<float> weight, FilterShape filter, bool turned, ArrayView<float> transformed) : IBody
    {
        /// <summary>A unit of work is 16 filters' taps, over the channels that sums will run over; these lie across lanes.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Square = Taps * Taps;
            float* w = weight.Pointer(), u = transformed.Pointer();
            float* taps = stackalloc float[Square * Layout.Lanes], points = stackalloc float[Points * Layout.Lanes];
            new Span<float>(taps, Square * Layout.Lanes).Clear();
            var (outer, inner) = turned ? (filter.Channels, filter.Filters) : (filter.Filters, filter.Channels);
            var (outerStep, innerStep) = turned ? (Square, filter.FilterSize) : (filter.FilterSize, Square);
            int chunks = Operation.Parts(inner, Layout.Lanes);
            var (first, last) = Operation.Share(outer * chunks, worker, workers);
            for (int item = first; item < last; item++)
            {
                int row = item / chunks, from = item % chunks * Layout.Lanes, count = Math.Min(Layout.Lanes, inner - from);
                for (int i = 0; i < count; i++)
                    for (int tap = 0; tap < Square; tap++)
                        taps[tap * Layout.Lanes + i] =
                            w[(nint)row * outerStep + (nint)(from + i) * innerStep + (turned ? Square - 1 - tap : tap)];
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    SquareWinogradTransform.Weight<V>(taps + lane, points + lane, Layout.Lanes);
                for (int f = 0; f < Points; f++)
                    new ReadOnlySpan<float>(points + f * Layout.Lanes, count).CopyTo(
                        new Span<float>(u + ((nint)f * outer + row) * inner + from, count));
            }
        }
    }

    /// <summary>Forward and backward data, two tiles lie side by side: [pair][channel][2][16].</summary>
    private const int Pair = 2 * Layout.Lanes;

    private static int Offset(int tile, int channels) => tile / 2 * channels * Pair + tile % 2 * Layout.Lanes;

    private readonly struct ConvolveArguments(
        Tensor x, int padding, ArrayView<float> weights, WorkerLines lines, Tensor y, Tensor? gate, ArrayView<float> bias,
        bool relu) : IBody
    {
        /// <summary>A unit of work is some tiles of all channels.</summary>
        [SkipLocalsInit]
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Most = Tuning.SquareWinogradTiles;
            TensorShape xs = x.Shape, ys = y.Shape;
            int inputs = xs.Channels, outputs = ys.Channels, all = y.Blocks * TilesOf(ys);
            float* u = weights.Pointer(), v = lines.Of(worker);
            float* m = v + (nint)Points * Pitch(inputs, Most), half = stackalloc float[Outputs * Side * Layout.Lanes];
            int pitch = Pitch(inputs, Most), sumPitch = Pitch(outputs, Most);
            var nest = new LoopNest(inputs, Pair, 1);
            var (first, last) = Operation.Share(all, worker, workers);
            for (int start = first; start < last; start += Most)
            {
                int tiles = Math.Min(Most, last - start);
                for (int t = 0; t < tiles; t++)
                    TransformInput<V>(x, Place(start + t, ys), padding, v + Offset(t, inputs), Pair, pitch);
                PrefetchInput(x, padding, ys, start + Most, Math.Min(last, start + 2 * Most));
                for (int t = 0; t < tiles; t++)
                    Prefetch(y, Place(start + t, ys), Outputs);
                for (int f = 0; f < Points; f++)
                    for (int k = 0; k < outputs; k += Tile.Rows)
                        for (int t = 0; t < tiles; t += 2)
                            Tile.Compute<V>(
                                Math.Min(Tile.Rows, outputs - k), Math.Min(2, tiles - t),
                                new(v + (nint)f * pitch + Offset(t, inputs), Layout.Lanes),
                                new(u + ((nint)f * outputs + k) * inputs, inputs),
                                new(m + (nint)f * sumPitch + Offset(t, outputs) + k * Pair, Layout.Lanes, Pair),
                                nest, default);
                for (int t = 0; t < tiles; t++)
                {
                    var (block, row, column) = Place(start + t, ys);
                    nint at = (nint)block * ys.BlockStride + ys.Offset(0, row, column);
                    int rows = Math.Min(Outputs, ys.Height - row), columns = Math.Min(Outputs, ys.Width - column);
                    for (int k = 0; k < outputs; k++, at += ys.ChannelStride)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            SquareWinogradTransform.OutputColumns<V>(m + Offset(t, outputs) + k * Pair + lane, sumPitch, half + lane);
                            Store<V>(half + lane, at + lane, k, rows, columns);
                        }
                }
            }
        }

        /// <summary>The outputs of a channel of a tile.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private unsafe void Store<V>(float* half, nint at, int channel, int rows, int columns) where V : unmanaged, ISimd<V>
        {
            float* target = y.Pointer + at, gates = gate is { } g ? g.Pointer + at : null;
            V add = bias.Length == 0 ? V.Zero : V.Broadcast(bias.Pointer()[channel]);
            for (int i = 0; i < rows; i++, half += Side * Layout.Lanes, target += y.Shape.RowStride)
            {
                SquareWinogradTransform.OutputRow(half, out V y0, out V y1, out V y2, out V y3);
                Store(y0 + add, target, gates);
                if (columns > 1)
                    Store(y1 + add, target + Layout.Lanes, gates + Layout.Lanes);
                if (columns > 2)
                    Store(y2 + add, target + 2 * Layout.Lanes, gates + 2 * Layout.Lanes);
                if (columns > 3)
                    Store(y3 + add, target + 3 * Layout.Lanes, gates + 3 * Layout.Lanes);
                if (gate is not null)
                    gates += y.Shape.RowStride;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private unsafe void Store<V>(V value, float* target, float* gates) where V : unmanaged, ISimd<V>
        {
            if (relu)
                value = V.Max(V.Zero, value);
            if (gate is not null)
                value = V.WherePositive(V.Load(gates), value);
            V.Store(value, target);
        }
    }
}
