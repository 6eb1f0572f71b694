using ILGPU;

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
internal sealed partial class BatchNormalization
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
            MapQuad.Threads(x));
    }

    /// <summary>After <see cref="Gradients"/>: hands dγ and dβ to the optimizer.</summary>
    public Operation Update(string name, Update scale, Update shift) => Operation.OfThreads(
        _device, name, 0, new UpdateArguments(_gradients, scale, shift), scale.Weight.Length);

    private Operation Applied(string name, Tensor x, Tensor y, bool relu) => Operation.OfThreads(
        _device, name, 0, new ApplyArguments(x, _coefficients, y, relu ? 1 : 0), MapQuad.Threads(y));

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
