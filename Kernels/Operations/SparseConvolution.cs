using System.Runtime.CompilerServices;
using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// The three passes of <see cref="Convolution"/> and <see cref="FullyConnected"/> over live weights only: time falls with density. Only on
/// the CPU accelerator. Results differ from those of the dense passes on the same mask by rounding alone; a convolution's forward pass and
/// weight gradient are bit by bit those of <see cref="Convolution"/>, but for the sign of zero.
/// </summary>
internal static partial class SparseConvolution
{
    /// <summary>
    /// y(k, p, q) = b(k) + Σ over live (k, c, r, s) of w x(c, t p + r, t q + s), then max(0, y) if <paramref name="relu"/>.
    /// </summary>
    public static Operation Forward(
        ComputeDevice device, string name, Tensor x, LiveWeights live, ArrayView<float> bias, Tensor y, bool relu) =>
        Operation.OnHost(device, name, 0, new ForwardBody(x, live, bias, y, relu));

    /// <summary>dx(c, h, w) = Σ over live weights that reach it; then 0 where the gate (= x, a ReLU's output) is not positive.</summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor dOutput, LiveWeights live, Tensor? gate, Tensor dInput) =>
        Operation.OnHost(device, name, 0, new BackwardDataBody(dOutput, live, gate, dInput));

    /// <summary>
    /// dw = Σ_{n,p,q} dy(k, p, q) x(c, t p + r, t q + s) for live weights, handed to the rule of <paramref name="update"/>.
    /// </summary>
    /// <param name="device">The CPU accelerator.</param>
    /// <param name="name">For profiles.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="dOutput">(N, K, P, Q).</param>
    /// <param name="live">The weights.</param>
    /// <param name="update">Rule, rates and step; its buffers are replaced by the packed ones.</param>
    public static Operation BackwardWeight(ComputeDevice device, string name, Tensor x, Tensor dOutput, LiveWeights live, Update update)
    {
        ArgumentNullException.ThrowIfNull(live);
        return Operation.OnHost(device, name, 0, new BackwardWeightBody(x, dOutput, live, update));
    }

    /// <summary>
    /// Vectors that one weight is applied to at a time: neighbouring outputs, or blocks of images where there is one output.
    /// </summary>
    private const int Vectors = 4;

