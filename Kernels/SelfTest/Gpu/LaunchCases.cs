using ILGPU;

namespace Secateurs.Kernels.SelfTest;

/// <summary>Operations that share a launch on a GPU, against what they give alone: side by side, in turn, and both.</summary>
internal static class LaunchCases
{
    private const int Classes = 10;

    private static readonly (int Images, int Inputs)[] Chains = [(1, 1), (16, 84), (50, 100), (129, 37)];

    public static IEnumerable<SelfTestCase> All =>
        Chains.Select(c => new Head(c.Images, c.Inputs).Case()).Append(SideBySide).Append(InParts);

    /// <summary>
    /// Weight and bias gradients of layers of several sizes: many small tiles of few threads and tiles of a whole group between each other.
    /// </summary>
    private static SelfTestCase SideBySide
    {
        get
        {
            (int Images, int Inputs, int Outputs)[] layers = [(17, 31, 13), (5, 3, 41), (33, 129, 2), (1, 1, 1), (64, 100, 10)];
            float[] X(int i) => new Numbers(10 + i).Activations(layers[i].Images * layers[i].Inputs);
            float[] DOutput(int i) => new Numbers(20 + i).Uniform(layers[i].Images * layers[i].Outputs);
            return new SelfTestCase(
                "launch of ten gradients side by side",
                memory =>
                {
                    var stage = new List<Operation>();
                    var results = new List<ArrayView<float>>();
                    for (int i = 0; i < layers.Length; i++)
                    {
                        var x = memory.Upload(X(i), TensorShape.Vector(layers[i].Inputs), 0, 3);
                        var dOutput = memory.Upload(DOutput(i), TensorShape.Vector(layers[i].Outputs), 0, 0);
                        ArrayView<float> weight = memory.Allocate<float>(layers[i].Inputs * layers[i].Outputs);
                        ArrayView<float> bias = memory.Allocate<float>(layers[i].Outputs);
                        stage.Add(
                            FullyConnected.BackwardWeight(
                                memory.Device, "weight", dOutput, x, memory.Rows(x), UpdateCases.Storing(weight)));
                        stage.AddRange(BiasUpdate.Of(memory.Device, "bias", dOutput, UpdateCases.Storing(bias), parts: null));
                        results.AddRange([weight, bias]);
                    }
                    new StepProgram(memory.Device, [[.. stage]]).Run();
                    return [.. results.Select(memory.Read)];
                },
                () => [.. Enumerable.Range(0, layers.Length).SelectMany(i => new[]
                {
                    Expected.Sums(
                        $"weight {i}", FullyConnected.Reference.BackwardWeight(DOutput(i), X(i), layers[i].Images),
                        FullyConnected.Reference.BackwardWeight(Numbers.Absolute(DOutput(i)), Numbers.Absolute(X(i)), layers[i].Images),
                        layers[i].Images),
                    Expected.Sums(
                        $"bias {i}", BiasUpdate.Reference(DOutput(i), layers[i].Images, layers[i].Outputs),
                        BiasUpdate.Reference(Numbers.Absolute(DOutput(i)), layers[i].Images, layers[i].Outputs), layers[i].Images + 16),
                })]);
        }
    }

