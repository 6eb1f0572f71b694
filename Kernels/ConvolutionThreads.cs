using ILGPU;

namespace Kernels;

/// <summary>What <see cref="Convolution"/> is on a GPU.</summary>
internal static class ConvolutionThreads
{
    /// <summary>Filters and neighbouring taps of a tile of weight gradients.</summary>
    public const int Filters = 4, Taps = 5;

    /// <summary>Tiles of a filter's weight gradient for one channel: rows of it, cut into runs of taps.</summary>
    public static int TapTiles(FilterShape filter) => filter.Rows * ((filter.Columns + Taps - 1) / Taps);

    /// <summary>
    /// A tile is 4 filters by 5 neighbouring taps of one channel, its terms are the rows of outputs of 4 images. A thread slides along a
    /// row with 5 inputs in registers: 1 input and 4 gradients loaded for 20 products.
    /// </summary>
    /// <remarks>Filters and taps past the end repeat others; what they give is not kept.</remarks>
    public static void AddWeightGradients(Convolution.BackwardWeightArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.DOutput.Shape;
        var (filter, channel, r, s) = Place(a.Filter, tile);
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

    public static void FinishWeightGradient(Convolution.BackwardWeightArguments a, int tile, int sum, float value)
    {
        var (filter, channel, r, s) = Place(a.Filter, tile);
        int k = filter + sum / Taps, column = s + sum % Taps;
        if (k < a.Filter.Filters && column < a.Filter.Columns)
            a.Update.Apply(((k * a.Filter.Channels + channel) * a.Filter.Rows + r) * a.Filter.Columns + column, value);
    }

    /// <summary>First filter, channel, row and first column of a tile.</summary>
    private static (int Filter, int Channel, int Row, int Column) Place(FilterShape filter, int tile)
    {
        int runs = (filter.Columns + Taps - 1) / Taps, s = tile % runs * Taps;
        tile /= runs;
        int r = tile % filter.Rows;
        tile /= filter.Rows;
        return (tile / filter.Channels * Filters, tile % filter.Channels, r, s);
    }

    /// <summary>Taps past the filter's end may lie past the row's end.</summary>
    private static Quad Load(Tensor x, int index, int last) => Quad.Load(x.Data, IntrinsicMath.Min(index, last));

    private static void Set(TileSums sums, int sum, Quad s0, Quad s1, Quad s2, Quad s3, Quad s4)
    {
        sums.Set(sum, s0.Sum, s1.Sum, s2.Sum, s3.Sum);
        sums.Set(sum + 4, s4.Sum);
    }
}
