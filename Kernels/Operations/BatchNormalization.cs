using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>
/// Batch normalisation (Ioffe, Szegedy 2015): y = γ (x - μ) / √(σ² + ε) + β for each channel, ReLU fused. In training μ and σ² are mean and
/// variance of the batch over images and positions, and running averages of both move by a tenth of the way (the variance as n / (n - 1)
/// times the batch's, as in PyTorch); answers take the running ones.
/// </summary>
/// <remarks>
/// Sums of a channel are taken of each 16 images first, then over these in their order. Squares are summed of what is left after the
/// running mean is taken away, so that a mean far from zero costs no digits. Blank images that fill the last block count in no sum, and get
/// no gradient.
/// </remarks>
internal sealed class BatchNormalization
{
    /// <summary>ε, and how far running averages move in a step.</summary>
    public const float Epsilon = 1e-5f, Momentum = 0.1f;

    private readonly ComputeDevice _device;
    private readonly int _images;

    /// <summary>
    /// [block][channel][2]: sums of each 16 images. [channel][2]: mean and 1 / √(σ² + ε); a and b of y = a x + b; dγ and dβ.
    /// </summary>
    private readonly ArrayView<float> _parts, _statistics, _coefficients, _gradients;

    /// <param name="memory">Owns the buffers.</param>
    /// <param name="shape">(C, H, W).</param>
    /// <param name="images">Of a batch; as many as count in training.</param>
    public BatchNormalization(DeviceMemory memory, TensorShape shape, int images)
    {
        ArgumentNullException.ThrowIfNull(memory);
        (_device, _images) = (memory.Device, images);
        _parts = memory.Allocate<float>(2L * Layout.Blocks(images) * shape.Channels);
        _statistics = memory.Allocate<float>(2L * shape.Channels);
        _coefficients = memory.Allocate<float>(2L * shape.Channels);
        _gradients = memory.Allocate<float>(2L * shape.Channels);
    }

    /// <summary>Stages of the forward pass in training.</summary>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="parameters">γ, β and the running averages, which move.</param>
    /// <param name="y">The same; its border may differ.</param>
    /// <param name="relu">Whether max(0, y) follows.</param>
    public Operation[][] Forward(string name, Tensor x, NormalizationParameters parameters, Tensor y, bool relu)
    {
        Check(name, x, parameters, y);
        int channels = x.Shape.Channels;
        return
        [
            [Tiles($"{name} sums", new SumsArguments(x, parameters.Mean, _images, _parts), x)],
            [
                Operation.OfThreads(
                    _device, $"{name} statistics", 0,
                    new StatisticsArguments(
                        _parts, x.Blocks, _images * x.Shape.Height * x.Shape.Width, parameters, _statistics, _coefficients),
                    channels),
            ],
            [Applied(name, x, y, relu)],
        ];
    }

    /// <summary>Stages of the forward pass where answers are given.</summary>
    public Operation[][] Answer(string name, Tensor x, NormalizationParameters parameters, Tensor y, bool relu)
    {
        Check(name, x, parameters, y);
        return
        [
            [
                Operation.OfThreads(
                    _device, $"{name} coefficients", 0, new RunningArguments(parameters, _coefficients), x.Shape.Channels),
            ],
            [Applied(name, x, y, relu)],
        ];
    }

    /// <summary>The stage that finds dγ = Σ dy (x - μ) / √(σ² + ε) and dβ = Σ dy of each 16 images, and the one that adds these.</summary>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">What <see cref="Forward"/> was given.</param>
    /// <param name="dOutput">Gradient of its output.</param>
    public Operation[][] Gradients(string name, Tensor x, Tensor dOutput) =>
    [
        [Tiles($"{name} gradient sums", new GradientSumsArguments(x, dOutput, _statistics, _parts), x)],
        [
            Operation.OfThreads(
                _device, $"{name} gradients", 0, new GradientsArguments(_parts, x.Blocks, _gradients), x.Shape.Channels),
        ],
    ];

