namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Fully connected layers: M images, K inputs, N outputs; K &lt; M and K &gt; M, sizes around the tiles of 8 rows and 32 lanes.
/// </summary>
internal static class FullyConnectedCases
{
    private static readonly (int Images, int Inputs, int Outputs)[] Shapes =
    [
        (1, 1, 1), (1, 7, 5), (2, 37, 3), (5, 3, 41), (16, 16, 8), (17, 31, 13), (33, 5, 37), (33, 129, 67), (50, 100, 10), (64, 64, 64),
        (64, 784, 10),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Inputs, s.Outputs).Cases())
            .Concat(InkedShapes.SelectMany(s => new Layer(s.Images, s.Inputs, s.Outputs, s.Height).Cases())).Append(NotANumber);

    /// <summary>Inputs that are blank in part, as images of so many rows.</summary>
    private static readonly (int Images, int Inputs, int Outputs, int Height)[] InkedShapes =
        [(64, 300, 13, 12), (48, 200, 9, 4), (16, 96, 3, 3), (35, 330, 8, 11)];

    /// <summary>A ReLU that made 0 of NaN would hide that training has diverged.</summary>
    private static SelfTestCase NotANumber => new(
        "gemm forward relu with a weight that is NaN",
        memory =>
        {
            var y = memory.Result(TensorShape.Vector(2), 1);
            memory.Device.Run(FullyConnected.Forward(
                memory.Device, "test", memory.Upload([1], TensorShape.Vector(1), 0, 0), memory.Allocate<float>([float.NaN, -1]),
                memory.Allocate<float>([0, 0]), y, relu: true));
            return [[.. memory.Read(y, 1).Select(v => double.IsNaN(v) ? 1 : 0)]];
        },
        () => [Expected.Exactly("NaN", [1, 0])]);

    private sealed class Layer(int images, int inputs, int outputs, int inkedRows = 0)
    {
        private readonly Lazy<float[]> _x = new(() =>
        {
            float[] x = new Numbers(1).Activations(images * inputs);
            return inkedRows > 0 ? Numbers.Inked(x, images, inkedRows, inputs / inkedRows) : x;
        });
        private readonly Lazy<float[]> _weight = new(
            () => [.. new Numbers(2).Uniform(outputs * inputs).Zip(new Numbers(3).Mask(outputs * inputs), (w, m) => w * m)]);
        private readonly Lazy<float[]> _bias = new(() => new Numbers(4).Uniform(outputs));
        private readonly Lazy<float[]> _dOutput = new(() => new Numbers(5).Uniform(images * outputs));

        private float[] X => _x.Value;
        private float[] Weight => _weight.Value;
        private float[] Bias => _bias.Value;
        private float[] DOutput => _dOutput.Value;
        private string Shape => $"{images} images {inputs}-{outputs}{(inkedRows > 0 ? " inked" : "")}";

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"gemm forward {Shape}", m => Forward(m, false), () => ExpectedForward(false)),
            new($"gemm forward relu {Shape}", m => Forward(m, true), () => ExpectedForward(true)),
            new($"gemm backward data {Shape}", m => BackwardData(m, false), () => ExpectedBackwardData(false)),
            new($"gemm backward data gated {Shape}", m => BackwardData(m, true), () => ExpectedBackwardData(true)),
            new($"gemm backward weight {Shape}", BackwardWeight, ExpectedBackwardWeight),
        ];

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            var x = memory.Upload(X, TensorShape.Vector(inputs), 0, float.NaN);
            var y = memory.Result(TensorShape.Vector(outputs), images);
            memory.Device.Run(
                FullyConnected.Forward(memory.Device, "test", x, memory.Allocate<float>(Weight), memory.Allocate<float>(Bias), y, relu));
            return [memory.Read(y, images)];
        }

        private Expected[] ExpectedForward(bool relu)
        {
            float[] x = Numbers.Absolute(X), weight = Numbers.Absolute(Weight), bias = Numbers.Absolute(Bias);
            return
            [
                Expected.Sums(
                    "y", FullyConnected.Reference.Forward(X, Weight, Bias, images, outputs, relu),
                    FullyConnected.Reference.Forward(x, weight, bias, images, outputs, false), inputs + 1),
            ];
        }

        private double[][] BackwardData(DeviceMemory memory, bool gated)
        {
            var dOutput = memory.Upload(DOutput, TensorShape.Vector(outputs), 0, float.NaN);
            var dInput = memory.Result(TensorShape.Vector(inputs), images);
            Tensor? gate = gated ? memory.Upload(X, TensorShape.Vector(inputs), 0, float.NaN) : null;
            memory.Device.Run(FullyConnected.BackwardData(memory.Device, "test", dOutput, memory.Allocate<float>(Weight), gate, dInput));
            return [memory.Read(dInput, images)];
        }

        private Expected[] ExpectedBackwardData(bool gated)
        {
            float[]? gate = gated ? X : null;
            return
            [
                Expected.Sums(
                    "dInput", FullyConnected.Reference.BackwardData(DOutput, Weight, gate, images, inputs),
                    FullyConnected.Reference.BackwardData(Numbers.Absolute(DOutput), Numbers.Absolute(Weight), gate, images, inputs),
                    outputs),
            ];
        }

        private double[][] BackwardWeight(DeviceMemory memory)
        {
            // Images that fill the last block hold what a layer makes of nothing; their gradient is zero.
            var x = memory.Upload(X, TensorShape.Vector(inputs), 0, 3);
            var dOutput = memory.Upload(DOutput, TensorShape.Vector(outputs), 0, 0);
            var rows = memory.Rows(x);
            var dWeight = memory.Allocate<float>(outputs * inputs);
            memory.Device.Run(FullyConnected.BackwardWeight(memory.Device, "test", dOutput, x, rows, UpdateCases.Storing(dWeight)));
            return [memory.Read(dWeight)];
        }

        private Expected[] ExpectedBackwardWeight() =>
        [
            Expected.Sums(
                "dWeight", FullyConnected.Reference.BackwardWeight(DOutput, X, images),
                FullyConnected.Reference.BackwardWeight(Numbers.Absolute(DOutput), Numbers.Absolute(X), images), images),
        ];
    }
}
