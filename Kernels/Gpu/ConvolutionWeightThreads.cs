using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// The weight gradient of a <see cref="Convolution"/> on a GPU, dw(k, c, r, s) = Σ_{n,p,q} dy(n, k, p, q) x(n, c, t p + r, t q + s), in
/// <see cref="GradientParts"/>. A tile is 4 filters by 5 neighbouring taps of one channel in one part; its terms are runs of neighbouring
/// outputs of 4 images.
/// </summary>
internal static class ConvolutionWeightThreads
{
    private const int Filters = 4, Taps = 5;

    /// <summary>Sums of a tile: [filter][tap].</summary>
    public const int Sums = Filters * Taps;

    /// <summary>Outputs of a run that are computed at once.</summary>
    private const int AtOnce = 4;

    public static GradientParts Parts(DeviceMemory memory, FilterShape filter, Tensor dOutput) => new(
        memory, filter.Count,
        Operation.Parts(filter.Filters, Filters) * filter.Channels * filter.Rows * Operation.Parts(filter.Columns, Taps), Terms(dOutput));

    private static int Terms(Tensor dOutput) => dOutput.Blocks * dOutput.Shape.Height * Runs(dOutput.Shape) * Quad.PerBlock;

    private static int Runs(TensorShape shape) => IntrinsicMath.Max(1, (shape.Width + Tuning.WeightRun / 2) / Tuning.WeightRun);

    /// <summary>
    /// A thread slides along a run of outputs, four at a time, with the inputs of their taps in registers: 4 inputs and 16 gradients loaded
    /// for 80 products.
    /// </summary>
    /// <remarks>Filters and taps past the end repeat others; what they give is not kept.</remarks>
    public static void Add(Convolution.WeightPartArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.DOutput.Shape;
        var (part, filter, channel, r, s) = Place(a.Filter, tile);
        // In quads: a step along a row of inputs or outputs is one block's worth.
        int rowEnd = xs.RowStride / Quad.Images - (1 + a.Filter.Inset) * Quad.PerBlock, pitch = ys.ChannelStride / Quad.Images;
        int others = a.Filter.Filters - 1 - filter;
        int y1 = IntrinsicMath.Min(1, others) * pitch, y2 = IntrinsicMath.Min(2, others) * pitch, y3 = IntrinsicMath.Min(3, others) * pitch;
        int runs = Runs(ys), length = Operation.Parts(ys.Width, runs * AtOnce) * AtOnce;
        int xStart = (a.Filter.Origin(xs) + channel * xs.ChannelStride + r * xs.RowStride) / Quad.Images;
        int yStart = ys.Offset(filter, 0, 0) / Quad.Images;
        FiveSums f0 = default, f1 = default, f2 = default, f3 = default;
        int term = part * threads + thread, step = a.Parts * threads, still = TileSums.Still;
        for (int terms = Terms(a.DOutput) - term; terms > 0; terms -= step)
        {
            var (place, quad) = Operation.Divide(term, Quad.PerBlock);
            (place, int run) = Operation.Divide(place, runs);
            var (block, p) = Operation.Divide(place, ys.Height);
            int q = run * length, end = IntrinsicMath.Min(q + length, ys.Width);
            int x = (block * xs.BlockStride + p * xs.RowStride) / Quad.Images + xStart + quad, last = x + rowEnd;
            int y = (block * ys.BlockStride + p * ys.RowStride) / Quad.Images + q * Quad.PerBlock + yStart + quad;
            x += (q + s) * Quad.PerBlock;
            var near = LoadFour(a.X, x, 0, last);
            for (; q + AtOnce <= end; q += AtOnce)
            {
                var far = LoadFour(a.X, x, 4, last);
                f0 = f0.AddFour(Strip.Load(a.DOutput.Data, y), near, far);
                f1 = f1.AddFour(Strip.Load(a.DOutput.Data, y + y1), near, far);
                f2 = f2.AddFour(Strip.Load(a.DOutput.Data, y + y2), near, far);
                f3 = f3.AddFour(Strip.Load(a.DOutput.Data, y + y3), near, far);
                near = far;
                x += AtOnce * Quad.PerBlock;
                y += AtOnce * Quad.PerBlock;
            }
            for (; q < end; q++)
            {
                var next = Load(a.X, x, 4, last);
                f0 = f0.Add(Quad.Load(a.DOutput.Data, y), near, next);
                f1 = f1.Add(Quad.Load(a.DOutput.Data, y + y1), near, next);
                f2 = f2.Add(Quad.Load(a.DOutput.Data, y + y2), near, next);
                f3 = f3.Add(Quad.Load(a.DOutput.Data, y + y3), near, next);
                near = new(near.B, near.C, near.D, next);
                x += Quad.PerBlock;
                y += Quad.PerBlock;
            }
            term += step;
            rowEnd += still;
            runs += still;
            length += still;
            xStart += still;
            yStart += still;
            s += still;
            y1 += still;
            y2 += still;
            y3 += still;
        }
        f0.Set(sums, 0);
        f1.Set(sums, Taps);
        f2.Set(sums, 2 * Taps);
        f3.Set(sums, 3 * Taps);
    }

