using ILGPU;

namespace Secateurs.Kernels;

internal sealed partial class SquareWinograd
{
    private readonly struct PartArguments(
        Tensor x, int padding, Tensor dOutput, WorkerLines lines, int parts, ArrayView<float> gradients) : IBody
    {
        /// <summary>
        /// A unit of work is a part of the batch: some tiles at a time, at each point 5 filters by 5 channels are summed in registers, lane
        /// by lane, and the lanes added once at the end.
        /// </summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Most = 2 * Tuning.SquareWinogradTiles;
            TensorShape xs = x.Shape, ys = dOutput.Shape;
            int channels = xs.Channels, filters = ys.Channels, length = Points * filters * channels, perBlock = TilesOf(ys);
            float* v = lines.Of(worker), z = v + (nint)Points * Pitch(channels, Most);
            var (first, last) = Operation.Share(parts, worker, workers);
            for (int part = first; part < last; part++)
            {
                float* sums = gradients.Pointer() + (nint)part * length;
                new Span<float>(sums, length).Clear();
                var (firstBlock, endBlock) = Operation.Share(dOutput.Blocks, part, parts);
                for (int start = firstBlock * perBlock, end = endBlock * perBlock; start < end; start += Most)
                {
                    int tiles = Math.Min(Most, end - start);
                    for (int t = 0; t < tiles; t++)
                    {
                        var place = Place(start + t, ys);
                        TransformInput<V>(x, place, padding, v + t * Layout.Lanes, Most);
                        TransformGradient<V>(place, z + t * Layout.Lanes, Most);
                    }
                    for (int f = 0; f < Points; f++)
                        AddProducts<V>(
                            v + (nint)f * Pitch(channels, Most), z + (nint)f * Pitch(filters, Most), Most * Layout.Lanes, tiles,
                            sums + (nint)f * filters * channels);
                }
            }
        }

        private unsafe void TransformGradient<V>((int Block, int Row, int Column) place, float* z, int tiles)
            where V : unmanaged, ISimd<V>
        {
            var s = dOutput.Shape;
            int rows = Math.Min(Outputs, s.Height - place.Row), columns = Math.Min(Outputs, s.Width - place.Column);
            float* source = dOutput.Pointer + (nint)place.Block * s.BlockStride + s.Offset(0, place.Row, place.Column);
            nint pitch = Pitch(s.Channels, tiles);
            for (int k = 0; k < s.Channels; k++, source += s.ChannelStride, z += tiles * Layout.Lanes)
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    SquareWinogradTransform.OutputGradient<V>(source + lane, s.RowStride, rows, columns, z + lane, pitch);
        }

        /// <summary>sums(k, c) += Σ z(k, tile) v(c, tile) over tiles and images.</summary>
        private unsafe void AddProducts<V>(float* v, float* z, int step, int tiles, float* sums) where V : unmanaged, ISimd<V>
        {
            int channels = x.Shape.Channels, filters = dOutput.Shape.Channels, filterTiles = TapTile.Count(filters);
            int channelTiles = Operation.Parts(channels, TapTile.Taps);
            float* products = stackalloc float[TapTile.Filters * TapTile.Taps];
            nint* taps = stackalloc nint[TapTile.Taps];
            for (int i = 0; i < TapTile.Taps; i++)
                taps[i] = i * step;
            for (int i = 0; i < filterTiles; i++)
            {
                var (k, endFilter) = Operation.Share(filters, i, filterTiles);
                for (int j = 0; j < channelTiles; j++)
                {
                    var (c, endChannel) = Operation.Share(channels, j, channelTiles);
                    var nest = new TapNest(1, 1, tiles, v + c * step, 0, 0, Layout.Lanes)
                    {
                        Y = z + k * step,
                        YBlock = 0,
                        YRow = 0,
                        YFilter = step,
                    };
                    TapTile.Compute<V>(nest, taps, endChannel - c, endFilter - k, products);
                    for (int f = k; f < endFilter; f++)
                        for (int t = c; t < endChannel; t++)
                            sums[f * channels + t] += products[(f - k) * TapTile.Taps + t - c];
                }
            }
        }
    }

    private readonly struct UpdateArguments(ArrayView<float> gradients, int parts, FilterShape filter, Update update) : IBody
    {
        /// <summary>A unit of work is 16 channels of a filter, which lie across lanes.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Square = Taps * Taps;
            float* points = stackalloc float[Points * Layout.Lanes], taps = stackalloc float[Square * Layout.Lanes];
            float* gradient = stackalloc float[Square * Layout.Lanes];
            int channels = filter.Channels, chunks = Operation.Parts(channels, Layout.Lanes), length = PartLength(filter);
            var (first, last) = Operation.Share(filter.Filters * chunks, worker, workers);
            for (int item = first; item < last; item++)
            {
                int k = item / chunks, from = item % chunks * Layout.Lanes, count = Math.Min(Layout.Lanes, channels - from);
                for (int f = 0; f < Points; f++)
                    for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    {
                        // Lanes behind the last channel hold what follows in memory; they are left out below.
                        float* part = gradients.Pointer() + ((nint)f * filter.Filters + k) * channels + from + lane;
                        V sum = V.Load(part);
                        for (int p = 1; p < parts; p++)
                            sum += V.Load(part + (nint)p * length);
                        V.Store(sum, points + f * Layout.Lanes + lane);
                    }
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    SquareWinogradTransform.WeightGradient<V>(points + lane, taps + lane);
                for (int i = 0; i < count; i++)
                    for (int tap = 0; tap < Square; tap++)
                        gradient[i * Square + tap] = taps[tap * Layout.Lanes + i];
                update.Apply<V>(k * filter.FilterSize + from * Square, gradient, count * Square);
            }
        }
    }
}
