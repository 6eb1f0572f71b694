using System.Runtime.CompilerServices;
using ILGPU;

namespace Kernels;

/// <summary><see cref="Convolution"/> of one image over live weights, dense or pruned: see <see cref="OneImage"/>.</summary>
public static class OneImageConvolution
{
    /// <summary>y(k, p, q) = b(k) + Σ over live (c, r, s) of w x(c, p + r, q + s), then max(0, y) if <paramref name="relu"/>.</summary>
    /// <param name="memory">For the packed weights.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(C, H, W) with its border.</param>
    /// <param name="weight">[K C R S], packed now: later changes are not seen.</param>
    /// <param name="mask">[K C R S], 1 = live.</param>
    /// <param name="bias">[K].</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="y">(K, P, Q).</param>
    /// <param name="relu">See above.</param>
    public static Operation Forward(
        DeviceMemory memory, string name, RowImage x, ReadOnlySpan<float> weight, ReadOnlySpan<float> mask, ArrayView<float> bias,
        FilterShape filter, RowImage y, bool relu)
    {
        ArgumentNullException.ThrowIfNull(memory);
        MaskedGemm.Require(name, "weight", weight.Length, filter.Count);
        MaskedGemm.Require(name, "mask", mask.Length, filter.Count);
        MaskedGemm.Require(name, "bias", bias.Length, filter.Filters);
        if (filter.Channels != x.Shape.Channels || filter.Output(x.Shape, y.Shape.Padding) != y.Shape)
            throw new ArgumentException($"{name}: filter {filter} over {x.Shape} does not give {y.Shape}");
        var start = new int[filter.Filters + 1];
        var (values, offsets) = (new List<float>(), new List<int>());
        for (int i = 0; i < filter.Count; i++)
        {
            if (mask[i] != 0)
            {
                int s = i % filter.Columns, r = i / filter.Columns % filter.Rows, c = i / (filter.Columns * filter.Rows) % filter.Channels;
                values.Add(weight[i]);
                offsets.Add(c * x.ChannelStride + r * x.Pitch + s);
            }
            if ((i + 1) % filter.FilterSize == 0)
                start[(i + 1) / filter.FilterSize] = values.Count;
        }
        return new Operation<Body>(memory.Device, name, 0, new Body(
            x, memory.Allocate<int>(start), memory.Allocate<float>([.. values]), memory.Allocate<int>([.. offsets]), bias, y, relu));
    }

    private readonly struct Body(
        RowImage x, ArrayView<int> start, ArrayView<float> weight, ArrayView<int> offset, ArrayView<float> bias, RowImage y, bool relu) : IBody
    {
        /// <summary>Columns of 16 that a sum covers, side by side or, in narrow maps, four rows apart.</summary>
        private const int Groups = 2;

        private const int Rows = 4;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            TensorShape s = y.Shape;
            float* input = x.Data.Pointer(), output = y.Data.Pointer(), b = bias.Pointer();
            float* lanes = stackalloc float[Layout.Lanes];
            int* first = start.Pointer();
            bool narrow = s.Width <= Layout.Lanes;
            int rows = narrow ? Groups * Rows : Rows, columns = narrow ? Layout.Lanes : Groups * Layout.Lanes;
            for (int k = 0; k < s.Channels; k++)
                for (int p = 0; p < s.Height; p += rows)
                    for (int q = 0; q < s.Width; q += columns)
                        for (int lane = 0; lane < Layout.Lanes && q + lane < s.Width; lane += V.Width)
                            Sum<V>(
                                input + p * x.Pitch + q + lane, first[k], first[k + 1], b[k], output + y.Offset(k, p, q + lane),
                                s.Height - p, s.Width - q - lane, narrow, lanes);
        }

        /// <summary>Eight vectors; those that lie outside the map repeat one inside and are not stored.</summary>
        private unsafe void Sum<V>(float* source, int from, int to, float initial, float* target, int rows, int columns, bool narrow, float* lanes)
            where V : unmanaged, ISimd<V>
        {
            float* w = weight.Pointer();
            int* offsets = offset.Pointer();
            nint pitch = x.Pitch, last = (rows - 1) * pitch, across = narrow ? Math.Min(Rows * pitch, last) : Layout.Lanes;
            nint r1 = Math.Min(pitch, last), r2 = Math.Min(2 * pitch, last), r3 = Math.Min(3 * pitch, last);
            nint g1 = narrow ? Math.Min(5 * pitch, last) : across + r1, g2 = narrow ? Math.Min(6 * pitch, last) : across + r2;
            nint g3 = narrow ? Math.Min(7 * pitch, last) : across + r3;
            V a0 = V.Broadcast(initial), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            for (int t = from; t < to; t++)
            {
                float* at = source + offsets[t];
                V value = V.Broadcast(w[t]);
                a0 = V.MultiplyAdd(value, V.Load(at), a0);
                a1 = V.MultiplyAdd(value, V.Load(at + r1), a1);
                a2 = V.MultiplyAdd(value, V.Load(at + r2), a2);
                a3 = V.MultiplyAdd(value, V.Load(at + r3), a3);
                b0 = V.MultiplyAdd(value, V.Load(at + across), b0);
                b1 = V.MultiplyAdd(value, V.Load(at + g1), b1);
                b2 = V.MultiplyAdd(value, V.Load(at + g2), b2);
                b3 = V.MultiplyAdd(value, V.Load(at + g3), b3);
            }
            int second = narrow ? columns : columns - Layout.Lanes, below = narrow ? Rows : 0, right = narrow ? 0 : Layout.Lanes;
            Store(a0, target, 0, rows, 0, columns, lanes);
            Store(a1, target, 1, rows, 0, columns, lanes);
            Store(a2, target, 2, rows, 0, columns, lanes);
            Store(a3, target, 3, rows, 0, columns, lanes);
            Store(b0, target, below, rows, right, second, lanes);
            Store(b1, target, below + 1, rows, right, second, lanes);
            Store(b2, target, below + 2, rows, right, second, lanes);
            Store(b3, target, below + 3, rows, right, second, lanes);
        }

        // Inlined, since a call would make the register allocator keep the sums in memory through the loop above.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private unsafe void Store<V>(V value, float* target, int row, int rows, int right, int columns, float* lanes) where V : unmanaged, ISimd<V>
        {
            if (row >= rows || columns <= 0)
                return;
            target += row * y.Pitch + right;
            if (relu)
                value = V.Max(V.Zero, value);
            // Columns past the end of a row may be written up to its pitch, but a border must stay zero.
            if (y.Shape.Padding == 0 && y.Pitch > 1)
            {
                V.Store(value, target);
                return;
            }
            V.Store(value, lanes);
            for (int i = 0; i < Math.Min(columns, V.Width); i++)
                target[i] = lanes[i];
        }
    }
}
