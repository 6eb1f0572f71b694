namespace Secateurs.Kernels.SelfTest;

/// <summary>Windows that overlap, leave gaps, reach over the edge; values with many ties; both with and without borders.</summary>
internal static class WindowPoolCases
{
    private static readonly (int Images, TensorShape Input, Window Window, int OutputPadding)[] Shapes =
    [
        (1, new(1, 3, 3), new(2, 1), 0),
        (16, new(3, 7, 6), new(3, 2, 1), 1),
        (17, new(2, 5, 9), new(3, 2), 0),
        (33, new(2, 8, 7, 2), new(2, 3), 1),
        (5, new(4, 6, 5, 1), new(5, 1, 2), 0),
        (2, new(1, 4, 4), new(2, 2, 1), 0),
    ];

    public static IEnumerable<SelfTestCase> All => Shapes.SelectMany(
        s => ((bool[])[false, true]).SelectMany(a => new Layer(s.Images, s.Input, s.Window, s.OutputPadding, a).Cases()));

    private sealed class Layer(int images, TensorShape input, Window window, int outputPadding, bool average)
    {
        private readonly TensorShape _output = window.Output(input, outputPadding);

        private string Shape =>
            $"{(average ? "average" : "max")} {images} images {input.Channels}x{input.Height}x{input.Width} border {input.Padding} "
                + $"windows {window.Size} stride {window.Stride} padding {window.Padding} border {outputPadding}";

        private float[] X(bool relu) =>
            relu ? new Numbers(1).Activations(images * input.Features) : new Numbers(1).Eighths(images * input.Features);

        private float[] DOutput => new Numbers(2).Uniform(images * _output.Features);

        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"window pool forward {Shape}", Forward, ExpectedForward),
            new($"window pool backward {Shape}", m => Backward(m, false), () => ExpectedBackward(false)),
            new($"window pool backward relu {Shape}", m => Backward(m, true), () => ExpectedBackward(true)),
        ];

        private double[][] Forward(DeviceMemory memory)
        {
            var y = memory.Result(_output, images);
            memory.Device.Run(
                WindowPool.Forward(memory.Device, "test", memory.Upload(X(false), input, float.MaxValue, 0), window, average, y));
            return [memory.Read(y, images)];
        }

        private double[][] Backward(DeviceMemory memory, bool relu)
        {
            var dInput = memory.Result(input, images);
            memory.Device.Run(WindowPool.BackwardData(
                memory.Device, "test", memory.Upload(X(relu), input, float.MaxValue, 0), window, average,
                memory.Upload(DOutput, _output, float.NaN, 0), relu, dInput));
            return [memory.Read(dInput, images)];
        }

        private double[] Pooled(float[] x) =>
            WindowPool.Reference.Forward(x, images * input.Channels, input.Height, input.Width, window, average);

        private Expected[] ExpectedForward() => average
            ? [Expected.Sums("y", Pooled(X(false)), Pooled(Numbers.Absolute(X(false))), window.Size * window.Size)]
            : [Expected.Exactly("y", Pooled(X(false)))];

        private double[] Gradient(float[] dOutput, bool relu) => WindowPool.Reference.BackwardData(
            X(relu), dOutput, images * input.Channels, input.Height, input.Width, window, average, relu);

        private Expected[] ExpectedBackward(bool relu) =>
            [Expected.Sums("dInput", Gradient(DOutput, relu), Gradient(Numbers.Absolute(DOutput), relu), window.Size * window.Size)];
    }
}
