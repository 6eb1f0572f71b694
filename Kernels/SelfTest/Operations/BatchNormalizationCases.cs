namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Batch normalisation of one value to odd maps, with blank images in the last block, borders that differ, and a mean far from zero.
/// </summary>
internal static class BatchNormalizationCases
{
    private static readonly (int Images, TensorShape Input, int OutputPadding, float Offset)[] Shapes =
        [(2, TensorShape.Vector(1), 0, 0), (17, new(3, 5, 4), 1, 0), (33, new(18, 3, 3, 1), 0, 0.5f), (16, new(5, 7, 6), 0, 100)];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Input, s.OutputPadding, s.Offset).Cases());

    private sealed class Layer(int images, TensorShape input, int outputPadding, float offset)
    {
        private const double Rounding = Expected.Rounding;

        private readonly TensorShape _output = input with { Padding = outputPadding };

        private int Channels => input.Channels;
        private int Count => images * input.Height * input.Width;
        private string Shape => $"{images} images {Channels}x{input.Height}x{input.Width} around {offset}";
        private float[] X => [.. new Numbers(1).Uniform(images * input.Features).Select(v => v + offset)];
        private float[] Positive => new Numbers(1).Activations(images * input.Features);
        private float[] Scale => [.. new Numbers(2).Uniform(Channels).Select(v => v + 1.5f)];
        private float[] Shift => new Numbers(3).Uniform(Channels);
        private float[] Mean => [.. new Numbers(4).Uniform(Channels).Select(v => v / 4 + offset)];
        private float[] Variance => [.. new Numbers(5).Uniform(Channels).Select(v => v + 1.25f)];
        private float[] DOutput => new Numbers(6).Uniform(images * input.Features);

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"batch normalization forward {Shape}", m => Forward(m, false), () => ExpectedForward(false)),
            new($"batch normalization forward relu {Shape}", m => Forward(m, true), () => ExpectedForward(true)),
            new($"batch normalization answer {Shape}", Answer, ExpectedAnswer),
            new($"batch normalization backward {Shape}", m => Backward(m, X, false), () => ExpectedBackward(X, false)),
            new($"batch normalization backward gated {Shape}", m => Backward(m, Positive, true), () => ExpectedBackward(Positive, true)),
        ];

        private NormalizationParameters Parameters(DeviceMemory memory) => new(
            memory.Allocate<float>(Scale), memory.Allocate<float>(Shift), memory.Allocate<float>(Mean), memory.Allocate<float>(Variance));

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            var parameters = Parameters(memory);
            var y = memory.Result(_output, images);
            var normalization = new BatchNormalization(memory, input, images);
            foreach (var stage in normalization.Forward("test", memory.Upload(X, input, float.NaN, 1e6f), parameters, y, relu))
                memory.Device.Run(stage);
            return [memory.Read(y, images), memory.Read(parameters.Mean), memory.Read(parameters.Variance)];
        }

        /// <summary>
        /// Sums of n terms err by n 2^-24 of their absolute sums, the mean by that over n, and so on: first order, with room for what
        /// follows the sums.
        /// </summary>
        private Expected[] ExpectedForward(bool relu)
        {
            var (mean, variance) = BatchNormalization.Reference.Statistics(X, images, Channels);
            double[] away = [.. mean.Select((m, c) => Math.Abs(m - Mean[c]))];
            double[] meanBound =
                [.. mean.Select((m, c) => (Count + 8) * Rounding * (away[c] + Math.Sqrt(variance[c])) + 4 * Rounding * Math.Abs(m))];
            double[] varianceBound =
                [.. variance.Select((v, c) => 3 * (Count + 8) * Rounding * (v + away[c] * (away[c] + Math.Sqrt(v))) + 1e-12)];
            double[] y = BatchNormalization.Reference.Forward(X, images, mean, variance, Scale, Shift, relu);
            double[] bounds = new double[y.Length];
            for (int i = 0; i < y.Length; i++)
            {
                int c = i / (input.Height * input.Width) % Channels;
                double root = Math.Sqrt(variance[c] + BatchNormalization.Epsilon), a = Scale[c] / root;
                double relative = varianceBound[c] / (2 * root * root) + 8 * Rounding;
                bounds[i] = a * meanBound[c] + a * Math.Abs(X[i] - mean[c]) * relative
                    + 8 * Rounding * (a * (Math.Abs(X[i]) + Math.Abs(mean[c])) + Math.Abs(Shift[c]));
            }
            double unbiased = Count > 1 ? Count / (Count - 1.0) : 1, m = BatchNormalization.Momentum;
            return
            [
                new("y", y, bounds),
                new("running mean", [.. mean.Select((v, c) => Mean[c] + m * (v - Mean[c]))], meanBound),
                new(
                    "running variance", [.. variance.Select((v, c) => Variance[c] + m * (unbiased * v - Variance[c]))],
                    [.. varianceBound.Select((b, c) => b * unbiased + 4 * Rounding * Variance[c])]),
            ];
        }

        private double[][] Answer(DeviceMemory memory)
        {
            var y = memory.Result(_output, images);
            var normalization = new BatchNormalization(memory, input, images);
            foreach (var stage in normalization.Answer("test", memory.Upload(X, input, float.NaN, 0), Parameters(memory), y, relu: true))
                memory.Device.Run(stage);
            return [memory.Read(y, images)];
        }

        private Expected[] ExpectedAnswer()
        {
            double[] mean = [.. Mean.Select(v => (double)v)], variance = [.. Variance.Select(v => (double)v)];
            double[] y = BatchNormalization.Reference.Forward(X, images, mean, variance, Scale, Shift, relu: true);
            return
            [
                new("y", y, [.. y.Select((_, i) =>
                {
                    int c = i / (input.Height * input.Width) % Channels;
                    double a = Scale[c] / Math.Sqrt(variance[c] + BatchNormalization.Epsilon);
                    return 12 * Rounding * (a * (Math.Abs(X[i]) + Math.Abs(mean[c])) + Math.Abs(Shift[c]));
                })]),
            ];
        }

        private double[][] Backward(DeviceMemory memory, float[] plain, bool gated)
        {
            float[] dScale = new float[Channels], dShift = new float[Channels];
            var x = memory.Upload(plain, input, float.NaN, 1e6f);
            // Images that fill the last block have no gradient and must get none.
            var dOutput = memory.Upload(DOutput, _output, float.NaN, 0);
            var dInput = memory.Upload(new float[images * input.Features], input, Images.Untouched, 1);
            var scale = memory.Allocate<float>(dScale);
            var shift = memory.Allocate<float>(dShift);
            var normalization = new BatchNormalization(memory, input, images);
            foreach (var stage in (Operation[][])
            [
                .. normalization.Forward("test", x, Parameters(memory), memory.Result(_output, images), false),
                .. normalization.Gradients("test", x, dOutput), [normalization.BackwardData("test", x, dOutput, gated, dInput)],
                [normalization.Update("test", UpdateCases.Storing(scale), UpdateCases.Storing(shift))],
            ])
            {
                memory.Device.Run(stage);
            }
            int blank = dInput.Blocks * Layout.Lanes;
            return [memory.Read(dInput, blank), memory.Read(scale), memory.Read(shift)];
        }

        private Expected[] ExpectedBackward(float[] plain, bool gated)
        {
            var (mean, variance) = BatchNormalization.Reference.Statistics(plain, images, Channels);
            var (dInput, dScale, dShift) = BatchNormalization.Reference.Backward(plain, DOutput, images, Scale);
            var (_, _, absolute) = BatchNormalization.Reference.Backward(plain, Numbers.Absolute(DOutput), images, Scale);
            // Of x̂, which errs by the mean's and the variance's errors; the running mean may be far away.
            double[] error = [.. mean.Select((v, c) =>
            {
                double away = Math.Abs(v - Mean[c]), root = Math.Sqrt(variance[c] + BatchNormalization.Epsilon);
                double meanError = (Count + 8) * Rounding * (away + root) + 4 * Rounding * Math.Abs(v);
                return meanError / root
                    + 8 * (Count + 8) * Rounding * (1 + away * away / (root * root)) + 16 * Rounding * (1 + Math.Abs(v) / root);
            })];
            double[] largest = [.. Enumerable.Range(0, Channels).Select(c => plain.Where((_, i) => Channel(i) == c)
                .Max(v => Math.Abs(v - mean[c]) / Math.Sqrt(variance[c] + BatchNormalization.Epsilon)))];
            double[] shiftBound = [.. absolute.Select(a => (Count + 8) * Rounding * a)];
            double[] scaleBound = [.. absolute.Select((a, c) => a * (1 + largest[c]) * (error[c] + (Count + 8) * Rounding))];
            double[] bounds =
            [
                .. dInput.Select((_, i) =>
                {
                    int c = Channel(i);
                    double a = Scale[c] / Math.Sqrt(variance[c] + BatchNormalization.Epsilon);
                    return 4 * a * (scaleBound[c] * (1 + largest[c]) + shiftBound[c]
                        + error[c] * (1 + largest[c]) * (Math.Abs(dScale[c]) + Math.Abs(dShift[c]))) / Count
                        + 4 * a * Math.Abs(DOutput[i]) * (error[c] + 8 * Rounding);
                }),
            ];
            int all = Layout.Blocks(images) * Layout.Lanes * input.Features;
            double[] gatedInput = [.. dInput.Select((v, i) => gated && plain[i] <= 0 ? 0 : v)];
            return
            [
                new("dInput", [.. gatedInput, .. new double[all - dInput.Length]], [.. bounds, .. new double[all - dInput.Length]]),
                new("dScale", dScale, scaleBound), new("dShift", dShift, shiftBound),
            ];

            int Channel(int i) => i / (input.Height * input.Width) % Channels;
        }
    }
}
