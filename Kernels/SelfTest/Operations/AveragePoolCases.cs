namespace Secateurs.Kernels.SelfTest;

/// <summary>Average pooling; inputs that windows do not cover to the edge; both with and without borders; a single image too.</summary>
internal static class AveragePoolCases
{
    private static readonly (int Images, TensorShape Input, int Size, int OutputPadding)[] Shapes =
    [
        (1, new(1, 2, 2), 2, 0),
        (1, new(1, 1, 1), 1, 0),
        (16, new(3, 4, 6), 2, 1),
        (17, new(2, 5, 7), 2, 0),
        (33, new(5, 7, 4, 1), 2, 2),
        (50, new(1, 8, 11, 2), 3, 1),
        (64, new(6, 9, 5), 2, 0),
    ];

    public static IEnumerable<SelfTestCase> All => Shapes.SelectMany(s => new Layer(s.Images, s.Input, s.Size, s.OutputPadding).Cases());

    private sealed class Layer(int images, TensorShape input, int size, int outputPadding)
    {
        private readonly TensorShape _output = MaxPool.Output(input, size, outputPadding);

        private string Shape =>
            $"{images} images {input.Channels}x{input.Height}x{input.Width} border {input.Padding} "
                + $"windows {size}x{size} border {outputPadding}";

        private float[] X(bool relu) =>
            relu ? new Numbers(1).Activations(images * input.Features) : new Numbers(1).Uniform(images * input.Features);

        private float[] DOutput => new Numbers(2).Uniform(images * _output.Features);

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"average pool forward {Shape}", Forward, () => ExpectedForward(X(false), images)),
            new($"average pool backward {Shape}", m => Backward(m, false), () => ExpectedBackward(false)),
            new($"average pool backward relu {Shape}", m => Backward(m, true), () => ExpectedBackward(true)),
            new($"average pool one image {Shape}", ForwardOne, () => ExpectedForward(X(false)[..input.Features], 1), onHostOnly: true),
        ];

        private double[][] Forward(DeviceMemory memory)
        {
            var x = memory.Upload(X(false), input, float.NaN, 0);
            var y = memory.Result(_output, images);
            memory.Device.Run(AveragePool.Forward(memory.Device, "test", x, size, y));
            return [memory.Read(y, images)];
        }

        private double[][] ForwardOne(DeviceMemory memory)
        {
            var y = new RowImage(memory, _output);
            memory.Device.Run(AveragePool.ForwardOne(memory.Device, "test", memory.UploadRows(X(false)[..input.Features], input), size, y));
            return [memory.Read(y)];
        }

        private Expected[] ExpectedForward(float[] x, int count) =>
        [
            Expected.Sums(
                "y", AveragePool.Reference.Forward(x, count * input.Channels, input.Height, input.Width, size),
                AveragePool.Reference.Forward(Numbers.Absolute(x), count * input.Channels, input.Height, input.Width, size), size * size),
        ];

        private double[][] Backward(DeviceMemory memory, bool relu)
        {
            var x = memory.Upload(X(relu), input, float.NaN, 0);
            var dOutput = memory.Upload(DOutput, _output, float.NaN, 0);
            var dInput = memory.Result(input, images);
            memory.Device.Run(AveragePool.BackwardData(memory.Device, "test", x, size, dOutput, relu, dInput));
            return [memory.Read(dInput, images)];
        }

        private Expected[] ExpectedBackward(bool relu)
        {
            double[] dInput = AveragePool.Reference.BackwardData(
                X(relu), DOutput, images * input.Channels, input.Height, input.Width, size, relu);
            return [Expected.Sums("dInput", dInput, [.. dInput.Select(Math.Abs)], 1)];
        }
    }
}