    /// <summary>
    /// Weight and bias gradients of two convolutions, in parts, and of a fully connected layer in one stage, as at the end of a training
    /// step; the parts are added in the next.
    /// </summary>
    private static SelfTestCase InParts
    {
        get
        {
            const int Images = 33;
            (int Height, int Width, FilterShape Filter)[] layers =
                [(9, 16, new(6, 1, 5, 5)), (6, 10, new(16, 6, 3, 5)), (1, 1, new(37, 45, 1, 1))];
            int Positions(int i) => (layers[i].Height - layers[i].Filter.Rows + 1) * (layers[i].Width - layers[i].Filter.Columns + 1);
            TensorShape Shape(int i) => new(layers[i].Filter.Channels, layers[i].Height, layers[i].Width);
            float[] X(int i) => new Numbers(10 + i).Activations(Images * Shape(i).Features);
            float[] DOutput(int i) => new Numbers(20 + i).Uniform(Images * layers[i].Filter.Filters * Positions(i));
            double[] Weights(int i, float[] dOutput, float[] x) =>
                Convolution.Reference.BackwardWeight(dOutput, x, Images, Shape(i), layers[i].Filter);
            return new SelfTestCase(
                "launch of gradients in parts side by side",
                memory =>
                {
                    var operations = new List<Operation[]>();
                    var results = new List<ArrayView<float>>();
                    for (int i = 0; i < layers.Length; i++)
                    {
                        var filter = layers[i].Filter;
                        var x = memory.Upload(X(i), Shape(i), 0, 3);
                        var dOutput = memory.Upload(DOutput(i), filter.Output(x.Shape), 0, 0);
                        ArrayView<float> weight = memory.Allocate<float>(filter.Count), bias = memory.Allocate<float>(filter.Filters);
                        operations.Add(filter.Rows == 1
                            ? [FullyConnected.BackwardWeight(
                                memory.Device, "weight", dOutput, x, memory.Rows(x), UpdateCases.Storing(weight))]
                            : Convolution.BackwardWeight(
                                memory.Device, "weight", x, dOutput, filter, UpdateCases.Storing(weight),
                                Convolution.Parts(memory, filter, dOutput)));
                        operations.Add(
                            BiasUpdate.Of(memory.Device, "bias", dOutput, UpdateCases.Storing(bias), BiasUpdate.Parts(memory, dOutput)));
                        results.AddRange([weight, bias]);
                    }
                    new StepProgram(memory.Device, [.. operations.Select(o => o[0])], [.. operations.SelectMany(o => o.Skip(1))]).Run();
                    return [.. results.Select(memory.Read)];
                },
                () => [.. Enumerable.Range(0, layers.Length).SelectMany(i => new[]
                {
                    Expected.Sums(
                        $"weight {i}", Weights(i, DOutput(i), X(i)), Weights(i, Numbers.Absolute(DOutput(i)), Numbers.Absolute(X(i))),
                        Images * Positions(i)),
                    Expected.Sums(
                        $"bias {i}", BiasUpdate.Reference(DOutput(i), Images, layers[i].Filter.Filters),
                        BiasUpdate.Reference(Numbers.Absolute(DOutput(i)), Images, layers[i].Filter.Filters), Images * Positions(i)),
                })]);
        }
    }

    /// <summary>The last layer forward, its softmax, its backward data: each needs what the one before wrote.</summary>
    private sealed class Head(int images, int inputs)
    {
        private float[] X => new Numbers(1).Activations(images * inputs);
        private float[] Weight => [.. new Numbers(2).Uniform(Classes * inputs).Select(w => w / 8)];
        private static float[] Bias => new Numbers(3).Uniform(Classes);
        private int[] Labels => new Numbers(4).Integers(images, Classes);

        public SelfTestCase Case() => new($"launch of a last layer in turn {images} images {inputs} inputs", Compute, Expect);

        private double[][] Compute(DeviceMemory memory)
        {
            var device = memory.Device;
            var x = memory.Upload(X, TensorShape.Vector(inputs), 0, 0);
            Tensor y = memory.Result(TensorShape.Vector(Classes), images), dy = memory.Result(y.Shape, images);
            Tensor dx = memory.Result(x.Shape, images);
            int slots = x.Blocks * Layout.Lanes;
            var weight = memory.Allocate<float>(Weight);
            ArrayView<int> step = memory.Allocate<int>([0]);
            ArrayView<int> labels = memory.Allocate<int>([.. Labels, .. Enumerable.Repeat(-1, slots - images)]);
            new StepProgram(
                device,
                [FullyConnected.Forward(device, "forward", x, weight, memory.Allocate<float>(Bias), y, relu: false)],
                [
                    SoftmaxCrossEntropy.Of(
                        device, "softmax", y, labels, images, dy, new(memory.Allocate<float>(slots), memory.Allocate<int>(slots), step)),
                ],
                [FullyConnected.BackwardData(device, "backward", dy, weight, x, dx)]).Run();
            return [memory.Read(y, images), memory.Read(dx, images)];
        }

        private Expected[] Expect()
        {
            double[] y = FullyConnected.Reference.Forward(X, Weight, Bias, images, Classes, relu: false);
            float[] gradients = [.. y.Select(v => (float)v).Chunk(Classes)
                .SelectMany((z, n) => SoftmaxCrossEntropy.Reference(z, Labels[n], images).Gradient).Select(g => (float)g)];
            double[] bounds = [.. FullyConnected.Reference
                .Forward(Numbers.Absolute(X), Numbers.Absolute(Weight), Numbers.Absolute(Bias), images, Classes, relu: false)
                .Select(s => (inputs + 3) * Expected.Rounding * s)];
            // A logit that is off by δ moves a softmax by at most δ / 2; Exp and the division add some roundings.
            double error = bounds.Max() + 32 * Expected.Rounding;
            double[] dx = FullyConnected.Reference.BackwardData(gradients, Weight, X, images, inputs);
            double[] errors = FullyConnected.Reference.BackwardData(
                [.. gradients.Select(_ => (float)(error / images))], Numbers.Absolute(Weight), null, images, inputs);
            return [new Expected("y", y, bounds), new Expected("dx", dx, errors)];
        }
    }
}
