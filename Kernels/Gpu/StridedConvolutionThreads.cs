using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// What a <see cref="Convolution"/> with a stride is on a GPU, forward and backward to its input. A tile is one position of four channels
/// of four images; rows of taps are the terms that its threads share.
/// </summary>
internal static class StridedConvolutionThreads
{
    private const int Channels = 4;

    /// <summary>Sums of a tile: [channel][image].</summary>
    public const int Sums = Channels * Quad.Images;

    /// <summary>The operation that makes a tensor.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="name">For profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="arguments">What is computed.</param>
    /// <param name="made">The output, or the gradient of the input.</param>
    /// <param name="filter">Of the convolution.</param>
    public static Operation Of<TArguments>(
        ComputeDevice device, string name, double flops, TArguments arguments, Tensor made, FilterShape filter)
        where TArguments : struct, IBody, ITileBody
    {
        var s = made.Shape;
        int tiles = made.Blocks * Operation.Parts(s.Channels, Channels) * s.Height * s.Width * Quad.PerBlock;
        int terms = filter.Rows * (s.Channels == filter.Filters ? filter.Channels : filter.Filters);
        return Operation.OfTiles(
            device, name, flops, arguments, tiles,
            Operation.ThreadsFor(tiles, terms, Tuning.ConvolutionLeastTerms, Tuning.ConvolutionMostThreads));
    }

    public static void AddForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape;
        var (block, k, p, q, quad) = Place(tile, a.Y.Shape);
        int size = a.Filter.FilterSize, last = a.Filter.Filters - 1, rows = a.Filter.Rows, columns = a.Filter.Columns;
        var w = FourPlaces.Rows(k, 1, last, size);
        int top = p * a.Filter.Stride + a.Filter.Inset, terms = a.Filter.Channels * rows;
        int start = block * xs.BlockStride / Quad.Images + (q * a.Filter.Stride + a.Filter.Inset) * Quad.PerBlock + quad;
        Strip sum = default;
        for (int term = thread; term < terms; term += threads)
        {
            var (c, r) = Operation.Divide(term, rows);
            int x = start + (c * xs.ChannelStride + (top + r) * xs.RowStride) / Quad.Images, tap = term * columns;
            for (int s = 0; s < columns; s++)
                sum = Strip.Outer((w + tap + s).Load(a.Weight), Quad.Load(a.X.Data, x + s * Quad.PerBlock), sum);
        }
        sum.Set(sums, 0);
    }

    public static void FinishForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        for (int i = thread; i < Channels && k + i < ys.Channels; i += threads)
        {
            float bias = a.Bias[k + i];
            var sum = sums.GetQuad(i * Quad.Images);
            var y = new Quad(sum.X + bias, sum.Y + bias, sum.Z + bias, sum.W + bias);
            // Where x < 0, so that NaN stays.
            if (a.Relu != 0)
                y = Quad.WhereGreater(default, y, default, y);
            Quad.Store(a.Y.Data, (block * ys.BlockStride + ys.Offset(k + i, p, q)) / Quad.Images + quad, y);
        }
    }

    /// <summary>Taps that meet no output count as none.</summary>
    public static void AddBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.DInput.Shape, ys = a.DOutput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int taps = a.Filter.Rows * a.Filter.Columns, last = a.Filter.Channels - 1, stride = a.Filter.Stride;
        var weights = FourPlaces.Rows(c, 1, last, taps);
        int padding = xs.Padding - a.Filter.Inset, terms = a.Filter.Filters * a.Filter.Rows;
        int start = block * ys.BlockStride / Quad.Images + quad;
        Strip sum = default;
        for (int term = thread; term < terms; term += threads)
        {
            var (k, r) = Operation.Divide(term, a.Filter.Rows);
            var (p, h) = Output(height + padding - r, stride);
            if (h != 0 || p >= ys.Height)
                continue;
            int tap = k * a.Filter.FilterSize + r * a.Filter.Columns;
            for (int s = 0; s < a.Filter.Columns; s++)
            {
                var (q, w) = Output(width + padding - s, stride);
                if (w != 0 || q >= ys.Width)
                    continue;
                var value = Quad.Load(a.DOutput.Data, start + ys.Offset(k, p, q) / Quad.Images);
                sum = Strip.Outer((weights + tap + s).Load(a.Weight), value, sum);
            }
        }
        sum.Set(sums, 0);
    }

    public static void FinishBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var xs = a.DInput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        for (int i = thread; i < Channels && c + i < xs.Channels; i += threads)
        {
            int at = (block * xs.BlockStride + xs.Offset(c + i, height, width)) / Quad.Images + quad;
            var sum = sums.GetQuad(i * Quad.Images);
            if (a.Gated != 0)
                sum = Quad.WhereGreater(Quad.Load(a.Gate.Data, at), default, sum, default);
            Quad.Store(a.DInput.Data, at, sum);
        }
    }

    /// <summary>The output that a place, counted from the first tap, belongs to, and what is left over; not 0 before the first.</summary>
    private static (int Output, int Over) Output(int place, int stride) => place < 0 ? (0, 1) : Operation.Divide(place, stride);

    /// <summary>
    /// Block, first channel, row, column and quad of a tile. Neighbours have the quads of a block, then neighbouring columns.
    /// </summary>
    private static (int Block, int Channel, int Row, int Column, int Quad) Place(int tile, TensorShape shape)
    {
        (tile, int quad) = Operation.Divide(tile, Quad.PerBlock);
        (tile, int column) = Operation.Divide(tile, shape.Width);
        (tile, int row) = Operation.Divide(tile, shape.Height);
        var (block, channels) = Operation.Divide(tile, Operation.Parts(shape.Channels, Channels));
        return (block, channels * Channels, row, column, quad);
    }
}
