using System.Runtime.CompilerServices;
using ILGPU;

namespace Secateurs.Kernels;

/// <summary>The gradients of live weights, handed to the optimizer.</summary>
internal static partial class SparseConvolution
{
    internal readonly struct BackwardWeightBody(Tensor x, Tensor dOutput, LiveWeights live, Update update) : IBody
    {
        private const int Batch = 64;

        private readonly Update _update =
            update with { Weight = live.Weight, FirstMoment = live.FirstMoment, SecondMoment = live.SecondMoment, Masked = 0 };

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(live.Count, worker, workers);
            Weights<V>(first, last, dOutput, 0);
        }

        /// <summary>Whether a filter has live weights.</summary>
        public bool Has(int filter) => live.FilterStart[filter] < live.FilterStart[filter + 1];

        /// <summary>The live weights of the filters [first, last), gradients as in <see cref="Weights"/>.</summary>
        public void Filters<V>(int first, int last, Tensor dOutput, int origin) where V : unmanaged, ISimd<V> =>
            Weights<V>(live.FilterStart[first], live.FilterStart[last], dOutput, origin);

        /// <summary>
        /// The weights [first, last); gradients of the output in <paramref name="dOutput"/>, whose first channel is
        /// <paramref name="origin"/>.
        /// </summary>
        private unsafe void Weights<V>(int first, int last, Tensor dOutput, int origin) where V : unmanaged, ISimd<V>
        {
            float* gradient = stackalloc float[Batch], lanes = stackalloc float[Batch * Layout.Lanes];
            int* input = live.InputOffset.Pointer(), output = live.OutputOffset.Pointer();
            TensorShape xs = x.Shape, ys = dOutput.Shape;
            float* xStart = x.Pointer, yStart = dOutput.Pointer + ys.Offset(0, 0, 0) - (nint)origin * ys.ChannelStride;
            bool onePosition = ys.Height * ys.Width == 1;
            for (int from = first; from < last; from += Batch)
            {
                int to = Math.Min(from + Batch, last);
                for (int t = from; t < to; t += Vectors)
                {
                    float* target = lanes + (t - from) * Layout.Lanes;
                    FourVectors inputs = FourVectors.At(xStart, input, t, to), gradients = FourVectors.At(yStart, output, t, to);
                    if (onePosition)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                            Products<V>(inputs, gradients, lane, xs.BlockStride, ys.BlockStride, x.Blocks, target + lane);
                    else
                        for (int lane = 0; lane < Layout.Lanes; lane += 2 * V.Width)
                            if (gradients.Fourth == 0)
                                Products<V, OneFilter>(inputs, gradients, lane, xs, ys, live.Filter.Stride, x.Blocks, target + lane);
                            else
                                Products<V, SeveralFilters>(inputs, gradients, lane, xs, ys, live.Filter.Stride, x.Blocks, target + lane);
                }
                TapTile.AddLanes(lanes, to - from, gradient);
                _update.Apply<V>(from, gradient, to - from);
            }
        }