    /// <summary>With a stride: neighbouring outputs share no inputs, so that each loads its own.</summary>
    public static void AddStrided(Convolution.WeightPartArguments a, int tile, int thread, int threads, TileSums sums)
    {
        TensorShape xs = a.X.Shape, ys = a.DOutput.Shape;
        var (part, filter, channel, r, s) = Place(a.Filter, tile);
        int stride = a.Filter.Stride, pitch = ys.ChannelStride / Quad.Images, others = a.Filter.Filters - 1 - filter;
        int y1 = IntrinsicMath.Min(1, others) * pitch, y2 = IntrinsicMath.Min(2, others) * pitch, y3 = IntrinsicMath.Min(3, others) * pitch;
        int xStart = channel * xs.ChannelStride + (r + a.Filter.Inset) * xs.RowStride, columns = xs.Width + 2 * xs.Padding - 1;
        int terms = Terms(a.DOutput), runs = Runs(ys);
        int length = Operation.Parts(ys.Width, runs * AtOnce) * AtOnce;
        FiveSums f0 = default, f1 = default, f2 = default, f3 = default;
        for (int term = part * threads + thread; term < terms; term += a.Parts * threads)
        {
            var (place, quad) = Operation.Divide(term, Quad.PerBlock);
            (place, int run) = Operation.Divide(place, runs);
            var (block, p) = Operation.Divide(place, ys.Height);
            int end = IntrinsicMath.Min((run + 1) * length, ys.Width);
            int row = (block * xs.BlockStride + xStart + p * stride * xs.RowStride) / Quad.Images;
            int last = row + quad + columns * Quad.PerBlock;
            for (int q = run * length; q < end; q++)
            {
                int x = row + quad + (q * stride + s + a.Filter.Inset) * Quad.PerBlock;
                int y = (block * ys.BlockStride + ys.Offset(filter, p, q)) / Quad.Images + quad;
                var near = LoadFour(a.X, x, 0, last);
                var next = Load(a.X, x, 4, last);
                f0 = f0.Add(Quad.Load(a.DOutput.Data, y), near, next);
                f1 = f1.Add(Quad.Load(a.DOutput.Data, y + y1), near, next);
                f2 = f2.Add(Quad.Load(a.DOutput.Data, y + y2), near, next);
                f3 = f3.Add(Quad.Load(a.DOutput.Data, y + y3), near, next);
            }
        }
        f0.Set(sums, 0);
        f1.Set(sums, Taps);
        f2.Set(sums, 2 * Taps);
        f3.Set(sums, 3 * Taps);
    }

    public static void Finish(Convolution.WeightPartArguments a, int tile, int thread, int threads, TileSums sums)
    {
        var (part, filter, channel, r, s) = Place(a.Filter, tile);
        int at = part * a.Filter.Count + filter * a.Filter.FilterSize + (channel * a.Filter.Rows + r) * a.Filter.Columns + s;
        int count = IntrinsicMath.Min(Filters, a.Filter.Filters - filter) * Taps, taps = a.Filter.Columns - s;
        int sum = thread;
        for (int left = count - thread; left > 0; left -= threads)
        {
            var (row, tap) = Operation.Divide(sum, Taps);
            if (tap < taps)
                a.PartSums[at + row * a.Filter.FilterSize + tap] = sums.Get(sum);
            sum += threads;
        }
    }

    /// <summary>
    /// Part, first filter, channel, row and first column of a tile. Neighbours have rows and channels side by side and the same filters, so
    /// that threads of a warp load the same gradients.
    /// </summary>
    private static (int Part, int Filter, int Channel, int Row, int Column) Place(FilterShape filter, int tile)
    {
        int columns = Operation.Parts(filter.Columns, Taps);
        (tile, int column) = Operation.Divide(tile, columns);
        (tile, int r) = Operation.Divide(tile, filter.Rows);
        (tile, int channel) = Operation.Divide(tile, filter.Channels);
        (int part, tile) = Operation.Divide(tile, Operation.Parts(filter.Filters, Filters));
        return (part, tile * Filters, channel, r, column * Taps);
    }

    /// <summary>The quad some columns on; taps past the filter's end may lie past the row's end.</summary>
    private static Quad Load(Tensor x, int index, int columns, int last) =>
        Quad.Load(x.Data, IntrinsicMath.Min(index + columns * Quad.PerBlock, last));

    private static Strip LoadFour(Tensor x, int index, int columns, int last) => new(
        Load(x, index, columns, last), Load(x, index, columns + 1, last), Load(x, index, columns + 2, last),
        Load(x, index, columns + 3, last));

    /// <summary>A filter's sums for 5 neighbouring taps.</summary>
    private readonly struct FiveSums(float s0, float s1, float s2, float s3, float s4)
    {
        private readonly float _s0 = s0, _s1 = s1, _s2 = s2, _s3 = s3, _s4 = s4;

        /// <summary>One output's gradient times its inputs, four and one.</summary>
        public FiveSums Add(Quad g, Strip x, Quad next) => new(
            Quad.Dot(g, x.A, _s0), Quad.Dot(g, x.B, _s1), Quad.Dot(g, x.C, _s2), Quad.Dot(g, x.D, _s3), Quad.Dot(g, next, _s4));

        /// <summary>The same of four neighbouring outputs, which have eight inputs.</summary>
        public FiveSums AddFour(Strip g, Strip near, Strip far) =>
            Add(g.A, near, far.A).Add(g.B, new(near.B, near.C, near.D, far.A), far.B)
                .Add(g.C, new(near.C, near.D, far.A, far.B), far.C).Add(g.D, new(near.D, far.A, far.B, far.C), far.D);

        public void Set(TileSums sums, int sum)
        {
            sums.Set(sum, new Quad(_s0, _s1, _s2, _s3));
            sums.Set(sum + 4, _s4);
        }
    }
}
