using ILGPU;

namespace Secateurs.Kernels;

internal sealed partial class Winograd
{
    private readonly struct ForwardArguments(
        Tensor v, ArrayView<float> u, ArrayView<float> bias, FilterShape filter, Tensor y, bool relu) : IBody
    {
        /// <summary>A unit of work is one tile of a few output rows of 8 channels of 32 images, point by point.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* memory = stackalloc float[Points * Point + Layout.Lanes], points = Aligned(memory);
            TensorShape vs = v.Shape, ys = y.Shape;
            int rowTiles = Operation.Parts(filter.Filters, Tile.Rows), pairs = (v.Blocks + 1) / 2, terms = filter.Channels * filter.Rows;
            int bands = Operation.Parts(ys.Height, Band);
            var nest = new LoopNest(
                Loop.Once, new(filter.Channels, vs.ChannelStride, filter.Rows), new(filter.Rows, Layout.Lanes, 1));
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
                            rows, groups,
                            new(v.Pointer + (nint)block * vs.BlockStride + vs.Offset(f * filter.Channels, t, p + j), vs.BlockStride),
                            new(u.Pointer() + (nint)(f * filter.Filters + k) * terms, terms),
                            new(points + f * Point + j * Line, Layout.Lanes, Row), nest, default);
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

    private readonly struct BackwardDataArguments(
        Tensor z, ArrayView<float> u, FilterShape filter, Tensor gate, Tensor dInput, bool gated) : IBody
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
                int rows = Math.Min(Tile.Rows, filter.Channels - c), groups = Math.Min(2, z.Blocks - block);
                int band = Math.Min(Band, xs.Height - height);
                for (int i = 0; i < Band * Tile.Rows * 2; i++)
                    new Span<float>(lines + i * lineLength, Outputs * Layout.Lanes).Clear();
                for (int t = 0; t < zs.Height; t++)
                {
                    for (int f = 0; f < Points; f++)
                        for (int j = 0; j < band; j++)
                        {
                            int h = height + j + xs.Padding, r0 = Math.Max(0, h - zs.Width + 1), r1 = Math.Min(filter.Rows - 1, h);
                            var nest = new LoopNest(
                                Loop.Once, new(filter.Filters, zs.ChannelStride, terms), new(r1 - r0 + 1, -Layout.Lanes, 1));
                            Tile.Compute<V>(
                                rows, groups,
                                new(z.Pointer + (nint)block * zs.BlockStride + zs.Offset(f * filter.Filters, t, h - r0), zs.BlockStride),
                                new(u.Pointer() + (nint)f * filter.Filters * terms + c * filter.Rows + r0, filter.Rows),
                                new(points + f * Point + j * Line, Layout.Lanes, Row), nest, default);
                        }
                    for (int j = 0; j < band; j++)
                        for (int i = 0; i < rows; i++)
                            for (int g = 0; g < groups; g++)
                                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                                    WinogradTransform.InputGradient<V>(
                                        points + j * Line + i * Row + g * Layout.Lanes + lane, Point,
                                        lines + ((j * Tile.Rows + i) * 2 + g) * lineLength + t * Outputs * Layout.Lanes + lane);
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
            float* gradient = stackalloc float[run * WinogradTransform.Columns], sums = stackalloc float[TapTile.Filters * TapTile.Taps];
            nint* offsets = stackalloc nint[TapTile.Taps];
            TensorShape vs = v.Shape, zs = z.Shape;
            var (first, last) = Operation.Share(filterTiles * all, worker, workers);
            for (int item = first, count; item < last; item += count)
            {
                int channel = item % all;
                count = Math.Min(Math.Min(Channels, all - channel), last - item);
                var (from, to) = Operation.Share(filter.Filters, item / all, filterTiles);
                for (int f = 0; f < Points; f++)
                    for (int c = 0; c < count; c++)
                    {
                        var nest = new TapNest(
                            v.Blocks, zs.Height, zs.Width, v.Pointer + (f * all + channel + c) * vs.ChannelStride, vs.BlockStride,
                            vs.RowStride, Layout.Lanes)
                        {
                            Y = z.Pointer + zs.Offset(f * filter.Filters + from, 0, 0),
                            YBlock = zs.BlockStride,
                            YRow = zs.RowStride,
                            YFilter = zs.ChannelStride,
                        };
                        for (int r = 0, taps; r < filter.Rows; r += taps)
                        {
                            taps = Math.Min(TapTile.Taps, filter.Rows - r);
                            for (int i = 0; i < taps; i++)
                                offsets[i] = (r + i) * Layout.Lanes;
                            TapTile.Compute<V>(nest, offsets, taps, to - from, sums);
                            for (int k = 0; k < to - from; k++)
                                for (int i = 0; i < taps; i++)
                                    points[(f * TapTile.Filters + k) * run + c * filter.Rows + r + i] = sums[k * TapTile.Taps + i];
                        }
                    }
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
