namespace Secateurs.Kernels.SelfTest;

/// <summary>Max pooling of values with many ties; inputs that windows do not cover to the edge; both with and without borders.</summary>
internal static class MaxPoolCases
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
        private string Shape => $"{images} images {input.Channels}x{input.Height}x{input.Width} windows {size}x{size}";

        private float[] X(bool relu) =>
            relu ? new Numbers(1).Activations(images * input.Features) : new Numbers(1).Eighths(images * input.Features);

        private float[] DOutput => new Numbers(2).Uniform(images * _output.Features);

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"pool forward {Shape}", Forward, ExpectedForward),
            new($"pool backward {Shape}", m => Backward(m, false), () => ExpectedBackward(false)),
            new($"pool backward relu {Shape}", m => Backward(m, true), () => ExpectedBackward(true)),
        ];

        private double[][] Forward(DeviceMemory memory)
        {
            var x = memory.Upload(X(false), input, float.MaxValue, 0);
            var y = memory.Result(_output, images);
            memory.Device.Run(MaxPool.Forward(memory.Device, "test", x, size, y));
            return [memory.Read(y, images)];
        }

        private Expected[] ExpectedForward() =>
        [
            Expected.Exactly(
                "y", MaxPool.Reference.Forward(X(false), images * input.Channels, input.Height, input.Width, size).Select(v => (double)v)),
        ];

        private double[][] Backward(DeviceMemory memory, bool relu)
        {
            float[] plain = X(relu);
            var x = memory.Upload(plain, input, float.MaxValue, 0);
            float[] maxima = MaxPool.Reference.Forward(plain, images * input.Channels, input.Height, input.Width, size);
            var y = memory.Upload(maxima, _output, float.MaxValue, 0);
            var dOutput = memory.Upload(DOutput, _output, float.NaN, 0);
            var dInput = memory.Result(input, images);
            memory.Device.Run(MaxPool.BackwardData(memory.Device, "test", x, size, y, dOutput, relu, dInput));
            return [memory.Read(dInput, images)];
        }

        private Expected[] ExpectedBackward(bool relu)
        {
            float[] dInput = MaxPool.Reference.BackwardData(
                X(relu), DOutput, images * input.Channels, input.Height, input.Width, size, relu);
            return [Expected.Exactly("dInput", dInput.Select(v => (double)v))];
        }
    }
}
