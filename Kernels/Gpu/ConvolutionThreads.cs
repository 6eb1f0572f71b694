using ILGPU;

namespace Secateurs.Kernels;

/// <summary>What <see cref="Convolution"/> is on a GPU, forward and backward to its input.</summary>
internal static class ConvolutionThreads
{
    /// <summary>Channels of an output (forward) or input (backward data) in a tile, each with a <see cref="Strip"/> of sums.</summary>
    private const int Channels = 4;

    /// <summary>Sums of a tile: [channel][column][image].</summary>
    public const int Sums = Channels * Strip.Size;

    /// <summary>Tiles of a convolution's output, or of its input's gradient.</summary>
    public static int Tiles(Tensor y) =>
        y.Blocks * Operation.Parts(y.Shape.Channels, Channels) * y.Shape.Height * Operation.Parts(y.Shape.Width, Strip.Columns)
            * Quad.PerBlock;

    public static void AddForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        var x = new TapInput(
            a.X.Data, (block * xs.BlockStride + (p + a.Filter.Inset) * xs.RowStride) / Quad.Images + quad, xs.ChannelStride / Quad.Images,
            xs.RowStride / Quad.Images, xs.Width + 2 * xs.Padding);
        var w = new TapWeights(
            a.Weight, FourPlaces.Rows(k, 1, a.Filter.Filters - 1, a.Filter.FilterSize), a.Filter.Rows * a.Filter.Columns, a.Filter.Columns);
        AddTaps(x, w, new(a.Filter.Channels, a.Filter.Rows, a.Filter.Columns, q + a.Filter.Inset, 1), thread, threads, sums);
    }

    public static void FinishForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        int at = (block * ys.BlockStride + ys.Offset(k, p, q)) / Quad.Images + quad, channels = ys.Channels - k, columns = ys.Width - q;
        for (int i = thread, still = TileSums.Still; i < Channels * Strip.Columns;
            i += threads, at += still, k += still, channels += still, columns += still)
        {
            var (column, channel) = Operation.Divide(i, Channels);
            if (channel >= channels || column >= columns)
                continue;
            Quad sum = sums.GetQuad(channel * Strip.Size + column * Quad.Images);
            float bias = a.Bias[k + channel];
            Quad.Store(a.Y.Data, at + channel * (ys.ChannelStride / Quad.Images) + column * Quad.PerBlock, new(
                Activation(sum.X + bias, a.Relu), Activation(sum.Y + bias, a.Relu), Activation(sum.Z + bias, a.Relu),
                Activation(sum.W + bias, a.Relu)));
        }
    }

    private static float Activation(float value, int relu) => relu != 0 && value < 0f ? 0f : value;

    /// <summary>Each input pixel sums over the taps that reach an output: rows that do not are left out, columns count as zero.</summary>
    public static void AddBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.DInput.Shape, ys = a.DOutput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int padding = xs.Padding - a.Filter.Inset, h = height + padding, columns = a.Filter.Columns;
        int r0 = IntrinsicMath.Max(0, h - ys.Height + 1), r1 = IntrinsicMath.Min(a.Filter.Rows - 1, h);
        var y = new TapInput(
            a.DOutput.Data, (block * ys.BlockStride + ys.Offset(0, h - r0, 0)) / Quad.Images + quad, ys.ChannelStride / Quad.Images,
            -ys.RowStride / Quad.Images, ys.Width);
        var w = new TapWeights(
            a.Weight, FourPlaces.Rows(c, 1, a.Filter.Channels - 1, a.Filter.Rows * columns) + r0 * columns, a.Filter.FilterSize, columns);
        AddTaps(y, w, new(a.Filter.Filters, r1 - r0 + 1, columns, width + padding, -1), thread, threads, sums);
    }

    public static void FinishBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var xs = a.DInput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int at = (block * xs.BlockStride + xs.Offset(c, height, width)) / Quad.Images + quad, channels = xs.Channels - c;
        int columns = xs.Width - width;
        for (int i = thread, still = TileSums.Still; i < Channels * Strip.Columns;
            i += threads, at += still, channels += still, columns += still)
        {
            var (column, channel) = Operation.Divide(i, Channels);
            if (channel >= channels || column >= columns)
                continue;
            int index = at + channel * (xs.ChannelStride / Quad.Images) + column * Quad.PerBlock;
            Quad sum = sums.GetQuad(channel * Strip.Size + column * Quad.Images);
            if (a.Gated != 0)
            {
                var gate = Quad.Load(a.Gate.Data, index);
                sum = new(gate.X > 0f ? sum.X : 0f, gate.Y > 0f ? sum.Y : 0f, gate.Z > 0f ? sum.Z : 0f, gate.W > 0f ? sum.W : 0f);
            }
            Quad.Store(a.DInput.Data, index, sum);
        }
    }

    /// <summary>Block, first channel, row, first column and four images of a tile.</summary>
    /// <remarks>
    /// Neighbouring tiles are the four quads of a block, then two tiles of channels, then rows: 8 threads that load at once load 64 bytes
    /// that lie together, twice the same, and a warp has few different weights. Columns come last, since all of a warp then leave out the
    /// same strips beyond an edge. Where tiles of channels are odd in number, the last is alone.
    /// </remarks>
    private static (int Block, int Channel, int Row, int Column, int Quad) Place(int tile, TensorShape shape)
    {
        int strips = Operation.Parts(shape.Width, Strip.Columns), tiles = Operation.Parts(shape.Channels, Channels);
        (tile, int quad) = Operation.Divide(tile, Quad.PerBlock);
        (int column, tile) = Operation.Divide(tile, tiles * shape.Height);
        (int pair, tile) = Operation.Divide(tile, 2 * shape.Height);
        (int block, column) = Operation.Divide(column, strips);
        // Together is 1 or 2: no division.
        int together = IntrinsicMath.Min(2, tiles - 2 * pair), second = tile & (together - 1), row = tile >> (together - 1);
        return (block, (2 * pair + second) * Channels, row, column * Strip.Columns, quad);
    }

    /// <summary>What a tile's sums run over, in quads.</summary>
    /// <param name="data">Of a tensor.</param>
    /// <param name="first">Of the first channel and row, in column 0.</param>
    /// <param name="channel">From a channel to the next.</param>
    /// <param name="row">From a row of taps to the next.</param>
    /// <param name="width">Columns; those beyond count as zero.</param>
    private readonly struct TapInput(ArrayView<float> data, int first, int channel, int row, int width)
    {
        public readonly ArrayView<float> Data = data;
        public readonly int First = first, Channel = channel, Row = row, Width = width;
    }

    /// <summary>The weights of a tile's four channels.</summary>
    /// <param name="data">Filters.</param>
    /// <param name="first">Each channel's first one.</param>
    /// <param name="channel">From a channel of the input to the next.</param>
    /// <param name="row">From a row of taps to the next.</param>
    private readonly struct TapWeights(ArrayView<float> data, FourPlaces first, int channel, int row)
    {
        public readonly ArrayView<float> Data = data;
        public readonly FourPlaces First = first;
        public readonly int Channel = channel, Row = row;
    }

    /// <summary>The taps of a sum.</summary>
    /// <param name="channels">Of the input.</param>
    /// <param name="rows">Rows of taps.</param>
    /// <param name="columns">Taps of a row.</param>
    /// <param name="first">Column of the input that the first tap of the tile's first column meets.</param>
    /// <param name="step">1: taps go right. -1: they go left.</param>
    private readonly struct TapCounts(int channels, int rows, int columns, int first, int step)
    {
        public readonly int Channels = channels, Rows = rows, Columns = columns, First = first, Step = step;
    }

    /// <summary>
    /// Sums of 4 channels and 4 columns for 4 images over channels, rows and columns of taps; rows of taps are the terms that a tile's
    /// threads share. Five taps load 8 columns of four images and 20 weights for 320 products; taps that are left over go one by one.
    /// </summary>
    /// <remarks>Channels past the end repeat the last one; what they give is not kept.</remarks>
    private static void AddTaps(TapInput x, TapWeights weights, TapCounts taps, int thread, int threads, TileSums sums)
    {
        Strip a0 = default, a1 = default, a2 = default, a3 = default;
        int rows = taps.Rows, step = taps.Step, width = x.Width;
        var (channel, row) = Operation.Divide(thread, rows);
        int from = x.First + channel * x.Channel + row * x.Row, next = taps.First;
        var w = weights.First + (channel * weights.Channel + row * weights.Row);
        while (channel < taps.Channels)
        {
            int left = taps.Columns;
            for (; left >= TapRun.Taps; left -= TapRun.Taps)
            {
                TapRun t0 = TapRun.Load(weights.Data, w.A, step < 0), t1 = TapRun.Load(weights.Data, w.B, step < 0);
                TapRun t2 = TapRun.Load(weights.Data, w.C, step < 0), t3 = TapRun.Load(weights.Data, w.D, step < 0);
                int near = step < 0 ? next - Strip.Columns : next, far = near + Strip.Columns;
                if (Strip.Reaches(near, width))
                {
                    var some = Strip.Load(x.Data, from, near, width);
                    a0 = Strip.AddNear(t0, some, a0);
                    a1 = Strip.AddNear(t1, some, a1);
                    a2 = Strip.AddNear(t2, some, a2);
                    a3 = Strip.AddNear(t3, some, a3);
                }
                if (Strip.Reaches(far, width))
                {
                    var some = Strip.Load(x.Data, from, far, width);
                    a0 = Strip.AddFar(t0, some, a0);
                    a1 = Strip.AddFar(t1, some, a1);
                    a2 = Strip.AddFar(t2, some, a2);
                    a3 = Strip.AddFar(t3, some, a3);
                }
                next += step * TapRun.Taps;
                w += TapRun.Taps;
            }
            for (; left > 0; left--)
            {
                var some = Strip.Load(x.Data, from, next, width);
                a0 = Strip.MultiplyAdd(weights.Data[w.A], some, a0);
                a1 = Strip.MultiplyAdd(weights.Data[w.B], some, a1);
                a2 = Strip.MultiplyAdd(weights.Data[w.C], some, a2);
                a3 = Strip.MultiplyAdd(weights.Data[w.D], some, a3);
                next += step;
                w += 1;
            }
            // Back to the row's start, and so many rows on, each of which may be the first of another channel.
            next -= step * taps.Columns;
            row += threads;
            from += threads * x.Row;
            int move = threads * weights.Row - taps.Columns;
            while (row >= rows)
            {
                channel++;
                row -= rows;
                from += x.Channel - rows * x.Row;
                move += weights.Channel - rows * weights.Row;
            }
            w += move;
        }
        a0.Set(sums, 0);
        a1.Set(sums, Strip.Size);
        a2.Set(sums, 2 * Strip.Size);
        a3.Set(sums, 3 * Strip.Size);
    }
}