    /// <summary>
    /// After <see cref="Gradients"/>: dx = a (dy - (dβ + x̂ dγ) / n), x̂ = (x - μ) / √(σ² + ε); then 0 where the gate (= x, a ReLU's
    /// output) is not positive.
    /// </summary>
    public Operation BackwardData(string name, Tensor x, Tensor dOutput, bool gated, Tensor dInput)
    {
        Require.Like(name, "gradient of the input", dInput, x);
        return Operation.OfThreads(
            _device, name, 0,
            new BackwardArguments(x, dOutput, _images, _statistics, _coefficients, _gradients, gated ? 1 : 0, dInput),
            (long)x.Blocks * x.Shape.Features * Quad.PerBlock);
    }

    /// <summary>After <see cref="Gradients"/>: hands dγ and dβ to the optimizer.</summary>
    public Operation Update(string name, Update scale, Update shift) => Operation.OfThreads(
        _device, name, 0, new UpdateArguments(_gradients, scale, shift), scale.Weight.Length);

    private Operation Applied(string name, Tensor x, Tensor y, bool relu) => Operation.OfThreads(
        _device, name, 0, new ApplyArguments(x, _coefficients, y, relu ? 1 : 0), (long)y.Blocks * y.Shape.Features * Quad.PerBlock);

    private Operation Tiles<TArguments>(string name, TArguments arguments, Tensor x) where TArguments : struct, IBody, ITileBody =>
        Operation.OfTiles(_device, name, 0, arguments, x.Blocks * x.Shape.Channels, Tuning.BiasThreads);

    private void Check(string name, Tensor x, NormalizationParameters parameters, Tensor y)
    {
        if (x.Shape with { Padding = y.Shape.Padding } != y.Shape || x.Blocks != y.Blocks || x.Blocks != Layout.Blocks(_images))
            throw new ArgumentException($"{name}: the input is {x.Shape}, {x.Blocks} blocks, the output {y.Shape}, {y.Blocks} blocks");
        Require.Length(name, "statistics", _statistics.Length, 2L * x.Shape.Channels);
        foreach (var view in (ArrayView<float>[])[parameters.Scale, parameters.Shift, parameters.Mean, parameters.Variance])
            Require.Length(name, "parameters of channels", view.Length, x.Shape.Channels);
    }

    /// <summary>1 for the lanes of a block that hold images, 0 for the blank ones.</summary>
    private static unsafe void SetLanes(float* lanes, int block, int images)
    {
        for (int lane = 0; lane < Layout.Lanes; lane++)
            lanes[lane] = block * Layout.Lanes + lane < images ? 1 : 0;
    }

