namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Convolutions by minimal filtering, against the plain ones. Columns of a tile share their products and so their rounding errors: the
/// bound of each is the largest bound of a direct sum in its tile's reach. Shapes: widths that are no multiple of a tile of 4 outputs,
/// padding, an odd number of blocks, filters and channels around the tiles of 8 and 5, filters of more rows than a tile has taps.
/// </summary>
internal static class WinogradCases
{
    private static readonly (int Images, int Height, int Width, int Padding, FilterShape Filter)[] Shapes =
    [
        (3, 7, 9, 0, new(5, 5, 5, 5)), (17, 9, 8, 0, new(16, 6, 5, 5)), (33, 6, 10, 2, new(7, 9, 5, 5)), (50, 8, 12, 0, new(9, 17, 4, 5)),
        (64, 5, 7, 1, new(10, 8, 6, 5)), (5, 1, 15, 0, new(26, 25, 1, 5)), (16, 7, 5, 2, new(25, 33, 2, 5)),
        (2, 13, 11, 0, new(6, 5, 5, 5)),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Height, s.Width, s.Padding, s.Filter).Cases());

    private sealed class Layer(int images, int height, int width, int padding, FilterShape filter)
        : ConvolutionLayer(images, height, width, padding, filter)
    {
        public IEnumerable<SelfTestCase> Cases() =>
        [
            new(
                $"winograd forward {Shape}", m => Forward(m, false),
                () => Spread(ExpectedForward(false), Output.Width, WinogradTransform.Outputs - 1), onHostOnly: true),
            new(
                $"winograd forward relu {Shape}", m => Forward(m, true),
                () => Spread(ExpectedForward(true), Output.Width, WinogradTransform.Outputs - 1), onHostOnly: true),
            new(
                $"winograd backward data {Shape}", m => BackwardData(m, false),
                () => Spread(ExpectedBackwardData(false), Input.Width, WinogradTransform.Points - 1), onHostOnly: true),
            new(
                $"winograd backward data gated {Shape}", m => BackwardData(m, true),
                () => Spread(ExpectedBackwardData(true), Input.Width, WinogradTransform.Points - 1), onHostOnly: true),
            new(
                $"winograd backward weight {Shape}", BackwardWeight,
                () => Spread(ExpectedBackwardWeight(), Filter.Columns, WinogradTransform.Columns - 1), onHostOnly: true),
        ];

        /// <summary>Every bound becomes the largest of its row within a tile's reach.</summary>
        private static Expected[] Spread(Expected[] expected, int width, int reach)
        {
            return [.. expected.Select(e => e with
            {
                Bounds = [.. e.Bounds.Select((_, i) =>
                {
                    int row = i / width * width;
                    return e.Bounds[Math.Max(row, i - reach)..Math.Min(row + width, i + reach + 1)].Max();
                })],
            })];
        }

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            var x = memory.Upload(X, Input, 0, float.NaN);
            var y = memory.Result(Output, ImageCount);
            var winograd = new Winograd(memory, Filter, x, y);
            memory.Device.Run(winograd.TransformInput("test", x), winograd.TransformWeight("test", memory.Allocate<float>(Weight)));
            memory.Device.Run(winograd.Forward("test", memory.Allocate<float>(Bias), y, relu));
            return [memory.Read(y, ImageCount)];
        }

        private double[][] BackwardData(DeviceMemory memory, bool gated)
        {
            // Borders are poison here: gradients of padding do not exist.
            var dOutput = memory.Upload(DOutput, Output, float.NaN, float.NaN);
            var dInput = memory.Result(Input, ImageCount);
            Tensor? gate = gated ? memory.Upload(X, Input, float.NaN, float.NaN) : null;
            var winograd = new Winograd(memory, Filter, dInput, dOutput);
            memory.Device.Run(
                winograd.TransformOutputGradient("test", dOutput), winograd.TransformWeight("test", memory.Allocate<float>(Weight)));
            memory.Device.Run(winograd.BackwardData("test", gate, dInput));
            return [memory.Read(dInput, ImageCount)];
        }

        private double[][] BackwardWeight(DeviceMemory memory)
        {
            // Images that fill the last block hold what a layer makes of nothing; their gradient is zero.
            var x = memory.Upload(X, Input, 0, 3);
            var dOutput = memory.Upload(DOutput, Output, float.NaN, 0);
            var dWeight = memory.Allocate<float>(Filter.Count);
            var winograd = new Winograd(memory, Filter, x, dOutput);
            memory.Device.Run(winograd.TransformInput("test", x), winograd.TransformOutputGradient("test", dOutput));
            memory.Device.Run(winograd.BackwardWeight("test", UpdateCases.Storing(dWeight)));
            return [memory.Read(dWeight)];
        }
    }
}
