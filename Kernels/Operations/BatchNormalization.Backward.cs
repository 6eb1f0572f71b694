using ILGPU;

namespace Secateurs.Kernels;

/// <summary>Gradients of scales, shifts and the input, and the update of both.</summary>
internal sealed partial class BatchNormalization
{
    /// <summary>Tile: 16 images of one channel. Blank images have no gradient.</summary>
    public readonly struct GradientSumsArguments(Tensor x, Tensor dOutput, ArrayView<float> statistics, ArrayView<float> parts)
        : IBody, ITileBody
    {
        public readonly ArrayView<float> Statistics = statistics, PartSums = parts;
        public readonly Tensor X = x, DOutput = dOutput;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            float* lanes = stackalloc float[2 * Layout.Lanes];
            var (first, last) = Operation.Share(X.Blocks * xs.Channels, worker, workers);
            for (int tile = first; tile < last; tile++)
            {
                int block = tile / xs.Channels, c = tile % xs.Channels;
                float* x = X.Pointer + (nint)block * xs.BlockStride, dy = DOutput.Pointer + (nint)block * ys.BlockStride;
                V mean = V.Broadcast(Statistics.Pointer()[2 * c]);
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                {
                    V sum = V.Zero, products = V.Zero, odd = V.Zero, oddProducts = V.Zero;
                    for (int h = 0; h < xs.Height; h++)
                    {
                        float* at = x + xs.Offset(c, h, 0) + lane, gradient = dy + ys.Offset(c, h, 0) + lane;
                        int w = 0;
                        for (; w + 1 < xs.Width; w += 2, at += 2 * Layout.Lanes, gradient += 2 * Layout.Lanes)
                        {
                            V a = V.Load(gradient), b = V.Load(gradient + Layout.Lanes);
                            sum += a;
                            odd += b;
                            products = V.MultiplyAdd(a, V.Load(at) - mean, products);
                            oddProducts = V.MultiplyAdd(b, V.Load(at + Layout.Lanes) - mean, oddProducts);
                        }
                        if (w < xs.Width)
                        {
                            V a = V.Load(gradient);
                            sum += a;
                            products = V.MultiplyAdd(a, V.Load(at) - mean, products);
                        }
                    }
                    V.Store(sum + odd, lanes + lane);
                    V.Store(products + oddProducts, lanes + Layout.Lanes + lane);
                }
                PartSums.Pointer()[2 * tile] = TapTile.AddLanes(lanes + Layout.Lanes) * Statistics.Pointer()[2 * c + 1];
                PartSums.Pointer()[2 * tile + 1] = TapTile.AddLanes(lanes);
            }
        }

        public int Sums => 2;

