using ILGPU;

namespace Kernels;

/// <summary>What <see cref="Convolution"/> is on a GPU.</summary>
internal static class ConvolutionThreads
{
    /// <summary>Channels of an output (forward) or input (backward data) in a tile, for 4 images at one position.</summary>
    public const int Channels = 4;

    /// <summary>Filters and neighbouring taps of a tile of weight gradients.</summary>
    public const int Filters = 4, Taps = 5;

    /// <summary>Tiles of a convolution's output, or of its input's gradient.</summary>
    public static int Tiles(Tensor y) => y.Blocks * Operation.Parts(y.Shape.Channels, Channels) * y.Shape.Height * y.Shape.Width * Quad.PerBlock;

    public static void AddForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        int size = a.Filter.FilterSize, last = a.Filter.Filters - 1;
        AddTaps(
            a.X.Data, (block * xs.BlockStride + p * xs.RowStride) / Quad.Images + q * Quad.PerBlock + quad, xs.ChannelStride / Quad.Images,
            xs.RowStride / Quad.Images, Quad.PerBlock, a.Weight, k * size, IntrinsicMath.Min(k + 1, last) * size, IntrinsicMath.Min(k + 2, last) * size,
            IntrinsicMath.Min(k + 3, last) * size, a.Filter.Rows * a.Filter.Columns, a.Filter.Columns, a.Filter.Channels, a.Filter.Rows,
            a.Filter.Columns, thread, threads, sums);
    }

    public static void FinishForward(Convolution.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var ys = a.Y.Shape;
        var (block, k, p, q, quad) = Place(tile, ys);
        int at = block * ys.BlockStride + ys.Offset(k, p, q) + quad * Quad.Images, count = IntrinsicMath.Min(Channels, ys.Channels - k) * Quad.Images;
        for (int sum = thread; sum < count; sum += threads)
        {
            float value = sums.Get(sum) + a.Bias[k + sum / Quad.Images];
            a.Y.Data[at + sum / Quad.Images * ys.ChannelStride + sum % Quad.Images] = a.Relu != 0 && value < 0f ? 0f : value;
        }
    }

    /// <summary>Each input pixel sums over the taps that reach an output.</summary>
    public static void AddBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.DInput.Shape, ys = a.DOutput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int h = height + xs.Padding, v = width + xs.Padding, columns = a.Filter.Columns, taps = a.Filter.Rows * columns, last = a.Filter.Channels - 1;
        int r0 = IntrinsicMath.Max(0, h - ys.Height + 1), r1 = IntrinsicMath.Min(a.Filter.Rows - 1, h);
        int s0 = IntrinsicMath.Max(0, v - ys.Width + 1), s1 = IntrinsicMath.Min(columns - 1, v), first = r0 * columns + s0;
        AddTaps(
            a.DOutput.Data, (block * ys.BlockStride + ys.Offset(0, h - r0, v - s0)) / Quad.Images + quad, ys.ChannelStride / Quad.Images,
            -ys.RowStride / Quad.Images, -Quad.PerBlock, a.Weight, c * taps + first, IntrinsicMath.Min(c + 1, last) * taps + first,
            IntrinsicMath.Min(c + 2, last) * taps + first, IntrinsicMath.Min(c + 3, last) * taps + first, a.Filter.FilterSize, columns,
            a.Filter.Filters, r1 - r0 + 1, s1 - s0 + 1, thread, threads, sums);
    }

    public static void FinishBackwardData(Convolution.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var xs = a.DInput.Shape;
        var (block, c, height, width, quad) = Place(tile, xs);
        int at = block * xs.BlockStride + xs.Offset(c, height, width) + quad * Quad.Images, count = IntrinsicMath.Min(Channels, xs.Channels - c) * Quad.Images;
        for (int sum = thread; sum < count; sum += threads)
        {
            int index = at + sum / Quad.Images * xs.ChannelStride + sum % Quad.Images;
            a.DInput.Data[index] = a.Gated != 0 && !(a.Gate.Data[index] > 0f) ? 0f : sums.Get(sum);
        }
    }

    /// <summary>Block, first channel, position and four images of a tile.</summary>
    private static (int Block, int Channel, int Row, int Column, int Quad) Place(int tile, TensorShape shape)
    {
        int quad = tile % Quad.PerBlock;
        tile /= Quad.PerBlock;
        int column = tile % shape.Width;
        tile /= shape.Width;
        int row = tile % shape.Height, tiles = Operation.Parts(shape.Channels, Channels);
        tile /= shape.Height;
        return (tile / tiles, tile % tiles * Channels, row, column, quad);
    }

    /// <summary>
    /// Sums of 4 channels for 4 images over channels, rows and columns of taps; rows of taps are the terms that a tile's threads share. A
    /// value of four images and 4 weights are loaded for 16 products.
    /// </summary>
    /// <remarks>Channels past the end repeat the last one; what they give is not kept.</remarks>
    private static void AddTaps(
        ArrayView<float> x, int at, int xChannel, int xRow, int xColumn, ArrayView<float> weight, int w0, int w1, int w2, int w3,
        int wChannel, int wRow, int channels, int rows, int columns, int thread, int threads, TileSums sums)
    {
        Quad s0 = default, s1 = default, s2 = default, s3 = default;
        int channel = thread / rows, row = thread % rows;
        while (channel < channels)
        {
            int from = at + channel * xChannel + row * xRow, tap = channel * wChannel + row * wRow;
            for (int end = tap + columns; tap < end; tap++, from += xColumn)
            {
                var value = Quad.Load(x, from);
                s0 = Quad.MultiplyAdd(weight[w0 + tap], value, s0);
                s1 = Quad.MultiplyAdd(weight[w1 + tap], value, s1);
                s2 = Quad.MultiplyAdd(weight[w2 + tap], value, s2);
                s3 = Quad.MultiplyAdd(weight[w3 + tap], value, s3);
            }
            for (row += threads; row >= rows; row -= rows)
                channel++;
        }
        sums.Set(0, s0);
        sums.Set(4, s1);
        sums.Set(8, s2);
        sums.Set(12, s3);
    }

    /// <summary>Tiles of a weight gradient: rows of filters are cut into runs of taps.</summary>
    public static int WeightTiles(FilterShape filter) =>
        Operation.Parts(filter.Filters, Filters) * filter.Channels * filter.Rows * Operation.Parts(filter.Columns, Taps);

    /// <summary>
    /// A tile is 4 filters by 5 neighbouring taps of one channel, its terms are the rows of outputs of 4 images. A thread slides along a
    /// row with 5 inputs in registers: 1 input and 4 gradients loaded for 20 products.
    /// </summary>
    /// <remarks>Filters and taps past the end repeat others; what they give is not kept.</remarks>
    public static void AddWeightGradients(Convolution.BackwardWeightArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.DOutput.Shape;
        var (filter, channel, r, s) = WeightPlace(a.Filter, tile);
        // In quads: a step along a row of inputs or outputs is one block's worth.
        int end = xs.RowStride / Quad.Images, filterStride = ys.ChannelStride / Quad.Images, last = a.Filter.Filters - 1 - filter;
        int f1 = IntrinsicMath.Min(1, last) * filterStride, f2 = IntrinsicMath.Min(2, last) * filterStride, f3 = IntrinsicMath.Min(3, last) * filterStride;
        Quad a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, b0 = default, b1 = default, b2 = default, b3 = default, b4 = default;
        Quad c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, d0 = default, d1 = default, d2 = default, d3 = default, d4 = default;
        int rows = a.DOutput.Blocks * ys.Height * Quad.PerBlock;
        for (int row = thread; row < rows; row += threads)
        {
            int quad = row % Quad.PerBlock, p = row / Quad.PerBlock % ys.Height, block = row / Quad.PerBlock / ys.Height;
            int x = (block * xs.BlockStride + channel * xs.ChannelStride + (p + r) * xs.RowStride) / Quad.Images + quad;
            int y = (block * ys.BlockStride + ys.Offset(filter, p, 0)) / Quad.Images + quad;
            int rest = x + end - Quad.PerBlock, next = x + s * Quad.PerBlock;
            Quad x1 = Load(a.X, next, rest), x2 = Load(a.X, next + Quad.PerBlock, rest);
            Quad x3 = Load(a.X, next + 2 * Quad.PerBlock, rest), x4 = Load(a.X, next + 3 * Quad.PerBlock, rest);
            next += 4 * Quad.PerBlock;
            for (int q = 0; q < ys.Width; q++, next += Quad.PerBlock, y += Quad.PerBlock)
            {
                Quad x0 = x1;
                x1 = x2;
                x2 = x3;
                x3 = x4;
                x4 = Load(a.X, next, rest);
                var g = Quad.Load(a.DOutput.Data, y);
                a0 = Quad.MultiplyAdd(g, x0, a0);
                a1 = Quad.MultiplyAdd(g, x1, a1);
                a2 = Quad.MultiplyAdd(g, x2, a2);
                a3 = Quad.MultiplyAdd(g, x3, a3);
                a4 = Quad.MultiplyAdd(g, x4, a4);
                g = Quad.Load(a.DOutput.Data, y + f1);
                b0 = Quad.MultiplyAdd(g, x0, b0);
                b1 = Quad.MultiplyAdd(g, x1, b1);
                b2 = Quad.MultiplyAdd(g, x2, b2);
                b3 = Quad.MultiplyAdd(g, x3, b3);
                b4 = Quad.MultiplyAdd(g, x4, b4);
                g = Quad.Load(a.DOutput.Data, y + f2);
                c0 = Quad.MultiplyAdd(g, x0, c0);
                c1 = Quad.MultiplyAdd(g, x1, c1);
                c2 = Quad.MultiplyAdd(g, x2, c2);
                c3 = Quad.MultiplyAdd(g, x3, c3);
                c4 = Quad.MultiplyAdd(g, x4, c4);
                g = Quad.Load(a.DOutput.Data, y + f3);
                d0 = Quad.MultiplyAdd(g, x0, d0);
                d1 = Quad.MultiplyAdd(g, x1, d1);
                d2 = Quad.MultiplyAdd(g, x2, d2);
                d3 = Quad.MultiplyAdd(g, x3, d3);
                d4 = Quad.MultiplyAdd(g, x4, d4);
            }
        }
        Set(sums, 0, a0, a1, a2, a3, a4);
        Set(sums, Taps, b0, b1, b2, b3, b4);
        Set(sums, 2 * Taps, c0, c1, c2, c3, c4);
        Set(sums, 3 * Taps, d0, d1, d2, d3, d4);
    }

    public static void FinishWeightGradients(Convolution.BackwardWeightArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var (filter, channel, r, s) = WeightPlace(a.Filter, tile);
        int at = filter * a.Filter.FilterSize + (channel * a.Filter.Rows + r) * a.Filter.Columns + s;
        int count = IntrinsicMath.Min(Filters, a.Filter.Filters - filter) * Taps, taps = a.Filter.Columns - s;
        for (int sum = thread; sum < count; sum += threads)
            if (sum % Taps < taps)
                a.Update.Apply(at + sum / Taps * a.Filter.FilterSize + sum % Taps, sums.Get(sum));
    }

    /// <summary>First filter, channel, row and first column of a tile.</summary>
    private static (int Filter, int Channel, int Row, int Column) WeightPlace(FilterShape filter, int tile)
    {
        int runs = Operation.Parts(filter.Columns, Taps), s = tile % runs * Taps;
        tile /= runs;
        int r = tile % filter.Rows;
        tile /= filter.Rows;
        return (tile / filter.Channels * Filters, tile % filter.Channels, r, s);
    }

    /// <summary>Taps past the filter's end may lie past the row's end.</summary>
    private static Quad Load(Tensor x, int index, int last) => Quad.Load(x.Data, IntrinsicMath.Min(index, last));

    private static void Set(TileSums sums, int sum, Quad s0, Quad s1, Quad s2, Quad s3, Quad s4)
    {
        sums.Set(sum, new Quad(s0.Sum, s1.Sum, s2.Sum, s3.Sum));
        sums.Set(sum + 4, s4.Sum);
    }
}
