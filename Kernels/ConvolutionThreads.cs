using ILGPU;

namespace Kernels;

/// <summary>What <see cref="Convolution"/> is on a GPU, forward and backward to its input.</summary>
internal static class ConvolutionThreads
{
    /// <summary>Channels and neighbouring columns of an output (forward) or input (backward data) in a tile, for 4 images.</summary>
    public const int Channels = 4, Columns = 2;

    /// <summary>Sums of a tile: [channel][column][image].</summary>
    public const int Sums = Channels * ChannelSums;

    private const int ChannelSums = Columns * Quad.Images;

    /// <summary>Tiles of a convolution's output, or of its input's gradient.</summary>
    public static int Tiles(Tensor y) =>
        y.Blocks * Operation.Parts(y.Shape.Channels, Channels) * y.Shape.Height * Operation.Parts(y.Shape.Width, Columns) * Quad.PerBlock;

    public static void AddForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        int size = a.Filter.FilterSize, last = a.Filter.Filters - 1;
        AddTaps(
            a.X.Data, (block * xs.BlockStride + p * xs.RowStride) / Quad.Images + quad, xs.ChannelStride / Quad.Images, xs.RowStride / Quad.Images,
            xs.Width + 2 * xs.Padding, q, 1, a.Weight, k * size, IntrinsicMath.Min(k + 1, last) * size, IntrinsicMath.Min(k + 2, last) * size,
            IntrinsicMath.Min(k + 3, last) * size, a.Filter.Rows * a.Filter.Columns, a.Filter.Columns, a.Filter.Channels, a.Filter.Rows,
            a.Filter.Columns, thread, threads, sums);
    }

    public static void FinishForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        int at = block * ys.BlockStride + ys.Offset(k, p, q) + quad * Quad.Images;
        for (int sum = thread; sum < IntrinsicMath.Min(Channels, ys.Channels - k) * ChannelSums; sum += threads)
        {
            int channel = sum / ChannelSums, column = sum / Quad.Images % Columns;
            float value = sums.Get(sum) + a.Bias[k + channel];
            if (q + column < ys.Width)
                a.Y.Data[at + channel * ys.ChannelStride + column * Layout.Lanes + sum % Quad.Images] = a.Relu != 0 && value < 0f ? 0f : value;
        }
    }

    /// <summary>Each input pixel sums over the taps that reach an output, from the right one of the two columns to the left.</summary>
    public static void AddBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.DInput.Shape, ys = a.DOutput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int h = height + xs.Padding, v = width + xs.Padding, columns = a.Filter.Columns, taps = a.Filter.Rows * columns, last = a.Filter.Channels - 1;
        int r0 = IntrinsicMath.Max(0, h - ys.Height + 1), r1 = IntrinsicMath.Min(a.Filter.Rows - 1, h);
        int s0 = IntrinsicMath.Max(0, v - ys.Width + 1), s1 = IntrinsicMath.Min(columns - 1, v + 1), first = r0 * columns + s0;
        AddTaps(
            a.DOutput.Data, (block * ys.BlockStride + ys.Offset(0, h - r0, 0)) / Quad.Images + quad, ys.ChannelStride / Quad.Images,
            -ys.RowStride / Quad.Images, ys.Width, v + 1 - s0, -1, a.Weight, c * taps + first, IntrinsicMath.Min(c + 1, last) * taps + first,
            IntrinsicMath.Min(c + 2, last) * taps + first, IntrinsicMath.Min(c + 3, last) * taps + first, a.Filter.FilterSize, columns,
            a.Filter.Filters, r1 - r0 + 1, s1 - s0 + 1, thread, threads, sums);
    }

    public static void FinishBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var xs = a.DInput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int at = block * xs.BlockStride + xs.Offset(c, height, width) + quad * Quad.Images;
        for (int sum = thread; sum < IntrinsicMath.Min(Channels, xs.Channels - c) * ChannelSums; sum += threads)
        {
            int channel = sum / ChannelSums, column = sum / Quad.Images % Columns;
            int index = at + channel * xs.ChannelStride + column * Layout.Lanes + sum % Quad.Images;
            if (width + column < xs.Width)
                a.DInput.Data[index] = a.Gated != 0 && !(a.Gate.Data[index] > 0f) ? 0f : sums.Get(sum);
        }
    }

    /// <summary>Block, first channel, row, first column and four images of a tile.</summary>
    private static (int Block, int Channel, int Row, int Column, int Quad) Place(int tile, TensorShape shape)
    {
        int quad = tile % Quad.PerBlock, pairs = Operation.Parts(shape.Width, Columns), tiles = Operation.Parts(shape.Channels, Channels);
        tile /= Quad.PerBlock;
        int column = tile % pairs * Columns;
        tile /= pairs;
        int row = tile % shape.Height;
        tile /= shape.Height;
        return (tile / tiles, tile % tiles * Channels, row, column, quad);
    }

    /// <summary>
    /// Sums of 4 channels and 2 columns for 4 images over channels, rows and columns of taps; rows of taps are the terms that a tile's
    /// threads share. Each tap loads one value of four images, the column next to the last one, and 4 weights for 32 products.
    /// </summary>
    /// <remarks>Channels past the end repeat the last one; what they give is not kept.</remarks>
    /// <param name="x">What is summed.</param>
    /// <param name="at">Quad of the first channel and row in column 0.</param>
    /// <param name="xChannel">Quads from a channel to the next.</param>
    /// <param name="xRow">Quads from a row of taps to the next.</param>
    /// <param name="width">Columns of x; those beyond count as zero.</param>
    /// <param name="column">Of the first tap.</param>
    /// <param name="step">1: taps go right with the columns of the tile. -1: they go left, from the tile's last column to its first.</param>
    /// <param name="weight">Filters.</param>
    /// <param name="w0">First channel's first weight.</param>
    /// <param name="w1">Second channel's.</param>
    /// <param name="w2">Third channel's.</param>
    /// <param name="w3">Fourth channel's.</param>
    /// <param name="wChannel">Weights from a channel of x to the next.</param>
    /// <param name="wRow">Weights from a row to the next.</param>
    /// <param name="channels">Of x.</param>
    /// <param name="rows">Rows of taps.</param>
    /// <param name="columns">Taps of a row.</param>
    /// <param name="thread">See <see cref="ITileBody.Add"/>.</param>
    /// <param name="threads">See <see cref="ITileBody.Add"/>.</param>
    /// <param name="sums">See <see cref="ITileBody.Add"/>.</param>
    private static void AddTaps(
        ArrayView<float> x, int at, int xChannel, int xRow, int width, int column, int step, ArrayView<float> weight, int w0, int w1, int w2, int w3,
        int wChannel, int wRow, int channels, int rows, int columns, int thread, int threads, TileSums sums)
    {
        Quad a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        int channel = thread / rows, row = thread % rows;
        while (channel < channels)
        {
            int from = at + channel * xChannel + row * xRow, tap = channel * wChannel + row * wRow, next = column;
            var xa = Column(x, from, next, width);
            for (int end = tap + columns; tap < end; tap++)
            {
                next += step;
                var xb = Column(x, from, next, width);
                float w = weight[w0 + tap];
                a0 = Quad.MultiplyAdd(w, xa, a0);
                b0 = Quad.MultiplyAdd(w, xb, b0);
                w = weight[w1 + tap];
                a1 = Quad.MultiplyAdd(w, xa, a1);
                b1 = Quad.MultiplyAdd(w, xb, b1);
                w = weight[w2 + tap];
                a2 = Quad.MultiplyAdd(w, xa, a2);
                b2 = Quad.MultiplyAdd(w, xb, b2);
                w = weight[w3 + tap];
                a3 = Quad.MultiplyAdd(w, xa, a3);
                b3 = Quad.MultiplyAdd(w, xb, b3);
                xa = xb;
            }
            for (row += threads; row >= rows; row -= rows)
                channel++;
        }
        int first = step > 0 ? 0 : Quad.Images, second = Quad.Images - first;
        sums.Set(first, a0);
        sums.Set(second, b0);
        sums.Set(ChannelSums + first, a1);
        sums.Set(ChannelSums + second, b1);
        sums.Set(2 * ChannelSums + first, a2);
        sums.Set(2 * ChannelSums + second, b2);
        sums.Set(3 * ChannelSums + first, a3);
        sums.Set(3 * ChannelSums + second, b3);
    }

    /// <summary>Columns beyond the edge are the edge times zero.</summary>
    private static Quad Column(ArrayView<float> x, int from, int column, int width)
    {
        int inside = IntrinsicMath.Clamp(column, 0, width - 1);
        return Quad.MultiplyAdd(inside == column ? 1f : 0f, Quad.Load(x, from + inside * Quad.PerBlock), default);
    }
}
