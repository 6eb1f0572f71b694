namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Convolutions of 3x3 by minimal filtering in both directions, against the plain ones. Outputs of a tile share their products and so
/// their rounding errors: the bound of each is the largest bound of a direct sum within a tile's reach. Shapes: sides that are no multiple
/// of a tile of 4x4 outputs, every padding, a border that is wider than it, odd numbers of blocks and of tiles, filters and channels around
/// the 8 rows of a <see cref="Tile"/>, the 16 and 32 that lie across lanes, and the 128 filters of a unit of work.
/// </summary>
internal static class SquareWinogradCases
{
    private static readonly (int Images, int Height, int Width, int Padding, FilterShape Filter)[] Shapes =
    [
        (3, 6, 6, 0, new(8, 8, 3, 3)), (17, 7, 9, 1, new(9, 17, 3, 3)), (50, 4, 4, 1, new(33, 10, 3, 3)), (33, 12, 5, 2, new(16, 8, 3, 3)),
        (5, 9, 8, 2, new(11, 16, 3, 3, Inset: 1)), (64, 8, 16, 1, new(8, 25, 3, 3)), (100, 3, 3, 1, new(20, 18, 3, 3)),
        (2, 31, 10, 1, new(15, 9, 3, 3)), (37, 6, 9, 1, new(131, 8, 3, 3)), (5, 6, 6, 1, new(8, 41, 3, 3)),
        (3, 5, 7, 1, new(10, 65, 3, 3)),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new Layer(s.Images, s.Height, s.Width, s.Padding, s.Filter).Cases());

    private sealed class Layer(int images, int height, int width, int padding, FilterShape filter)
        : ConvolutionLayer(images, height, width, padding, filter)
    {
        public IEnumerable<SelfTestCase> Cases()
        {
            const int Outputs = SquareWinogradTransform.Outputs;
            foreach (bool relu in (bool[])[false, true])
                yield return new(
                    $"square winograd forward{(relu ? " relu" : "")} {Shape}", m => Forward(m, relu),
                    () => Spread(ExpectedForward(relu), Output.Height, Output.Width, Outputs - 1), onHostOnly: true);
            foreach (bool gated in (bool[])[false, true])
                yield return new(
                    $"square winograd backward data{(gated ? " gated" : "")} {Shape}", m => BackwardData(m, gated),
                    () => Spread(ExpectedBackwardData(gated), Input.Height, Input.Width, Outputs - 1), onHostOnly: true);
            yield return new(
                $"square winograd backward weight {Shape}", BackwardWeight,
                () => Spread(ExpectedBackwardWeight(), Filter.Rows, Filter.Columns, Filter.Rows), onHostOnly: true);
        }

        /// <summary>Every bound becomes the largest of its map within a reach.</summary>
        private static Expected[] Spread(Expected[] expected, int height, int width, int reach) => [.. expected.Select(e => e with
        {
            Bounds = [.. e.Bounds.Select((_, i) =>
            {
                int map = i / (height * width) * height * width, row = i % (height * width) / width, column = i % width;
                double most = 0;
                for (int h = Math.Max(0, row - reach); h < Math.Min(height, row + reach + 1); h++)
                    for (int w = Math.Max(0, column - reach); w < Math.Min(width, column + reach + 1); w++)
                        most = Math.Max(most, e.Bounds[map + h * width + w]);
                return most;
            })],
        })];

        private double[][] Forward(DeviceMemory memory, bool relu)
        {
            // Borders are poison throughout: what is padding is known, not read.
            var x = memory.Upload(X, Input, float.NaN, float.NaN);
            var y = memory.Result(Output, ImageCount);
            var square = new SquareWinograd(memory, new(memory, memory.Device.Workers), Filter, x, y);
            memory.Device.Run(square.TransformWeight("test", memory.Allocate<float>(Weight)));
            memory.Device.Run(square.Forward("test", x, memory.Allocate<float>(Bias), y, relu));
            return [memory.Read(y, ImageCount)];
        }

        private double[][] BackwardData(DeviceMemory memory, bool gated)
        {
            var dOutput = memory.Upload(DOutput, Output, float.NaN, float.NaN);
            var dInput = memory.Result(Input, ImageCount);
            Tensor? gate = gated ? memory.Upload(X, Input, float.NaN, float.NaN) : null;
            var square = new SquareWinograd(memory, new(memory, memory.Device.Workers), Filter, dInput, dOutput);
            memory.Device.Run(square.TransformTurnedWeight("test", memory.Allocate<float>(Weight)));
            memory.Device.Run(square.BackwardData("test", dOutput, gate, dInput));
            return [memory.Read(dInput, ImageCount)];
        }

        private double[][] BackwardWeight(DeviceMemory memory)
        {
            // Images that fill the last block hold what a layer makes of nothing; their gradient is zero.
            var x = memory.Upload(X, Input, float.NaN, 3);
            var dOutput = memory.Upload(DOutput, Output, float.NaN, 0);
            var dWeight = memory.Allocate<float>(Filter.Count);
            var square = new SquareWinograd(memory, new(memory, memory.Device.Workers), Filter, x, dOutput);
            foreach (var operation in square.BackwardWeight("test", x, dOutput, UpdateCases.Storing(dWeight)))
                memory.Device.Run(operation);
            return [memory.Read(dWeight)];
        }
    }
}
