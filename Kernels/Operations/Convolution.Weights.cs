namespace Secateurs.Kernels;

/// <summary>The weight gradient on the CPU accelerator.</summary>
internal static partial class Convolution
{
    public readonly struct BackwardWeightArguments(Tensor x, Tensor dOutput, FilterShape filter, Update update) : IBody
    {
        public readonly Tensor X = x, DOutput = dOutput;
        public readonly FilterShape Filter = filter;
        public readonly Update Update = update;

        /// <summary>Input channels whose weights are updated together: 16 times any number of taps are whole vectors.</summary>
        private const int Channels = Layout.Lanes;

        /// <summary>
        /// A unit of work is one input channel of 5 filters: 5 x 5 taps at a time are summed over images and positions in registers, lane
        /// by lane, and the lanes added once at the end.
        /// </summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int filterTiles = TapTile.Count(Filter.Filters), all = Filter.Channels;
            var (first, last) = Operation.Share(filterTiles * all, worker, workers);
            for (int item = first, next; item < last; item = next)
            {
                next = Math.Min((item / all + 1) * all, last);
                var (filter, end) = Operation.Share(Filter.Filters, item / all, filterTiles);
                Filters<V>(filter, end, item % all, item % all + next - item, DOutput, 0);
            }
        }

        /// <summary>
        /// Up to 5 filters and a range of input channels; gradients of the output in <paramref name="dOutput"/>, whose first channel is
        /// <paramref name="origin"/>.
        /// </summary>
        internal unsafe void Filters<V>(int filter, int end, int firstChannel, int lastChannel, Tensor dOutput, int origin)
            where V : unmanaged, ISimd<V>
        {
            int taps = Filter.Rows * Filter.Columns;
            float* gradient = stackalloc float[TapTile.Filters * Channels * taps];
            bool mind = Padding.Matters(X.Shape, Filter, dOutput.Shape);
            for (int channel = firstChannel; channel < lastChannel; channel += Channels)
            {
                int channels = Math.Min(Channels, lastChannel - channel);
                if (taps == 1 || mind)
                    ByChannels<V>(filter - origin, end - filter, channel, channels, dOutput, gradient);
                else
                    ByTaps<V>(filter - origin, end - filter, channel, channels, dOutput, gradient);
                for (int f = filter; f < end; f++)
                    Update.Apply<V>(f * Filter.FilterSize + channel * taps, gradient + (f - filter) * Channels * taps, channels * taps);
            }
        }

        /// <summary>Neighbouring weights at a time: taps lie close together in the input.</summary>
        private unsafe void ByTaps<V>(int filter, int filters, int channel, int channels, Tensor dOutput, float* gradient)
            where V : unmanaged, ISimd<V>
        {
            var s = X.Shape;
            int taps = Filter.Rows * Filter.Columns;
            nint* offsets = stackalloc nint[TapTile.Taps];
            float* sums = stackalloc float[TapTile.Filters * TapTile.Taps];
            var nest = Nest(dOutput, channel, filter, 0, 0, (0, dOutput.Shape.Height), (0, dOutput.Shape.Width));
            for (int from = 0, count; from < channels * taps; from += count)
            {
                count = Math.Min(TapTile.Taps, channels * taps - from);
                for (int i = 0; i < count; i++)
                {
                    int c = (from + i) / taps, tap = (from + i) % taps, r = tap / Filter.Columns;
                    offsets[i] = c * s.ChannelStride + r * s.RowStride + (tap - r * Filter.Columns) * Layout.Lanes;
                }
                TapTile.Compute<V>(nest, offsets, count, filters, sums);
                for (int f = 0; f < filters; f++)
                    for (int i = 0; i < count; i++)
                        gradient[f * Channels * taps + from + i] = sums[f * TapTile.Taps + i];
            }
        }

        /// <summary>One tap of neighbouring channels at a time, over the outputs alone that meet pixels by it.</summary>
        private unsafe void ByChannels<V>(int filter, int filters, int channel, int channels, Tensor dOutput, float* gradient)
            where V : unmanaged, ISimd<V>
        {
            TensorShape s = X.Shape, ys = dOutput.Shape;
            int taps = Filter.Rows * Filter.Columns, padding = s.Padding - Filter.Inset;
            nint* offsets = stackalloc nint[TapTile.Taps];
            for (int i = 0; i < TapTile.Taps; i++)
                offsets[i] = i * s.ChannelStride;
            float* sums = stackalloc float[TapTile.Filters * TapTile.Taps];
            for (int tap = 0; tap < taps; tap++)
            {
                int r = tap / Filter.Columns, column = tap % Filter.Columns;
                var rows = Padding.Outputs(r, padding, Filter.Stride, s.Height, ys.Height);
                var columns = Padding.Outputs(column, padding, Filter.Stride, s.Width, ys.Width);
                for (int c = 0, count; c < channels; c += count)
                {
                    count = Math.Min(TapTile.Taps, channels - c);
                    TapTile.Compute<V>(Nest(dOutput, channel + c, filter, r, column, rows, columns), offsets, count, filters, sums);
                    for (int f = 0; f < filters; f++)
                        for (int i = 0; i < count; i++)
                            gradient[(f * Channels + c + i) * taps + tap] = sums[f * TapTile.Taps + i];
                }
            }
        }

        private unsafe TapNest Nest(
            Tensor dOutput, int channel, int filter, int r, int s, (int First, int End) rows, (int First, int End) columns)
        {
            TensorShape xs = X.Shape, ys = dOutput.Shape;
            int stride = Filter.Stride;
            float* x = X.Pointer + Filter.Origin(xs) + channel * xs.ChannelStride + (rows.First * stride + r) * xs.RowStride
                + (columns.First * stride + s) * Layout.Lanes;
            return new(
                X.Blocks, rows.End - rows.First, columns.End - columns.First, x, xs.BlockStride, stride * xs.RowStride,
                stride * Layout.Lanes)
            {
                Y = dOutput.Pointer + ys.Offset(filter, rows.First, columns.First),
                YBlock = ys.BlockStride,
                YRow = ys.RowStride,
                YFilter = ys.ChannelStride,
            };
        }
    }
}