        public void Add(int tile, int thread, int threads, TileSums sums)
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var (block, c) = Operation.Divide(tile, xs.Channels);
            float mean = Statistics[2 * c], sum = 0, products = 0;
            for (int term = thread; term < xs.Height * xs.Width * Quad.PerBlock; term += threads)
            {
                var (place, quad) = Operation.Divide(term, Quad.PerBlock);
                var (h, w) = Operation.Divide(place, xs.Width);
                var x = Quad.Load(X.Data, (block * xs.BlockStride + xs.Offset(c, h, w)) / Quad.Images + quad) + Quad.Broadcast(-mean);
                var dy = Quad.Load(DOutput.Data, (block * ys.BlockStride + ys.Offset(c, h, w)) / Quad.Images + quad);
                sum += dy.Sum;
                products = Quad.Dot(dy, x, products);
            }
            sums.Set(0, products);
            sums.Set(1, sum);
        }

        public void Finish(int tile, int thread, int threads, TileSums sums)
        {
            var (_, c) = Operation.Divide(tile, X.Shape.Channels);
            for (int i = thread; i < 2; i += threads)
                PartSums[2 * tile + i] = sums.Get(i) * (i == 0 ? Statistics[2 * c + 1] : 1f);
        }
    }

    /// <summary>A thread has one of a channel's two sums.</summary>
    public readonly struct GradientsArguments(ArrayView<float> parts, int blocks, ArrayView<float> gradients) : IBody, IThreadBody
    {
        public readonly ArrayView<float> PartSums = parts, Gradients = gradients;
        public readonly int Blocks = blocks;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Gradients.IntLength / 2, worker, workers);
            for (int c = first; c < last; c++)
                RunThread(c);
        }

        public void RunThread(int c)
        {
            int length = Gradients.IntLength;
            if (2 * c >= length)
                return;
            float scale = 0, shift = 0;
            for (int block = 0; block < Blocks; block++)
            {
                scale += PartSums[block * length + 2 * c];
                shift += PartSums[block * length + 2 * c + 1];
            }
            Gradients[2 * c] = scale;
            Gradients[2 * c + 1] = shift;
        }
    }

    /// <summary>dx = a dy + d (x - μ) + e.</summary>
    public readonly struct BackwardArguments(
        Tensor x, Tensor dOutput, int images, ArrayView<float> statistics, ArrayView<float> coefficients, ArrayView<float> gradients,
        int gated, Tensor dInput) : IBody, IThreadBody
    {
        public readonly int Images = images, Gated = gated;
        public readonly ArrayView<float> Statistics = statistics, Coefficients = coefficients, Gradients = gradients;
        public readonly Tensor X = x, DOutput = dOutput, DInput = dInput;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            float* valid = stackalloc float[Layout.Lanes];
            var (first, last) = Operation.Share(X.Blocks * xs.Channels * xs.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int h = item % xs.Height, map = item / xs.Height, c = map % xs.Channels, block = map / xs.Channels;
                var (scale, slope, constant) = Factors(c);
                V a = V.Broadcast(scale), d = V.Broadcast(slope), e = V.Broadcast(constant);
                V mean = V.Broadcast(Statistics.Pointer()[2 * c]);
                nint at = (nint)map * xs.ChannelStride + xs.Offset(0, h, 0);
                float* x = X.Pointer + at, dx = DInput.Pointer + at;
                float* dy = DOutput.Map(map) + ys.Offset(0, h, 0);
                SetLanes(valid, block, Images);
                bool full = (block + 1) * Layout.Lanes <= Images;
                for (int i = 0; i < xs.Width * Layout.Lanes; i += V.Width)
                {
                    V value = V.Load(x + i);
                    V gradient = V.MultiplyAdd(a, V.Load(dy + i), V.MultiplyAdd(d, value - mean, e));
                    if (!full)
                        gradient = V.WherePositive(V.Load(valid + i % Layout.Lanes), gradient);
                    V.Store(Gated != 0 ? V.WherePositive(value, gradient) : gradient, dx + i);
                }
            }
        }

        private (float Scale, float Slope, float Constant) Factors(int c)
        {
            float count = (float)Images * X.Shape.Height * X.Shape.Width, a = Coefficients[2 * c];
            return (a, -a * Statistics[2 * c + 1] * Gradients[2 * c] / count, -a * Gradients[2 * c + 1] / count);
        }

        /// <summary>A value.</summary>
        public void RunThread(int index)
        {
            var place = new MapQuad(index, X.Shape);
            if (!place.Exists(X))
                return;
            var (block, c) = Operation.Divide(place.Map, X.Shape.Channels);
            var (scale, slope, constant) = Factors(c);
            int at = place.Offset(X.Shape);
            var value = Quad.Load(X.Data, at);
            var gradient = Quad.MultiplyAdd(
                scale, Quad.Load(DOutput.Data, place.Offset(DOutput.Shape)),
                Quad.MultiplyAdd(slope, value + Quad.Broadcast(-Statistics[2 * c]), Quad.Broadcast(constant)));
            gradient = Valid(gradient, block * Layout.Lanes + place.Number * Quad.Images, Images);
            if (Gated != 0)
                gradient = Quad.WhereGreater(value, default, gradient, default);
            Quad.Store(DInput.Data, at, gradient);
        }
    }

    /// <summary>A thread has a channel.</summary>
    public readonly struct UpdateArguments(ArrayView<float> gradients, Update scale, Update shift) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Gradients = gradients;
        public readonly Update Scale = scale, Shift = shift;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* scales = stackalloc float[Layout.Lanes], shifts = stackalloc float[Layout.Lanes];
            int channels = Gradients.IntLength / 2;
            var (first, last) = Operation.Share(Operation.Parts(channels, Layout.Lanes), worker, workers);
            for (int c = first * Layout.Lanes; c < Math.Min(channels, last * Layout.Lanes); c += Layout.Lanes)
            {
                int count = Math.Min(Layout.Lanes, channels - c);
                for (int i = 0; i < count; i++)
                    (scales[i], shifts[i]) = (Gradients[2 * (c + i)], Gradients[2 * (c + i) + 1]);
                Scale.Apply<V>(c, scales, count);
                Shift.Apply<V>(c, shifts, count);
            }
        }

        public void RunThread(int c)
        {
            if (2 * c >= Gradients.IntLength)
                return;
            Scale.Apply(c, Gradients[2 * c]);
            Shift.Apply(c, Gradients[2 * c + 1]);
        }
    }
}
