using System.Runtime.CompilerServices;
using ILGPU;

namespace Secateurs.Kernels;

internal sealed partial class SquareWinograd
{
    private readonly struct PartArguments(
        Tensor x, int padding, Tensor dOutput, WorkerLines lines, int parts, ArrayView<float> gradients) : IBody
    {
        /// <summary>
        /// A unit of work is a chunk of filters in a part of the batch. It takes some tiles at a time; at each point their input is
        /// transposed, so that channels lie across lanes and sums run over the images of all tiles.
        /// </summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Most = Tuning.SquareWinogradTiles;
            var ys = dOutput.Shape;
            int channels = x.Shape.Channels, perBlock = TilesOf(ys), chunks = Chunks(ys.Channels), step = Most * Layout.Lanes;
            float* v = lines.Of(worker), transposed = v + (nint)Points * Pitch(channels, Most);
            float* z = transposed + (nint)Padded(channels) * step;
            var (first, last) = Operation.Share(parts * chunks, worker, workers);
            for (int item = first; item < last; item++)
            {
                int part = item / chunks;
                var (firstFilter, endFilter) = Operation.Share(ys.Channels, item % chunks, chunks);
                var (firstBlock, endBlock) = Operation.Share(dOutput.Blocks, part, parts);
                nint row = Padded(channels), length = Points * ys.Channels * row, pitch = Pitch(endFilter - firstFilter, Most);
                float* sums = gradients.Pointer() + part * length + firstFilter * row;
                for (int begin = firstBlock * perBlock, start = begin, end = endBlock * perBlock; start < end; start += Most)
                {
                    int tiles = Math.Min(Most, end - start), ahead = Math.Min(end, start + 2 * Most);
                    for (int t = 0; t < tiles; t++)
                    {
                        var place = Place(start + t, ys);
                        TransformInput<V>(x, place, padding, v + t * Layout.Lanes, step, Pitch(channels, Most));
                        TransformGradient<V>(place, firstFilter, endFilter, z + t * Layout.Lanes, pitch);
                    }
                    PrefetchInput(x, padding, ys, start + Most, ahead);
                    for (int tile = start + Most; tile < ahead; tile++)
                        Prefetch(dOutput, Place(tile, ys), Outputs);
                    for (int f = 0; f < Points; f++)
                    {
                        Transpose(v + (nint)f * Pitch(channels, Most), tiles, transposed);
                        AddProducts<V>(
                            transposed, z + f * pitch, tiles, endFilter - firstFilter, sums + f * ys.Channels * row,
                            isFirst: start == begin);
                    }
                }
            }
        }

        private unsafe void TransformGradient<V>(
            (int Block, int Row, int Column) place, int firstFilter, int endFilter, float* z, nint pitch) where V : unmanaged, ISimd<V>
        {
            var s = dOutput.Shape;
            int rows = Math.Min(Outputs, s.Height - place.Row), columns = Math.Min(Outputs, s.Width - place.Column);
            float* source = dOutput.Pointer + (nint)place.Block * s.BlockStride + s.Offset(firstFilter, place.Row, place.Column);
            for (int k = firstFilter; k < endFilter; k++, source += s.ChannelStride, z += Tuning.SquareWinogradTiles * Layout.Lanes)
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    SquareWinogradTransform.OutputGradient<V>(source + lane, s.RowStride, rows, columns, z + lane, pitch);
        }

        /// <summary>[c][tile][16] as [c / 16][tile][16][c % 16].</summary>
        private unsafe void Transpose(float* v, int tiles, float* transposed)
        {
            const int Most = Tuning.SquareWinogradTiles;
            int channels = x.Shape.Channels;
            for (int c = 0; c < channels; c += Layout.Lanes)
                for (int t = 0; t < tiles; t++)
                    FloatSquare.Turn(
                        v + (c * Most + t) * Layout.Lanes, Most * Layout.Lanes, Math.Min(Layout.Lanes, channels - c),
                        transposed + (c * Most + t * Layout.Lanes) * Layout.Lanes, Layout.Lanes);
        }

        /// <summary>sums(k, c) += Σ z(k, tile) v(c, tile) over tiles and images; the first time it is that alone.</summary>
        [SkipLocalsInit]
        private unsafe void AddProducts<V>(float* transposed, float* z, int tiles, int filters, float* sums, bool isFirst)
            where V : unmanaged, ISimd<V>
        {
            const int Step = Tuning.SquareWinogradTiles * Layout.Lanes, Row = 2 * Layout.Lanes;
            int channels = Padded(x.Shape.Channels);
            float* products = stackalloc float[Tile.Rows * Row];
            var nest = new LoopNest(tiles * Layout.Lanes, Layout.Lanes, 1);
            for (int k = 0; k < filters; k += Tile.Rows)
            {
                int rows = Math.Min(Tile.Rows, filters - k);
                for (int c = 0; c < channels; c += Row)
                {
                    int width = Math.Min(Row, channels - c);
                    Tile.Compute<V>(
                        rows, width / Layout.Lanes, new(transposed + (nint)c * Step, Step * Layout.Lanes), new(z + (nint)k * Step, Step),
                        new(products, Layout.Lanes, Row), nest, default);
                    for (int row = 0; row < rows; row++)
                        for (int lane = 0; lane < width; lane += V.Width)
                        {
                            float* sum = sums + (nint)(k + row) * channels + c + lane;
                            V product = V.Load(products + row * Row + lane);
                            V.Store(isFirst ? product : V.Load(sum) + product, sum);
                        }
                }
            }
        }
    }

    private readonly struct UpdateArguments(ArrayView<float> gradients, int parts, FilterShape filter, Update update) : IBody
    {
        /// <summary>A unit of work is 16 channels of a filter, which lie across lanes.</summary>
        [SkipLocalsInit]
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
                        // Lanes behind the last channel hold anything; they are left out below.
                        float* part = gradients.Pointer() + ((nint)f * filter.Filters + k) * Padded(channels) + from + lane;
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
