using ILGPU;

namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Optimizers over several steps, inside the weight gradient of a fully connected layer that is fed so that its gradient is any wanted
/// number exactly. Weights are a slice of longer buffers, whose other values must stay.
/// </summary>
internal static class UpdateCases
{
    private const int Rounds = 3, Steps = 2 * Rounds, Before = 5, After = 3;

    private static readonly UpdateRule[] Rules = [UpdateRule.Adam, UpdateRule.Momentum];

    private static readonly (int Outputs, int Inputs)[] Shapes = [(1, 1), (3, 7), (2, 16), (9, 45), (17, 33)];

    public static IEnumerable<SelfTestCase> All =>
        from rule in Rules
        from shape in Shapes
        from layer in new Layer[] { new(rule, false, shape.Outputs, shape.Inputs), new(rule, true, shape.Outputs, shape.Inputs) }
        select layer.Case();

    /// <summary>The gradient is stored and nothing else happens.</summary>
    public static Update Storing(ArrayView<float> gradient) => new() { Gradient = gradient, Weight = gradient, Rule = UpdateRule.Gradient };

    private sealed class Layer(UpdateRule rule, bool masked, int outputs, int inputs)
    {
        private readonly int _count = outputs * inputs, _length = Before + outputs * inputs + After;

        private float[] Weight => new Numbers(1).Uniform(_length);
        private float[] Mask => masked ? new Numbers(2).Mask(_length) : new float[_length];

        /// <summary>Of even (0) and of odd (1) steps; some are zero in both.</summary>
        private float[] Gradient(int parity) =>
            [.. new Numbers(3 + parity).Uniform(_count).Select((g, i) => i % 6 == 5 ? 0 : g)];

        private static double Rate(int step) => 0.01 / (1 + step);
        private static double Decay(int step) => 0.001 * step;

        public SelfTestCase Case() => new($"update {rule}{(masked ? " masked" : "")} {outputs}x{inputs}", Compute, Expect);

        private double[][] Compute(DeviceMemory memory)
        {
            var device = memory.Device;
            var step = memory.Allocate<int>(1);
            ArrayView<float> weight = memory.Allocate<float>(Weight), mask = memory.Allocate<float>(Mask);
            ArrayView<float> first = memory.Allocate<float>(_length), second = memory.Allocate<float>(_length);
            var update = new Update
            {
                Rule = rule,
                Masked = masked ? 1 : 0,
                Weight = weight,
                Mask = mask,
                FirstMoment = first,
                SecondMoment = second,
                Rates = memory.Allocate<float>([.. Enumerable.Range(0, Steps).SelectMany(Row)]),
                Step = step,
            }.Slice(Before, _count);
            // One image per output, whose gradient is 1 at that output alone: the sum has one term, x.
            var one = memory.Upload(
                [.. Enumerable.Range(0, outputs * outputs).Select(i => i / outputs == i % outputs ? 1f : 0f)], TensorShape.Vector(outputs),
                0, 0);
            Tensor[] x = [.. Enumerable.Range(0, 2).Select(parity => memory.Upload(Gradient(parity), TensorShape.Vector(inputs), 0, 0))];
            var operations = x.SelectMany(gradient => new[]
            {
                FullyConnected.BackwardWeight(device, "test", one, gradient, memory.Rows(gradient), update), Counter.Advance(device, step),
            });
            new StepProgram(device, operations.Select(o => new[] { o })).Run(Rounds);
            return [memory.Read(weight), memory.Read(first), memory.Read(second), memory.Read(step)];
        }

        private static double Momentum(int step) => 0.9 - 0.25 * step;

        private float[] Row(int step) => Update.RatesOf(rule, step + 1, Rate(step), Decay(step), Momentum(step));

        private Expected[] Expect()
        {
            double[] weight = [.. Weight.Select(w => (double)w)], first = new double[_length], second = new double[_length];
            double[] weightBound = new double[_length], firstBound = new double[_length], secondBound = new double[_length];
            float[] mask = Mask;
            float[][] gradients = [Gradient(0), Gradient(1)];
            for (int i = 0; i < _count; i++)
            {
                int at = Before + i;
                double w = weight[at], m = 0, v = 0;
                Rounded w2 = new(w), m2 = default, v2 = default;
                for (int step = 0; step < Steps; step++)
                {
                    double keep = masked ? mask[at] : 1, g = gradients[step % 2][i];
                    (w, m, v) = Update.Reference(rule, (w, m, v), g, step + 1, (Rate(step), Decay(step), Momentum(step)), keep);
                    (w2, m2, v2) = Bound(w2, m2, v2, g, step, keep);
                }
                (weight[at], first[at], second[at]) = (w, m, v);
                (weightBound[at], firstBound[at], secondBound[at]) = (w2.Error, m2.Error, v2.Error);
            }
            return
            [
                new("weight", weight, weightBound), new("first moment", first, firstBound), new("second moment", second, secondBound),
                Expected.Exactly("step", [Steps]),
            ];
        }

        /// <summary>The formula as the kernel has it, for the errors that it may make.</summary>
        private (Rounded, Rounded, Rounded) Bound(Rounded w, Rounded m, Rounded v, double gradient, int step, double keep)
        {
            float[] row = Row(step);
            Rounded rate = Rounded.Float(row[0]), epsilon = Rounded.Float(row[1]), g = Rounded.Float(row[2]) * w + new Rounded(gradient);
            if (rule == UpdateRule.Adam)
            {
                m = new Rounded(Update.Beta1) * m + new Rounded(1 - Update.Beta1) * g;
                v = new Rounded(Update.Beta2) * v + new Rounded(1 - Update.Beta2) * g * g;
                w -= rate * m / (Rounded.Sqrt(v) + epsilon);
            }
            else
            {
                var momentum = Rounded.Float(row[3]);
                m = momentum * m + g;
                w -= rate * (momentum * m + g);
            }
            return keep == 0 ? default : (w, m, v);
        }
    }
}
