namespace Secateurs.Kernels.SelfTest;

/// <summary>Global average pooling of one pixel to odd maps, with and without borders.</summary>
internal static class GlobalAveragePoolCases
{
    private static readonly (int Images, TensorShape Input, int OutputPadding)[] Shapes =
        [(1, new(1, 1, 1), 0), (16, new(3, 4, 6), 1), (17, new(2, 5, 7, 2), 0), (50, new(7, 8, 3, 1), 2)];

    public static IEnumerable<SelfTestCase> All => Shapes.SelectMany(s => new Layer(s.Images, s.Input, s.OutputPadding).Cases());

    private sealed class Layer(int images, TensorShape input, int outputPadding)
    {
        private readonly TensorShape _output = new(input.Channels, 1, 1, outputPadding);

        private string Shape => $"{images} images {input.Channels}x{input.Height}x{input.Width} border {input.Padding} {outputPadding}";

        private float[] X(bool relu) =>
            relu ? new Numbers(1).Activations(images * input.Features) : new Numbers(1).Uniform(images * input.Features);

        private float[] DOutput => new Numbers(2).Uniform(images * input.Channels);

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"global average pool forward {Shape}", Forward, ExpectedForward),
            new($"global average pool backward {Shape}", m => Backward(m, false), () => ExpectedBackward(false)),
            new($"global average pool backward relu {Shape}", m => Backward(m, true), () => ExpectedBackward(true)),
        ];

        private double[][] Forward(DeviceMemory memory)
        {
            var y = memory.Result(_output, images);
            memory.Device.Run(GlobalAveragePool.Forward(memory.Device, "test", memory.Upload(X(false), input, float.NaN, 0), y));
            return [memory.Read(y, images)];
        }

        private Expected[] ExpectedForward() =>
        [
            Expected.Sums(
                "y", GlobalAveragePool.Reference.Forward(X(false), images * input.Channels),
                GlobalAveragePool.Reference.Forward(Numbers.Absolute(X(false)), images * input.Channels), input.Height * input.Width),
        ];

        private double[][] Backward(DeviceMemory memory, bool relu)
        {
            var dInput = memory.Result(input, images);
            memory.Device.Run(GlobalAveragePool.BackwardData(
                memory.Device, "test", memory.Upload(X(relu), input, float.NaN, 0), memory.Upload(DOutput, _output, float.NaN, 0), relu,
                dInput));
            return [memory.Read(dInput, images)];
        }

        private Expected[] ExpectedBackward(bool relu)
        {
            double[] dInput = GlobalAveragePool.Reference.BackwardData(X(relu), DOutput, relu);
            return [Expected.Sums("dInput", dInput, [.. dInput.Select(Math.Abs)], 1)];
        }
    }
}