    private readonly struct ForwardBody(Tensor x, LiveWeights live, ArrayView<float> bias, Tensor y, bool relu) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = x.Shape, ys = y.Shape;
            float* w = live.Weight.Pointer(), b = bias.Pointer(), input = x.Pointer, output = y.Pointer;
            int* start = live.FilterStart.Pointer(), offset = live.InputOffset.Pointer();
            if (ys.Height * ys.Width == 1)
            {
                var (from, to) = ShareByWeights(start, ys.Channels, worker, workers);
                for (int k = from; k < to; k++)
                {
                    var terms = new Terms(w, null, offset, start[k], start[k + 1]);
                    for (int block = 0; block < x.Blocks; block += Vectors)
                    {
                        int vectors = Math.Min(Vectors, x.Blocks - block);
                        float* target = output + (nint)block * ys.BlockStride + ys.Offset(k, 0, 0);
                        Sum<V>(
                            FourVectors.Every(input + (nint)block * xs.BlockStride, xs.BlockStride, vectors), terms,
                            FourVectors.Every(target, ys.BlockStride, vectors), b[k], relu, null);
                    }
                }
                return;
            }
            int stride = live.Filter.Stride, step = stride * Layout.Lanes;
            var (first, last) = Operation.Share(x.Blocks * ys.Channels * ys.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int p = item % ys.Height, k = item / ys.Height % ys.Channels, block = item / ys.Height / ys.Channels;
                float* row = input + (nint)block * xs.BlockStride + p * stride * xs.RowStride;
                float* target = output + (nint)block * ys.BlockStride + ys.Offset(k, p, 0);
                var terms = new Terms(w, null, offset, start[k], start[k + 1]);
                for (int q = 0; q < ys.Width; q += Vectors)
                {
                    int vectors = Math.Min(Vectors, ys.Width - q);
                    Sum<V>(
                        FourVectors.Every(row + q * step, step, vectors), terms,
                        FourVectors.Every(target + q * Layout.Lanes, Layout.Lanes, vectors), b[k], relu, null);
                }
            }
        }
    }

    private readonly struct BackwardDataBody(Tensor dOutput, LiveWeights live, Tensor? gate, Tensor dInput) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = dInput.Shape, ys = dOutput.Shape;
            float* w = live.Weight.Pointer(), g = gate is { } tensor ? tensor.Pointer : null;
            float* input = dInput.Pointer, output = dOutput.Pointer;
            int* start = live.ChannelStart.Pointer(), weight = live.ByChannel.Pointer();
            int* from = live.ByChannelOutput.Pointer(), to = live.ByChannelInput.Pointer();
            if (xs.ChannelStride == Layout.Lanes)
            {
                // One input pixel, so one output: a fully connected layer.
                var (firstChannel, lastChannel) = ShareByWeights(start, xs.Channels, worker, workers);
                for (int c = firstChannel; c < lastChannel; c++)
                {
                    var terms = new Terms(w, weight, from, start[c], start[c + 1]);
                    for (int block = 0; block < dInput.Blocks; block += Vectors)
                    {
                        int vectors = Math.Min(Vectors, dInput.Blocks - block);
                        nint at = (nint)block * xs.BlockStride + xs.Offset(c, 0, 0);
                        Sum<V>(
                            FourVectors.Every(output + (nint)block * ys.BlockStride, ys.BlockStride, vectors), terms,
                            FourVectors.Every(input + at, xs.BlockStride, vectors), 0, false, g is null ? null : g + at);
                    }
                }
                return;
            }
            int stride = live.Filter.Stride, step = stride * Layout.Lanes;
            var (first, last) = Operation.Share(dInput.Blocks * xs.Channels, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / xs.Channels, c = item % xs.Channels;
                nint map = (nint)block * xs.BlockStride + c * xs.ChannelStride;
                // Gradients of the border are computed with the rest and never read.
                float* dx = input + map, dy = output + (nint)block * ys.BlockStride + ys.Offset(0, 0, 0);
                new Span<float>(dx, xs.ChannelStride).Clear();
                for (int t = start[c]; t < start[c + 1]; t++)
                {
                    V value = V.Broadcast(w[weight[t]]);
                    for (int p = 0; p < ys.Height; p++)
                    {
                        float* source = dy + from[t] + p * ys.RowStride, target = dx + to[t] + p * stride * xs.RowStride;
                        if (stride == 1)
                        {
                            for (int i = 0; i < ys.Width * Layout.Lanes; i += V.Width)
                                V.Store(V.MultiplyAdd(value, V.Load(source + i), V.Load(target + i)), target + i);
                            continue;
                        }
                        for (int q = ys.Width; q > 0; q--, source += Layout.Lanes, target += step)
                            for (int i = 0; i < Layout.Lanes; i += V.Width)
                                V.Store(V.MultiplyAdd(value, V.Load(source + i), V.Load(target + i)), target + i);
                    }
                }
                if (g is not null)
                    for (int i = 0; i < xs.ChannelStride; i += V.Width)
                        V.Store(V.WherePositive(V.Load(g + map + i), V.Load(dx + i)), dx + i);
            }
        }
    }

    /// <summary>
    /// Up to four vectors of a tensor: where the first is, and how many floats on the others are. Missing ones repeat the last: same loads,
    /// same stores.
    /// </summary>
    private readonly unsafe struct FourVectors(float* first, nint second, nint third, nint fourth)
    {
        public float* First { get; } = first;
        public nint Second { get; } = second;
        public nint Third { get; } = third;
        public nint Fourth { get; } = fourth;

        /// <summary><paramref name="count"/> vectors, <paramref name="step"/> floats apart.</summary>
        public static FourVectors Every(float* first, nint step, int count) =>
            new(first, Math.Min(1, count - 1) * step, Math.Min(2, count - 1) * step, Math.Min(3, count - 1) * step);

        /// <summary>Those at the offsets [from, to) of <paramref name="start"/>.</summary>
        public static FourVectors At(float* start, int* offset, int from, int to)
        {
            int last = to - 1, first = offset[from];
            return new(
                start + first, offset[Math.Min(from + 1, last)] - first, offset[Math.Min(from + 2, last)] - first,
                offset[Math.Min(from + 3, last)] - first);
        }
    }

    /// <summary>
    /// The terms [From, To) of a sum: the place of a weight (t itself without <paramref name="weight"/>), and where its input is.
    /// </summary>
    private readonly unsafe struct Terms(float* values, int* weight, int* offset, int from, int to)
    {
        public float* Values { get; } = values;
        public int* Weight { get; } = weight;
        public int* Offset { get; } = offset;
        public int From { get; } = from;
        public int To { get; } = to;
    }

    /// <summary>
    /// y = initial + Σ_t w(t) x(offset(t)) for up to four vectors, then max(0, y) if <paramref name="relu"/>, and 0 where the gate, which
    /// lies as <paramref name="y"/> does, is not positive.
    /// </summary>
    private static unsafe void Sum<V>(in FourVectors x, in Terms terms, in FourVectors y, float initial, bool relu, float* gate)
        where V : unmanaged, ISimd<V>
    {
        float* start = x.First;
        nint x1 = x.Second, x2 = x.Third, x3 = x.Fourth;
        float* w = terms.Values;
        int* weight = terms.Weight, offset = terms.Offset;
        int from = terms.From, to = terms.To;
        bool two = V.Width < Layout.Lanes;
        for (int lane = 0; lane < Layout.Lanes; lane += 2 * V.Width)
        {
            V a = V.Broadcast(initial), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
            for (int t = from; t < to; t++)
            {
                var source = start + offset[t] + lane;
                V value = V.Broadcast(w[weight is null ? t : weight[t]]);
                a = V.MultiplyAdd(value, V.Load(source), a);
                b = V.MultiplyAdd(value, V.Load(source + x1), b);
                c = V.MultiplyAdd(value, V.Load(source + x2), c);
                d = V.MultiplyAdd(value, V.Load(source + x3), d);
                if (!two)
                    continue;
                source += V.Width;
                e = V.MultiplyAdd(value, V.Load(source), e);
                f = V.MultiplyAdd(value, V.Load(source + x1), f);
                g = V.MultiplyAdd(value, V.Load(source + x2), g);
                h = V.MultiplyAdd(value, V.Load(source + x3), h);
            }
            Store<V>(a, b, c, d, y, lane, relu, gate);
            if (two)
                Store<V>(e, f, g, h, y, lane + V.Width, relu, gate);
        }
    }

    // Inlined, since a call would make the register allocator keep the sums in memory through the loop above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Store<V>(V a, V b, V c, V d, in FourVectors target, int lane, bool relu, float* gate)
        where V : unmanaged, ISimd<V>
    {
        nint y1 = target.Second, y2 = target.Third, y3 = target.Fourth;
        if (relu)
            (a, b, c, d) = (V.Max(V.Zero, a), V.Max(V.Zero, b), V.Max(V.Zero, c), V.Max(V.Zero, d));
        if (gate is not null)
        {
            gate += lane;
            a = V.WherePositive(V.Load(gate), a);
            b = V.WherePositive(V.Load(gate + y1), b);
            c = V.WherePositive(V.Load(gate + y2), c);
            d = V.WherePositive(V.Load(gate + y3), d);
        }
        float* y = target.First + lane;
        V.Store(a, y);
        V.Store(b, y + y1);
        V.Store(c, y + y2);
        V.Store(d, y + y3);
    }

    /// <summary>Whole rows such that every worker has about as many weights; <paramref name="start"/> has rows + 1 entries.</summary>
    private static unsafe (int First, int Last) ShareByWeights(int* start, int rows, int worker, int workers)
    {
        // A row costs something without weights too, so rows count as one weight each.
        long all = start[rows] + rows;
        int Row(long share)
        {
            int low = 0, high = rows;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (start[middle] + middle < share)
                    low = middle + 1;
                else
                    high = middle;
            }
            return low;
        }
        return (Row(all * worker / workers), worker == workers - 1 ? rows : Row(all * (worker + 1) / workers));
    }
}
