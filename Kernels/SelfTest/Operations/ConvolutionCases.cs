namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Convolutions: H != W, filters 1x1 to 7x7, 3x5, 2x11 and 1x6, padding 0 to 2, channel, filter and column counts around the tiles of 8 and
/// 4; strides that reach the last row and that do not, larger than the filter too; inputs with more border than padding;
/// maps so small that much of what filters meet is padding.
/// </summary>
internal static class ConvolutionCases
{
    private static readonly (int Images, int Height, int Width, int Padding, FilterShape Filter)[] Shapes =
    [
        (1, 1, 1, 0, new(1, 1, 1, 1)),
        (1, 5, 5, 0, new(1, 1, 5, 5)),
        (2, 3, 4, 1, new(5, 3, 1, 1)),
        (16, 7, 9, 0, new(2, 1, 3, 3)),
        (17, 9, 7, 1, new(3, 2, 3, 3)),
        (33, 6, 8, 2, new(6, 2, 5, 5)),
        (50, 8, 5, 2, new(10, 1, 3, 3)),
        (64, 7, 8, 0, new(2, 1, 7, 7)),
        (5, 6, 9, 1, new(8, 2, 3, 5)),
        (16, 9, 6, 2, new(20, 1, 3, 3)),
        (3, 6, 5, 0, new(3, 9, 3, 3)),
        (7, 3, 13, 1, new(5, 1, 2, 11)),
        (1, 2, 9, 0, new(9, 3, 1, 6)),
        (18, 7, 12, 0, new(9, 5, 5, 5)),
        (3, 6, 14, 0, new(5, 9, 5, 5)),
        (33, 4, 15, 1, new(6, 1, 3, 2)),
        (2, 3, 23, 0, new(5, 2, 2, 5)),
        (17, 8, 7, 1, new(5, 3, 3, 3, Stride: 2)),
        (2, 9, 6, 0, new(9, 5, 1, 1, Stride: 2)),
        (16, 11, 9, 2, new(3, 2, 5, 6, Stride: 3)),
        (5, 7, 8, 0, new(2, 9, 2, 1, Stride: 4)),
        (33, 5, 6, 5, new(6, 3, 11, 11, Stride: 4)),
        (3, 6, 5, 0, new(5, 3, 1, 1, Stride: 2, Inset: 1)),
        (17, 5, 7, 1, new(6, 4, 3, 3, Inset: 1)),
        (4, 7, 6, 0, new(3, 2, 5, 5, Inset: 2)),
        (1, 9, 9, 1, new(7, 2, 3, 3, Stride: 2, Inset: 2)),
        (19, 2, 2, 1, new(7, 12, 3, 3)),
        (33, 1, 3, 2, new(6, 18, 5, 5)),
        (3, 2, 5, 1, new(9, 21, 3, 3, Stride: 2)),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Height, s.Width, s.Padding, s.Filter).Cases())
            .Append(new Layer(20, 12, 1, 0, new FilterShape(61, 60, 1, 1)).ManyTiles).Append(NotANumber);

    /// <summary>A ReLU that made 0 of NaN would hide that training has diverged.</summary>
    private static SelfTestCase NotANumber => new(
        "convolution forward relu with a weight that is NaN",
        memory =>
        {
            var y = memory.Result(TensorShape.Vector(2), 1);
            memory.Device.Run(Convolution.Forward(
                memory.Device, "test", memory.Upload([1], TensorShape.Vector(1), 0, 0), memory.Allocate<float>([float.NaN, -1]),
                memory.Allocate<float>([0, 0]), new FilterShape(2, 1, 1, 1), y, relu: true));
            return [[.. memory.Read(y, 1).Select(v => double.IsNaN(v) ? 1 : 0)]];
        },
        () => [Expected.Exactly("NaN", [1, 0])]);

    private sealed class Layer(int images, int height, int width, int padding, FilterShape filter)
        : ConvolutionLayer(images, height, width, padding, filter)
    {
        public IEnumerable<SelfTestCase> Cases() =>
        [
            new($"convolution forward {Shape}", m => Forward(m, false), () => ExpectedForward(false)),
            new($"convolution forward relu {Shape}", m => Forward(m, true), () => ExpectedForward(true)),
            new($"convolution backward data {Shape}", m => BackwardData(m, false), () => ExpectedBackwardData(false)),
            new($"convolution backward data gated {Shape}", m => BackwardData(m, true), () => ExpectedBackwardData(true)),
            new($"convolution backward weight {Shape}", BackwardWeight, ExpectedBackwardWeight),
        ];

        /// <summary>So many tiles of weight gradients that the parts have more terms than threads.</summary>
        public SelfTestCase ManyTiles => new($"convolution backward weight {Shape}", BackwardWeight, ExpectedBackwardWeight);

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            var x = memory.Upload(X, Input, 0, float.NaN);
            var y = memory.Result(Output, ImageCount);
            memory.Device.Run(
                Convolution.Forward(
                    memory.Device, "test", x, memory.Allocate<float>(Weight), memory.Allocate<float>(Bias), Filter, y, relu));
            return [memory.Read(y, ImageCount)];
        }

        private double[][] BackwardData(DeviceMemory memory, bool gated)
        {
            // Borders are poison here: gradients of padding do not exist.
            var dOutput = memory.Upload(DOutput, Output, float.NaN, float.NaN);
            var dInput = memory.Result(Input, ImageCount);
            Tensor? gate = gated ? memory.Upload(X, Input, float.NaN, float.NaN) : null;
            memory.Device.Run(
                Convolution.BackwardData(memory.Device, "test", dOutput, memory.Allocate<float>(Weight), Filter, gate, dInput));
            return [memory.Read(dInput, ImageCount)];
        }

        private double[][] BackwardWeight(DeviceMemory memory)
        {
            // Images that fill the last block hold what a layer makes of nothing; their gradient is zero.
            var x = memory.Upload(X, Input, 0, 3);
            var dOutput = memory.Upload(DOutput, Output, float.NaN, 0);
            var dWeight = memory.Allocate<float>(Filter.Count);
            var parts = Convolution.Parts(memory, Filter, dOutput);
            memory.Device.Run(Convolution.BackwardWeight(memory.Device, "test", x, dOutput, Filter, UpdateCases.Storing(dWeight), parts));
            return [memory.Read(dWeight)];
        }
    }
}
