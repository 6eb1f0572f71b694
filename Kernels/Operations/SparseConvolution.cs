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
        Operation.OnHost(device, name, 0, new SumsBody(x, live.Forward, live.Weight, bias, y, relu, null));

    /// <summary>dx(c, h, w) = Σ over live weights that reach it; then 0 where the gate (= x, a ReLU's output) is not positive.</summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor dOutput, LiveWeights live, Tensor? gate, Tensor dInput) =>
        live.Backward is { } sums
            ? Operation.OnHost(device, name, 0, new SumsBody(dOutput, sums, live.Weight, default, dInput, false, gate))
            : Operation.OnHost(device, name, 0, new ScatterBody(dOutput, live, gate, dInput));

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

    private const int Vectors = LiveRegion.Vectors;

    /// <summary>Sums over a source, place by place of a target.</summary>
    private readonly unsafe struct SumsBody : IBody
    {
        private readonly float* _source, _target, _gate, _weight, _bias;
        private readonly int* _start;
        private readonly nint _sourceBlock, _targetBlock, _targetMap;
        private readonly int _maps, _blocks;
        private readonly bool _relu;
        private readonly Part[] _byBlocks, _byPlaces;

        public SumsBody(
            Tensor source, LiveSums sums, ArrayView<float> weight, ArrayView<float> bias, Tensor target, bool relu, Tensor? gate)
        {
            _source = source.Pointer;
            _target = target.Pointer;
            _gate = gate is { } tensor ? tensor.Pointer : null;
            _weight = weight.Pointer();
            _bias = bias.Pointer();
            _start = sums.Start.Pointer();
            _relu = relu;
            (_sourceBlock, _targetBlock, _targetMap) = (source.Shape.BlockStride, target.Shape.BlockStride, target.Shape.ChannelStride);
            (_maps, _blocks) = ((int)sums.Start.Length - 1, target.Blocks);
            var parts = sums.Regions.Select(r => new Part(r, sums, source.Shape, target.Shape, target.Blocks)).ToLookup(p => p.ByBlocks);
            (_byBlocks, _byPlaces) = ([.. parts[true]], [.. parts[false]]);
        }

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            Cover<V>(_byBlocks, Vectors, worker, workers);
            Cover<V>(_byPlaces, 1, worker, workers);
        }

        /// <summary>A worker's share of some regions, so many blocks at a time.</summary>
        private void Cover<V>(Part[] parts, int together, int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (parts.Length == 0)
                return;
            var (first, last) = ShareByWeights(_start, _maps, Operation.Parts(_blocks, together), worker, workers);
            int block = (int)(first / _maps) * together, map = (int)(first % _maps);
            for (long item = first; item < last; item++)
            {
                foreach (ref readonly var part in parts.AsSpan())
                    Cover<V>(part, block, map);
                if (++map == _maps)
                    (block, map) = (block + together, 0);
            }
        }

        private void Cover<V>(in Part part, int block, int map) where V : unmanaged, ISimd<V>
        {
            var terms = new Terms(_weight, part.Weight, part.Offset, part.Start[map], part.Start[map + 1]);
            nint place = block * _targetBlock + map * _targetMap + part.Place;
            float* read = _source + block * _sourceBlock, written = _target + place, gate = _gate is null ? null : _gate + place;
            float initial = _bias is null ? 0 : _bias[map];
            var few = part.ByBlocks && _blocks - block < Vectors ? FourSteps.Every(_sourceBlock, _targetBlock, _blocks - block) : default;
            ref readonly var four = ref part.ByBlocks && _blocks - block < Vectors ? ref few : ref part.Full;
            for (int i = part.Down.Count; i > 0; i--)
            {
                Sum<V>(read, written, gate, four, terms, initial, _relu, part.Along);
                if (part.Rest > 0)
                {
                    nint from = part.Along.Count * part.Along.Source, to = part.Along.Count * part.Along.Target;
                    Sum<V>(
                        read + from, written + to, gate is null ? null : gate + to, part.Last, terms, initial, _relu, new Line(1, 0, 0));
                }
                read += part.Down.Source;
                written += part.Down.Target;
                if (gate is not null)
                    gate += part.Down.Target;
            }
        }
    }

    /// <summary>A <see cref="LiveRegion"/> of a map, covered by lines of sums of four vectors.</summary>
    private readonly unsafe struct Part
    {
        // Fields, which are read where they are: copies of them would cost as much as a short sum.

        /// <summary>[maps + 1]: a map's terms.</summary>
        public readonly int* Start, Weight, Offset;

        /// <summary>Floats from a map of the target to the first place.</summary>
        public readonly nint Place;

        /// <summary>Whether four vectors are one place in four blocks.</summary>
        public readonly bool ByBlocks;

        /// <summary>The lines, and the fours of each.</summary>
        public readonly Line Down, Along;

        /// <summary>Vectors behind the last four.</summary>
        public readonly int Rest;
        public readonly FourSteps Full, Last;

        public Part(LiveRegion region, LiveSums sums, TensorShape source, TensorShape target, int blocks)
        {
            Start = region.Start.Pointer();
            Weight = region.IsAll ? null : region.Weight.Pointer();
            Offset = region.Offset.Pointer();
            Place = target.Offset(0, region.Rows.First, region.Columns.First);
            var four = LiveRegion.Plan(region.Rows.Count, region.Columns.Count, blocks).Four;
            ByBlocks = four == Four.Blocks;
            Line down = new(region.Rows.Count, sums.Step * source.RowStride, target.RowStride);
            Line along = new(region.Columns.Count, sums.Step * Layout.Lanes, Layout.Lanes);
            if (four == Four.Rows)
                (down, along) = (along, down);
            int together = ByBlocks ? 1 : Vectors;
            (Down, Along) = (down, new Line(along.Count / together, together * along.Source, together * along.Target));
            Rest = along.Count % together;
            Full = ByBlocks ? FourSteps.Every(source.BlockStride, target.BlockStride, Vectors)
                : FourSteps.Every(along.Source, along.Target, Vectors);
            Last = FourSteps.Every(along.Source, along.Target, Rest);
        }

    }

    /// <summary>So many one behind the other.</summary>
    /// <param name="Count">How many.</param>
    /// <param name="Source">Floats from one to the next of what is read.</param>
    /// <param name="Target">The same of what is written.</param>
    private readonly record struct Line(int Count, nint Source, nint Target);

    /// <summary>From the first of up to four vectors to the others, read and written. Missing ones repeat the last.</summary>
    private readonly record struct FourSteps(nint X1, nint X2, nint X3, nint Y1, nint Y2, nint Y3)
    {
        public static FourSteps Every(nint source, nint target, int count)
        {
            int one = Math.Clamp(count - 1, 0, 1), two = Math.Clamp(count - 1, 0, 2), three = Math.Clamp(count - 1, 0, 3);
            return new(one * source, two * source, three * source, one * target, two * target, three * target);
        }
    }

    /// <summary>Adds what each weight gives to all places of a map that it reaches.</summary>
    private readonly struct ScatterBody(Tensor dOutput, LiveWeights live, Tensor? gate, Tensor dInput) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = dInput.Shape, ys = dOutput.Shape;
            var scatter = live.Scatter!;
            float* w = live.Weight.Pointer(), g = gate is { } tensor ? tensor.Pointer : null;
            float* input = dInput.Pointer, output = dOutput.Pointer;
            int* start = scatter.Start.Pointer(), weight = scatter.Weight.Pointer();
            int* from = scatter.Source.Pointer(), to = scatter.Target.Pointer();
            nint row = live.Filter.Stride * xs.RowStride, step = live.Filter.Stride * Layout.Lanes;
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
                        float* source = dy + from[t] + p * ys.RowStride, target = dx + to[t] + p * row;
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
    /// lies as y does, is not positive; the same for all of a line of such fours.
    /// </summary>
    private static unsafe void Sum<V>(
        float* start, float* written, float* gate, in FourSteps four, in Terms terms, float initial, bool relu, in Line line)
        where V : unmanaged, ISimd<V>
    {
        nint x1 = four.X1, x2 = four.X2, x3 = four.X3;
        nint y1 = four.Y1, y2 = four.Y2, y3 = four.Y3;
        nint next = line.Source;
        float* w = terms.Values;
        int* weight = terms.Weight, offset = terms.Offset;
        int from = terms.From, to = terms.To;
        bool two = V.Width < Layout.Lanes;
        V none = V.Broadcast(initial);
        for (int tile = line.Count; tile > 0; tile--, start += next, written += line.Target)
        {
            for (int lane = 0; lane < Layout.Lanes; lane += 2 * V.Width)
            {
                V a = none, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
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
                float* target = written + lane, gates = gate is null ? null : gate + lane;
                Store<V>(a, b, c, d, target, y1, y2, y3, relu, gates);
                if (two)
                    Store<V>(e, f, g, h, target + V.Width, y1, y2, y3, relu, gates is null ? null : gates + V.Width);
            }
            if (gate is not null)
                gate += line.Target;
        }
    }

    // Inlined, since a call would make the register allocator keep the sums in memory through the loop above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Store<V>(V a, V b, V c, V d, float* y, nint y1, nint y2, nint y3, bool relu, float* gate)
        where V : unmanaged, ISimd<V>
    {
        if (relu)
            (a, b, c, d) = (V.Max(V.Zero, a), V.Max(V.Zero, b), V.Max(V.Zero, c), V.Max(V.Zero, d));
        if (gate is not null)
        {
            a = V.WherePositive(V.Load(gate), a);
            b = V.WherePositive(V.Load(gate + y1), b);
            c = V.WherePositive(V.Load(gate + y2), c);
            d = V.WherePositive(V.Load(gate + y3), d);
        }
        V.Store(a, y);
        V.Store(b, y + y1);
        V.Store(c, y + y2);
        V.Store(d, y + y3);
    }

    /// <summary>
    /// Maps of all groups of blocks, one group behind the other, such that every worker has about as many weights;
    /// <paramref name="start"/> has maps + 1 entries.
    /// </summary>
    private static unsafe (long First, long Last) ShareByWeights(int* start, int maps, int groups, int worker, int workers)
    {
        // A map costs something without weights too, so maps count as one weight each.
        long each = start[maps] + maps;
        long Item(long share)
        {
            long within = share % each;
            int low = 0, high = maps;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (start[middle] + middle < within)
                    low = middle + 1;
                else
                    high = middle;
            }
            return share / each * maps + low;
        }
        return (Item(each * groups * worker / workers), Item(each * groups * (worker + 1) / workers));
    }
}