        /// <summary>Four weights of a fully connected layer: one product per 16 images each.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static unsafe void Products<V>(
            in FourVectors inputs, in FourVectors gradients, int lane, nint xBlock, nint yBlock, int blocks, float* lanes)
            where V : unmanaged, ISimd<V>
        {
            float* x = inputs.First + lane, y = gradients.First + lane;
            nint x1 = inputs.Second, x2 = inputs.Third, x3 = inputs.Fourth;
            nint y1 = gradients.Second, y2 = gradients.Third, y3 = gradients.Fourth;
            V a = V.Zero, b = V.Zero, c = V.Zero, d = V.Zero;
            for (; blocks > 0; blocks--, x += xBlock, y += yBlock)
            {
                a = V.MultiplyAdd(V.Load(y), V.Load(x), a);
                b = V.MultiplyAdd(V.Load(y + y1), V.Load(x + x1), b);
                c = V.MultiplyAdd(V.Load(y + y2), V.Load(x + x2), c);
                d = V.MultiplyAdd(V.Load(y + y3), V.Load(x + x3), d);
            }
            V.Store(a, lanes);
            V.Store(b, lanes + Layout.Lanes);
            V.Store(c, lanes + 2 * Layout.Lanes);
            V.Store(d, lanes + 3 * Layout.Lanes);
        }

        /// <summary>
        /// Four weights over maps, two vectors of images at a time where a block of images has more than one. Weights of one filter
        /// (<typeparamref name="F"/>) meet the same gradients.
        /// </summary>
        private static unsafe void Products<V, F>(
            in FourVectors inputs, in FourVectors gradients, int lane, in TensorShape xs, in TensorShape ys, int stride, int blocks,
            float* lanes)
            where V : unmanaged, ISimd<V> where F : struct, IFilters
        {
            bool two = V.Width < Layout.Lanes, same = F.AreOne;
            // Locals, which registers hold through the loops: fields would be read again for each position.
            float* xBlock = inputs.First + lane, yBlock = gradients.First + lane;
            nint x1 = inputs.Second, x2 = inputs.Third, x3 = inputs.Fourth;
            nint y1 = gradients.Second, y2 = gradients.Third, y3 = gradients.Fourth;
            nint xRowStep = (nint)stride * xs.RowStride, xStep = (nint)stride * Layout.Lanes;
            V a = V.Zero, b = V.Zero, c = V.Zero, d = V.Zero, e = V.Zero, f = V.Zero, g = V.Zero, h = V.Zero;
            for (; blocks > 0; blocks--, xBlock += xs.BlockStride, yBlock += ys.BlockStride)
            {
                float* xRow = xBlock, yRow = yBlock;
                for (int p = ys.Height; p > 0; p--, xRow += xRowStep, yRow += ys.RowStride)
                {
                    float* source = xRow, y = yRow;
                    for (int q = ys.Width; q > 0; q--, source += xStep, y += Layout.Lanes)
                    {
                        V gradient = V.Load(y);
                        a = V.MultiplyAdd(gradient, V.Load(source), a);
                        b = V.MultiplyAdd(same ? gradient : V.Load(y + y1), V.Load(source + x1), b);
                        c = V.MultiplyAdd(same ? gradient : V.Load(y + y2), V.Load(source + x2), c);
                        d = V.MultiplyAdd(same ? gradient : V.Load(y + y3), V.Load(source + x3), d);
                        if (!two)
                            continue;
                        gradient = V.Load(y + V.Width);
                        e = V.MultiplyAdd(gradient, V.Load(source + V.Width), e);
                        f = V.MultiplyAdd(same ? gradient : V.Load(y + y1 + V.Width), V.Load(source + x1 + V.Width), f);
                        g = V.MultiplyAdd(same ? gradient : V.Load(y + y2 + V.Width), V.Load(source + x2 + V.Width), g);
                        h = V.MultiplyAdd(same ? gradient : V.Load(y + y3 + V.Width), V.Load(source + x3 + V.Width), h);
                    }
                }
            }
            V.Store(a, lanes);
            V.Store(b, lanes + Layout.Lanes);
            V.Store(c, lanes + 2 * Layout.Lanes);
            V.Store(d, lanes + 3 * Layout.Lanes);
            if (!two)
                return;
            V.Store(e, lanes + V.Width);
            V.Store(f, lanes + V.Width + Layout.Lanes);
            V.Store(g, lanes + V.Width + 2 * Layout.Lanes);
            V.Store(h, lanes + V.Width + 3 * Layout.Lanes);
        }

        // A constant to the JIT: loads that one filter's weights share leave no code behind.
        private interface IFilters
        {
            static abstract bool AreOne { get; }
        }

        private readonly struct OneFilter : IFilters { public static bool AreOne => true; }
        private readonly struct SeveralFilters : IFilters { public static bool AreOne => false; }
    }
}
