using ILGPU;

namespace Secateurs.Kernels;

/// <summary><see cref="Convolution"/> of one image over live weights, dense or pruned: see <see cref="OneImage"/>.</summary>
internal static class OneImageConvolution
{
    /// <summary>Rows that a sum covers, two vectors of columns wide; or twice as many of one vector.</summary>
    private const int Rows = 4;

    /// <summary>y(k, p, q) = b(k) + Σ over live (c, r, s) of w x(c, t p + r, t q + s), then max(0, y) if <paramref name="relu"/>.</summary>
    /// <param name="memory">For the packed weights.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(C, H, W) with its border.</param>
    /// <param name="weights">Packed now: later changes are not seen.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="y">(K, P, Q).</param>
    /// <param name="relu">See above.</param>
    public static Operation Forward(
        DeviceMemory memory, string name, RowImage x, LayerWeights weights, FilterShape filter, RowImage y, bool relu)
    {
        ArgumentNullException.ThrowIfNull(memory);
        weights.Check(name, filter.Filters, filter.FilterSize);
        if (filter.Channels != x.Shape.Channels || filter.Output(x.Shape, y.Shape.Padding) != y.Shape)
            throw new ArgumentException($"{name}: filter {filter} over {x.Shape} does not give {y.Shape}");
        int live = weights.Mask.Length - weights.Mask.AsSpan().Count(0f);
        if (OneImageDenseConvolution.Products(filter, y.Shape) < Products(live, y.Shape))
            return OneImageDenseConvolution.Forward(memory, name, x, weights, filter, y, relu);
        var source = new Columns(memory, x, filter.Stride);
        var start = new int[filter.Filters + 1];
        var (values, offsets) = (new List<float>(), new List<int>());
        for (int i = 0; i < filter.Count; i++)
        {
            if (weights.Mask[i] != 0)
            {
                int s = i % filter.Columns, r = i / filter.Columns % filter.Rows, c = i / (filter.Columns * filter.Rows) % filter.Channels;
                values.Add(weights.Weight[i]);
                offsets.Add(source.Offset(c, r + filter.Inset, s + filter.Inset));
            }
            if ((i + 1) % filter.FilterSize == 0)
                start[(i + 1) / filter.FilterSize] = values.Count;
        }
        return Operation.OnHost(memory.Device, name, 0, new Body(
            source, memory.Allocate<int>(start), memory.Allocate<float>([.. values]), memory.Allocate<int>([.. offsets]), weights.Bias, y,
            relu));
    }

    /// <summary>Multiplications of vectors of 8.</summary>
    private static long Products(int live, TensorShape y)
    {
        int pairs = y.Width / (2 * Simd256.Width), rest = y.Width % (2 * Simd256.Width);
        bool narrow = rest > 0 && rest <= Simd256.Width;
        long tiles = (long)(pairs + (rest > Simd256.Width ? 1 : 0)) * Operation.Parts(y.Height, Rows)
            + (narrow ? Operation.Parts(y.Height, 2 * Rows) : 0);
        return live * tiles * 2 * Rows;
    }

