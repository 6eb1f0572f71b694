using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// <see cref="OneImageConvolution"/> over all weights of a window: lanes are filters, so that small maps waste none. A sum meets its
/// weights in the same order, and of finite numbers a dead one adds zero: the same bits, but for the sign of zero.
/// </summary>
internal static class OneImageDenseConvolution
{
    /// <summary>Positions that a product's weights meet at a time, and vectors of filters.</summary>
    private const int Positions = 4, Vectors = 2;

    /// <summary>Multiplications of vectors of 8.</summary>
    public static long Products(FilterShape filter, TensorShape y) =>
        (long)filter.FilterSize * Operation.Parts(y.Height * y.Width, Positions) * Positions
        * (RowImage.RoundUp(filter.Filters) / Simd256.Width);

    /// <param name="memory">For the packed weights.</param>
    /// <param name="name">For profiles.</param>
    /// <param name="x">(C, H, W) with its border.</param>
    /// <param name="weights">Packed now: later changes are not seen.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="y">(K, P, Q).</param>
    /// <param name="relu">Whether max(0, y) is given.</param>
    public static Operation Forward(
        DeviceMemory memory, string name, RowImage x, LayerWeights weights, FilterShape filter, RowImage y, bool relu)
    {
        int size = filter.FilterSize, taps = filter.Rows * filter.Columns;
        float[] packed = new float[(long)RowImage.RoundUp(filter.Filters) * size];
        for (int k = 0; k < filter.Filters; k++)
            for (int t = 0; t < size; t++)
                packed[(k / Layout.Lanes * size + t) * Layout.Lanes + k % Layout.Lanes] =
                    weights.Mask[k * size + t] == 0 ? 0 : weights.Weight[k * size + t];
        int[] tap = [.. Enumerable.Range(0, size).Select(t =>
            t / taps * x.ChannelStride + (t / filter.Columns % filter.Rows + filter.Inset) * x.Pitch + t % filter.Columns + filter.Inset)];
        int width = y.Shape.Width, places = width * y.Shape.Height;
        var place = Enumerable.Range(0, places).Select(i => (Row: i / width, Column: i % width)).ToArray();
        int[] from = [.. place.Select(i => (i.Row * x.Pitch + i.Column) * filter.Stride)];
        int[] to = [.. place.Select(i => y.Offset(0, i.Row, i.Column))];
        return Operation.OnHost(memory.Device, name, 0, new Body(
            x.Data, memory.Allocate<float>(packed), memory.Allocate<int>(tap), memory.Allocate<int>(from), memory.Allocate<int>(to),
            weights.Bias, y, relu));
    }

    private readonly struct Body(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<int> tap, ArrayView<int> from, ArrayView<int> to, ArrayView<float> bias,
        RowImage y, bool relu) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            int filters = y.Shape.Channels, all = RowImage.RoundUp(filters);
            // Of an odd number of vectors one would be computed twice.
            if (V.Width > Simd256.Width && all / V.Width % Vectors != 0)
            {
                Run<Simd256>(worker, workers);
                return;
            }
            float* tile = stackalloc float[Positions * Vectors * V.Width], initial = stackalloc float[Vectors * V.Width];
            float* output = y.Data.Pointer();
            int* place = to.Pointer();
            int places = (int)from.Length;
            for (int k = 0; k < filters; k += Vectors * V.Width)
            {
                int count = Math.Min(Vectors * V.Width, filters - k);
                new ReadOnlySpan<float>(bias.Pointer() + k, count).CopyTo(new Span<float>(initial, count));
                for (int i = 0; i < places; i += Positions)
                {
                    Sum<V>(k, i, places - 1, initial, tile);
                    for (int j = 0; j < Math.Min(Positions, places - i); j++)
                    {
                        float* target = output + place[i + j] + (nint)k * y.ChannelStride, sums = tile + j * Vectors * V.Width;
                        for (int lane = 0; lane < count; lane++)
                            target[(nint)lane * y.ChannelStride] = sums[lane];
                    }
                }
            }
        }

        /// <summary>Two vectors of filters at four positions; those behind the last repeat it.</summary>
        private unsafe void Sum<V>(int k, int position, int last, float* initial, float* tile) where V : unmanaged, ISimd<V>
        {
            int size = (int)tap.Length;
            int* taps = tap.Pointer(), at = from.Pointer();
            float* w = weight.Pointer() + (nint)(k / Layout.Lanes) * size * Layout.Lanes + k % Layout.Lanes;
            nint second = V.Width == Layout.Lanes ? (nint)size * Layout.Lanes : V.Width;
            float* x0 = x.Pointer() + at[position];
            nint x1 = at[Math.Min(position + 1, last)] - at[position], x2 = at[Math.Min(position + 2, last)] - at[position];
            nint x3 = at[Math.Min(position + 3, last)] - at[position];
            V a0 = V.Load(initial), a1 = a0, a2 = a0, a3 = a0;
            V b0 = V.Load(initial + V.Width), b1 = b0, b2 = b0, b3 = b0;
            for (int t = 0; t < size; t++, w += Layout.Lanes)
            {
                float* source = x0 + taps[t];
                V first = V.Load(w), other = V.Load(w + second), value = V.Broadcast(*source);
                a0 = V.MultiplyAdd(first, value, a0);
                b0 = V.MultiplyAdd(other, value, b0);
                value = V.Broadcast(source[x1]);
                a1 = V.MultiplyAdd(first, value, a1);
                b1 = V.MultiplyAdd(other, value, b1);
                value = V.Broadcast(source[x2]);
                a2 = V.MultiplyAdd(first, value, a2);
                b2 = V.MultiplyAdd(other, value, b2);
                value = V.Broadcast(source[x3]);
                a3 = V.MultiplyAdd(first, value, a3);
                b3 = V.MultiplyAdd(other, value, b3);
            }
            if (relu)
            {
                (a0, a1, a2, a3) = (V.Max(V.Zero, a0), V.Max(V.Zero, a1), V.Max(V.Zero, a2), V.Max(V.Zero, a3));
                (b0, b1, b2, b3) = (V.Max(V.Zero, b0), V.Max(V.Zero, b1), V.Max(V.Zero, b2), V.Max(V.Zero, b3));
            }
            V.Store(a0, tile);
            V.Store(b0, tile + V.Width);
            V.Store(a1, tile + 2 * V.Width);
            V.Store(b1, tile + 3 * V.Width);
            V.Store(a2, tile + 4 * V.Width);
            V.Store(b2, tile + 5 * V.Width);
            V.Store(a3, tile + 6 * V.Width);
            V.Store(b3, tile + 7 * V.Width);
        }
    }
}
