using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>Statistics of a batch, running averages, and y = a x + b.</summary>
internal sealed partial class BatchNormalization
{
    /// <summary>Tile: 16 images of one channel.</summary>
    public readonly struct SumsArguments(Tensor x, ArrayView<float> mean, int images, ArrayView<float> parts) : IBody, ITileBody
    {
        public readonly int Images = images;
        public readonly ArrayView<float> Mean = mean, PartSums = parts;
        public readonly Tensor X = x;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var s = X.Shape;
            float* valid = stackalloc float[Layout.Lanes], lanes = stackalloc float[2 * Layout.Lanes];
            var (first, last) = Operation.Share(X.Blocks * s.Channels, worker, workers);
            for (int tile = first; tile < last; tile++)
            {
                int block = tile / s.Channels, c = tile % s.Channels;
                float* x = X.Pointer + (nint)block * s.BlockStride;
                V mean = V.Broadcast(Mean.Pointer()[c]);
                SetLanes(valid, block, Images);
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                {
                    V sum = V.Zero, squares = V.Zero, odd = V.Zero, oddSquares = V.Zero;
                    for (int h = 0; h < s.Height; h++)
                    {
                        float* at = x + s.Offset(c, h, 0) + lane;
                        int w = 0;
                        for (; w + 1 < s.Width; w += 2, at += 2 * Layout.Lanes)
                        {
                            V a = V.Load(at) - mean, b = V.Load(at + Layout.Lanes) - mean;
                            sum += a;
                            odd += b;
                            squares = V.MultiplyAdd(a, a, squares);
                            oddSquares = V.MultiplyAdd(b, b, oddSquares);
                        }
                        if (w < s.Width)
                        {
                            V a = V.Load(at) - mean;
                            sum += a;
                            squares = V.MultiplyAdd(a, a, squares);
                        }
                    }
                    V keep = V.Load(valid + lane);
                    V.Store((sum + odd) * keep, lanes + lane);
                    V.Store((squares + oddSquares) * keep, lanes + Layout.Lanes + lane);
                }
                PartSums.Pointer()[2 * tile] = TapTile.AddLanes(lanes);
                PartSums.Pointer()[2 * tile + 1] = TapTile.AddLanes(lanes + Layout.Lanes);
            }
        }

        public int Sums => 2;

        public void Add(int tile, int thread, int threads, TileSums sums)
        {
            var s = X.Shape;
            var (block, c) = Operation.Divide(tile, s.Channels);
            float mean = Mean[c], sum = 0, squares = 0;
            for (int term = thread; term < s.Height * s.Width * Quad.PerBlock; term += threads)
            {
                var (place, quad) = Operation.Divide(term, Quad.PerBlock);
                var (h, w) = Operation.Divide(place, s.Width);
                var x = Quad.Load(X.Data, (block * s.BlockStride + s.Offset(c, h, w)) / Quad.Images + quad) + Quad.Broadcast(-mean);
                x = Valid(x, block * Layout.Lanes + quad * Quad.Images, Images);
                sum += x.Sum;
                squares = Quad.Dot(x, x, squares);
            }
            sums.Set(0, sum);
            sums.Set(1, squares);
        }

        public void Finish(int tile, int thread, int threads, TileSums sums)
        {
            for (int i = thread; i < 2; i += threads)
                PartSums[2 * tile + i] = sums.Get(i);
        }
    }

    /// <summary>A thread has a channel.</summary>
    public readonly struct StatisticsArguments(
        ArrayView<float> parts, int blocks, int count, NormalizationParameters parameters, ArrayView<float> statistics,
        ArrayView<float> coefficients) : IBody, IThreadBody
    {
        public readonly ArrayView<float> PartSums = parts, Statistics = statistics, Coefficients = coefficients;
        public readonly NormalizationParameters Parameters = parameters;
        public readonly int Blocks = blocks, Count = count;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Parameters.Scale.IntLength, worker, workers);
            for (int c = first; c < last; c++)
                RunThread(c);
        }

        public void RunThread(int c)
        {
            int channels = Parameters.Scale.IntLength;
            if (c >= channels)
                return;
            float sum = 0, squares = 0;
            for (int block = 0; block < Blocks; block++)
            {
                sum += PartSums[2 * (block * channels + c)];
                squares += PartSums[2 * (block * channels + c) + 1];
            }
            float moved = sum / Count, running = Parameters.Mean[c], mean = running + moved;
            float variance = XMath.Max(0f, squares / Count - moved * moved), inverse = 1f / XMath.Sqrt(variance + Epsilon);
            float unbiased = Count > 1 ? variance * (Count / (Count - 1f)) : variance, old = Parameters.Variance[c];
            Parameters.Mean[c] = running + Momentum * moved;
            Parameters.Variance[c] = old + Momentum * (unbiased - old);
            float a = Parameters.Scale[c] * inverse;
            Statistics[2 * c] = mean;
            Statistics[2 * c + 1] = inverse;
            Coefficients[2 * c] = a;
            Coefficients[2 * c + 1] = Parameters.Shift[c] - a * mean;
        }
    }

    /// <summary>A thread has a channel.</summary>
    public readonly struct RunningArguments(NormalizationParameters parameters, ArrayView<float> coefficients) : IBody, IThreadBody
    {
        public readonly NormalizationParameters Parameters = parameters;
        public readonly ArrayView<float> Coefficients = coefficients;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Parameters.Scale.IntLength, worker, workers);
            for (int c = first; c < last; c++)
                RunThread(c);
        }

        public void RunThread(int c)
        {
            if (c >= Parameters.Scale.IntLength)
                return;
            float a = Parameters.Scale[c] / XMath.Sqrt(Parameters.Variance[c] + Epsilon);
            Coefficients[2 * c] = a;
            Coefficients[2 * c + 1] = Parameters.Shift[c] - a * Parameters.Mean[c];
        }
    }

    /// <summary>y = a x + b.</summary>
    public readonly struct ApplyArguments(Tensor x, ArrayView<float> coefficients, Tensor y, int relu) : IBody, IThreadBody
    {
        public readonly int Relu = relu;
        public readonly ArrayView<float> Coefficients = coefficients;
        public readonly Tensor X = x, Y = y;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            int length = xs.Width * Layout.Lanes;
            var (first, last) = Operation.Share(X.Blocks * xs.Channels * xs.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int h = item % xs.Height, map = item / xs.Height, c = map % xs.Channels;
                V a = V.Broadcast(Coefficients.Pointer()[2 * c]), b = V.Broadcast(Coefficients.Pointer()[2 * c + 1]);
                float* x = X.Map(map) + xs.Offset(0, h, 0), y = Y.Map(map) + ys.Offset(0, h, 0);
                for (int i = 0; i < length; i += V.Width)
                {
                    V value = V.MultiplyAdd(a, V.Load(x + i), b);
                    V.Store(Relu != 0 ? V.Max(V.Zero, value) : value, y + i);
                }
            }
        }

        /// <summary>A value.</summary>
        public void RunThread(int index)
        {
            var value = new MapQuad(index, X.Shape);
            if (!value.Exists(X))
                return;
            var (_, c) = Operation.Divide(value.Map, X.Shape.Channels);
            var y = Quad.MultiplyAdd(
                Coefficients[2 * c], Quad.Load(X.Data, value.Offset(X.Shape)), Quad.Broadcast(Coefficients[2 * c + 1]));
            // Where y < 0, so that NaN stays.
            if (Relu != 0)
                y = Quad.WhereGreater(default, y, default, y);
            Quad.Store(Y.Data, value.Offset(Y.Shape), y);
        }
    }
}