    /// <summary>
    /// What is convolved, such that neighbouring outputs read neighbouring columns: the image itself, or with a stride t its columns 0, t,
    /// 2 t, ... first, then 1, t + 1, ... and so on.
    /// </summary>
    private readonly struct Columns
    {
        private readonly RowImage _x;
        private readonly ArrayView<float> _split;
        private readonly int _stride, _pitch, _rows;

        public Columns(DeviceMemory memory, RowImage x, int stride)
        {
            (_x, _stride, _rows) = (x, stride, x.Shape.Height + 2 * x.Shape.Padding);
            _pitch = stride == 1 ? x.Pitch : RowImage.RoundUp(Operation.Parts(x.Shape.Width + 2 * x.Shape.Padding, stride));
            _split = stride == 1 ? default : memory.Allocate<float>((long)stride * Plane + RowImage.Slack);
        }

        /// <summary>Floats from a row of outputs to what the next one reads.</summary>
        public int Step => _stride * _pitch;

        /// <summary>Of all channels' columns that are a stride apart.</summary>
        private int Plane => _x.Shape.Channels * _rows * _pitch;

        /// <summary>Where (c, h, w) is, counted with the border.</summary>
        public int Offset(int c, int h, int w) => w % _stride * Plane + (c * _rows + h) * _pitch + w / _stride;

        /// <summary>Once the image is there.</summary>
        public unsafe float* Ready()
        {
            float* from = _x.Data.Pointer();
            if (_stride == 1)
                return from;
            float* to = _split.Pointer();
            int width = _x.Shape.Width + 2 * _x.Shape.Padding;
            for (int row = 0; row < _x.Shape.Channels * _rows; row++)
                for (int first = 0; first < _stride; first++)
                {
                    float* line = to + first * Plane + row * _pitch, read = from + row * _x.Pitch;
                    for (int w = first; w < width; w += _stride)
                        *line++ = read[w];
                }
            return to;
        }
    }

    private readonly struct Body(
        Columns x, ArrayView<int> start, ArrayView<float> weight, ArrayView<int> offset, ArrayView<float> bias,
        RowImage y, bool relu) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            // Maps of 8 or 24 columns fill vectors of 8, and half as many loads cross a cache line.
            if (V.Width > Simd256.Width)
            {
                Run<Simd256>(worker, workers);
                return;
            }
            TensorShape s = y.Shape;
            float* input = x.Ready(), output = y.Data.Pointer(), b = bias.Pointer();
            float* tile = stackalloc float[2 * Rows * V.Width];
            int* first = start.Pointer();
            for (int k = 0; k < s.Channels; k++)
                for (int q = 0; q < s.Width; q += 2 * V.Width)
                {
                    bool narrow = s.Width - q <= V.Width;
                    for (int p = 0; p < s.Height; p += narrow ? 2 * Rows : Rows)
                    {
                        Sum<V>(input + p * x.Step + q, first[k], first[k + 1], b[k], tile, s.Height - p, narrow);
                        Copy(tile, V.Width, output + y.Offset(k, p, q), s.Height - p, s.Width - q, narrow);
                    }
                }
        }

        /// <summary>Eight vectors; those that lie below the map repeat one inside.</summary>
        private unsafe void Sum<V>(float* source, int from, int to, float initial, float* tile, int rows, bool narrow)
            where V : unmanaged, ISimd<V>
        {
            float* w = weight.Pointer();
            int* offsets = offset.Pointer();
            nint pitch = x.Step, last = (rows - 1) * pitch, across = narrow ? Math.Min(Rows * pitch, last) : V.Width;
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
            if (relu)
            {
                (a0, a1, a2, a3) = (V.Max(V.Zero, a0), V.Max(V.Zero, a1), V.Max(V.Zero, a2), V.Max(V.Zero, a3));
                (b0, b1, b2, b3) = (V.Max(V.Zero, b0), V.Max(V.Zero, b1), V.Max(V.Zero, b2), V.Max(V.Zero, b3));
            }
            V.Store(a0, tile);
            V.Store(a1, tile + V.Width);
            V.Store(a2, tile + 2 * V.Width);
            V.Store(a3, tile + 3 * V.Width);
            V.Store(b0, tile + 4 * V.Width);
            V.Store(b1, tile + 5 * V.Width);
            V.Store(b2, tile + 6 * V.Width);
            V.Store(b3, tile + 7 * V.Width);
        }

        /// <summary>What lies inside the map; a border stays zero.</summary>
        private unsafe void Copy(float* tile, int lanes, float* target, int rows, int columns, bool narrow)
        {
            for (int i = 0; i < 2 * Rows; i++, tile += lanes)
            {
                int row = narrow ? i : i % Rows, column = narrow ? 0 : i / Rows * lanes, count = Math.Min(lanes, columns - column);
                if (row < rows && count > 0)
                    new ReadOnlySpan<float>(tile, count).CopyTo(new Span<float>(target + row * y.Pitch + column, count));
            }
        }
    }
}