    /// <summary>A quad without its blank images.</summary>
    private static Quad Valid(Quad value, int image, int images) => new(
        image < images ? value.X : 0f, image + 1 < images ? value.Y : 0f, image + 2 < images ? value.Z : 0f,
        image + 3 < images ? value.W : 0f);

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
                float* x = X.Pointer + (nint)map * xs.ChannelStride + xs.Offset(0, h, 0);
                float* y = Y.Pointer + (nint)map * ys.ChannelStride + ys.Offset(0, h, 0);
                for (int i = 0; i < length; i += V.Width)
                {
                    V value = V.MultiplyAdd(a, V.Load(x + i), b);
                    V.Store(Relu != 0 ? V.Max(V.Zero, value) : value, y + i);
                }
            }
        }

        /// <summary>A quad of images of one value.</summary>
        public void RunThread(int index)
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            var (place, quad) = Operation.Divide(index, Quad.PerBlock);
            var (row, w) = Operation.Divide(place, xs.Width);
            var (map, h) = Operation.Divide(row, xs.Height);
            if (map >= X.Blocks * xs.Channels)
                return;
            var (_, c) = Operation.Divide(map, xs.Channels);
            var y = Quad.MultiplyAdd(
                Coefficients[2 * c], Quad.Load(X.Data, xs.Offset(map, h, w) / Quad.Images + quad),
                Quad.Broadcast(Coefficients[2 * c + 1]));
            // Where y < 0, so that NaN stays.
            if (Relu != 0)
                y = Quad.WhereGreater(default, y, default, y);
            Quad.Store(Y.Data, ys.Offset(map, h, w) / Quad.Images + quad, y);
        }
    }

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
                float* dy = DOutput.Pointer + (nint)map * ys.ChannelStride + ys.Offset(0, h, 0);
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

        /// <summary>A quad of images of one value.</summary>
        public void RunThread(int index)
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var (place, quad) = Operation.Divide(index, Quad.PerBlock);
            var (row, w) = Operation.Divide(place, xs.Width);
            var (map, h) = Operation.Divide(row, xs.Height);
            if (map >= X.Blocks * xs.Channels)
                return;
            var (block, c) = Operation.Divide(map, xs.Channels);
            var (scale, slope, constant) = Factors(c);
            int at = xs.Offset(map, h, w) / Quad.Images + quad;
            var value = Quad.Load(X.Data, at);
            var gradient = Quad.MultiplyAdd(
                scale, Quad.Load(DOutput.Data, ys.Offset(map, h, w) / Quad.Images + quad),
                Quad.MultiplyAdd(slope, value + Quad.Broadcast(-Statistics[2 * c]), Quad.Broadcast(constant)));
            gradient = Valid(gradient, block * Layout.Lanes + quad * Quad.Images, Images);
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

    /// <summary>The formulas as plain loops over (N, C, H W) arrays in double.</summary>
    public static class Reference
    {
        /// <summary>Mean and variance of each channel of a batch.</summary>
        public static (double[] Mean, double[] Variance) Statistics(float[] x, int images, int channels)
        {
            double[] mean = new double[channels], variance = new double[channels];
            int count = x.Length / channels;
            for (int i = 0; i < x.Length; i++)
                mean[Channel(i, x.Length, images, channels)] += (double)x[i] / count;
            for (int i = 0; i < x.Length; i++)
            {
                int c = Channel(i, x.Length, images, channels);
                variance[c] += (x[i] - mean[c]) * (x[i] - mean[c]) / count;
            }
            return (mean, variance);
        }

        public static double[] Forward(
            float[] x, int images, IReadOnlyList<double> mean, IReadOnlyList<double> variance, float[] scale, float[] shift, bool relu) =>
        [
            .. x.Select((v, i) =>
            {
                int c = Channel(i, x.Length, images, scale.Length);
                double y = scale[c] * (v - mean[c]) / Math.Sqrt(variance[c] + Epsilon) + shift[c];
                return relu ? Math.Max(0, y) : y;
            }),
        ];

        /// <summary>Gradients of a batch's input, scales and shifts.</summary>
        public static (double[] Input, double[] Scale, double[] Shift) Backward(float[] x, float[] dOutput, int images, float[] scale)
        {
            int channels = scale.Length, count = x.Length / channels;
            var (mean, variance) = Statistics(x, images, channels);
            double[] dScale = new double[channels], dShift = new double[channels];
            double Normal(int i, int c) => (x[i] - mean[c]) / Math.Sqrt(variance[c] + Epsilon);
            for (int i = 0; i < x.Length; i++)
            {
                int c = Channel(i, x.Length, images, channels);
                dScale[c] += dOutput[i] * Normal(i, c);
                dShift[c] += dOutput[i];
            }
            double[] dx =
            [
                .. dOutput.Select((dy, i) =>
                {
                    int c = Channel(i, x.Length, images, channels);
                    return scale[c] / Math.Sqrt(variance[c] + Epsilon) * (dy - (dShift[c] + Normal(i, c) * dScale[c]) / count);
                }),
            ];
            return (dx, dScale, dShift);
        }

        private static int Channel(int i, int length, int images, int channels) => i / (length / images / channels) % channels;
    }
}

/// <summary>A batch normalisation's parameters, one a channel each.</summary>
/// <param name="scale">γ.</param>
/// <param name="shift">β.</param>
/// <param name="mean">Running mean.</param>
/// <param name="variance">Running variance.</param>
internal readonly struct NormalizationParameters(
    ArrayView<float> scale, ArrayView<float> shift, ArrayView<float> mean, ArrayView<float> variance)
{
    public readonly ArrayView<float> Scale = scale, Shift = shift, Mean = mean, Variance = variance;
}
