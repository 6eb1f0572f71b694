using ILGPU;

namespace Secateurs.Kernels;

/// <summary>What <see cref="FullyConnected"/> is on a GPU.</summary>
internal static class FullyConnectedThreads
{
    /// <summary>Outputs of a tile: of 4 images forward and backward, of <see cref="Columns"/> inputs in a weight gradient.</summary>
    public const int Rows = 4;

    /// <summary>Inputs of a tile of weight gradients.</summary>
    public const int Columns = 4;

    /// <summary>Terms that a thread adds at once: 4 loads of inputs and 4 of weights for 64 products.</summary>
    private const int TermsAtOnce = 4;

    /// <summary>
    /// Tiles of weight gradients come in patches of 4 by 8. The outputs of a tile lie 4 apart, its inputs 8, and in between are those of
    /// the patch's other tiles: what neighbouring threads load and update lies side by side.
    /// </summary>
    private const int PatchRows = 4, PatchColumns = 8;

    /// <summary>Tiles of <paramref name="rows"/> sums for each image.</summary>
    public static int Tiles(int rows, int blocks) => Operation.Parts(rows, Rows) * blocks * Quad.PerBlock;

    /// <summary>Tiles of a weight gradient.</summary>
    public static int WeightTiles(int outputs, int inputs) =>
        Operation.Parts(outputs, Rows * PatchRows) * Operation.Parts(inputs, Columns * PatchColumns) * PatchRows * PatchColumns;

    /// <summary>Sums of 4 outputs for 4 images, Σ_c w(output, c) x(c, image).</summary>
    /// <remarks>Outputs past the end repeat the last one: the loop has no branch, and what they give is not kept.</remarks>
    public static void AddForward(Tensor x, ArrayView<float> weight, int rows, int tile, int thread, int threads, TileSums sums)
    {
        int terms = x.Shape.Features, last = rows - 1;
        var (block, row, quad) = Place(tile, rows);
        int at = block * terms * Quad.PerBlock + quad;
        Strip sum = default;
        if (terms % Quad.Images == 0)
        {
            // Four terms at once, whose weights are a quad. All that moves is counted on, see TileSums.Still.
            int left = terms / Quad.Images - thread, xStep = threads * Quad.Images * Quad.PerBlock;
            at += thread * Quad.Images * Quad.PerBlock;
            var w = FourPlaces.Rows(row, 1, last, terms / Quad.Images) + thread;
            for (; left > 0; left -= threads)
            {
                Strip some = Strip.Load(x.Data, at), v = w.LoadQuads(weight);
                sum = new(
                    Strip.Sum(v.A, some, sum.A), Strip.Sum(v.B, some, sum.B), Strip.Sum(v.C, some, sum.C), Strip.Sum(v.D, some, sum.D));
                at += xStep;
                w += threads;
            }
        }
        else
        {
            var w = FourPlaces.Rows(row, 1, last, terms);
            for (int c = thread; c < terms; c += threads)
                sum = Strip.Outer((w + c).Load(weight), Quad.Load(x.Data, at + c * Quad.PerBlock), sum);
        }
        sum.Set(sums, 0);
    }

    /// <summary>Sums of 4 inputs for 4 images, Σ_k w(k, input) dy(k, image).</summary>
    public static void AddBackwardData(FullyConnected.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        int inputs = a.DInput.Shape.Features, terms = a.DOutput.Shape.Features, last = inputs - 1;
        var (block, input, quad) = Place(tile, inputs);
        Strip sum = default;
        if (inputs % Quad.Images == 0)
        {
            // Four terms at once, then one each of those that are left.
            int whole = terms / TermsAtOnce, row = inputs / Quad.Images, some = threads * TermsAtOnce;
            int at = (block * terms + thread * TermsAtOnce) * Quad.PerBlock + quad, step = some * Quad.PerBlock;
            var w = new FourPlaces(0, row, 2 * row, 3 * row) + (thread * TermsAtOnce * row + input / Quad.Images);
            for (int left = whole - thread; left > 0; left -= threads)
            {
                Strip x = Strip.Load(a.DOutput.Data, at), v = w.LoadQuads(a.Weight);
                sum = new(
                    Strip.Sum(new(v.A.X, v.B.X, v.C.X, v.D.X), x, sum.A), Strip.Sum(new(v.A.Y, v.B.Y, v.C.Y, v.D.Y), x, sum.B),
                    Strip.Sum(new(v.A.Z, v.B.Z, v.C.Z, v.D.Z), x, sum.C), Strip.Sum(new(v.A.W, v.B.W, v.C.W, v.D.W), x, sum.D));
                at += step;
                w += some * row;
            }
            for (int k = whole * TermsAtOnce + thread; k < terms; k += threads)
                sum = Strip.Outer(
                    Quad.Load(a.Weight, k * row + input / Quad.Images),
                    Quad.Load(a.DOutput.Data, (block * terms + k) * Quad.PerBlock + quad), sum);
        }
        else
        {
            var w = FourPlaces.Rows(input, 1, last, 1);
            for (int k = thread; k < terms; k += threads)
                sum = Strip.Outer(
                    (w + k * inputs).Load(a.Weight), Quad.Load(a.DOutput.Data, (block * terms + k) * Quad.PerBlock + quad), sum);
        }
        sum.Set(sums, 0);
    }

    public static void FinishForward(FullyConnected.ForwardArguments a, int tile, int thread, int threads, TileSums sums)
    {
        int rows = a.Y.Shape.Features;
        var (block, row, quad) = Place(tile, rows);
        int at = (block * rows + row) * Layout.Lanes + quad * Quad.Images, count = IntrinsicMath.Min(Rows, rows - row) * Quad.Images;
        int sum = thread;
        for (int left = count - thread; left > 0; left -= threads)
        {
            float value = sums.Get(sum) + a.Bias[row + sum / Quad.Images];
            a.Y.Data[at + sum / Quad.Images * Layout.Lanes + sum % Quad.Images] = a.Relu != 0 && value < 0f ? 0f : value;
            sum += threads;
        }
    }

    public static void FinishBackwardData(FullyConnected.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        int rows = a.DInput.Shape.Features;
        var (block, row, quad) = Place(tile, rows);
        int at = (block * rows + row) * Layout.Lanes + quad * Quad.Images, count = IntrinsicMath.Min(Rows, rows - row) * Quad.Images;
        int sum = thread;
        for (int left = count - thread; left > 0; left -= threads)
        {
            int index = at + sum / Quad.Images * Layout.Lanes + sum % Quad.Images;
            a.DInput.Data[index] = a.Gated != 0 && !(a.Gate.Data[index] > 0f) ? 0f : sums.Get(sum);
            sum += threads;
        }
    }

    private static (int Block, int Row, int Quad) Place(int tile, int rows)
    {
        var (block, row) = Operation.Divide(tile / Quad.PerBlock, Operation.Parts(rows, Rows));
        return (block, row * Rows, tile % Quad.PerBlock);
    }

    /// <summary>A tile is 4 outputs by 4 inputs, its terms are 4 images each: 8 loads of four for 64 products.</summary>
    public static void AddWeightGradients(FullyConnected.BackwardWeightArguments a, int tile, int thread, int threads, TileSums sums)
    {
        int n = a.DOutput.Shape.Features, k = a.X.Shape.Features;
        var (row, column) = WeightPlace(tile, k);
        // A thread keeps to its quad of images in block after block.
        int first = thread / Quad.PerBlock, quad = thread % Quad.PerBlock, blocks = threads / Quad.PerBlock;
        var x = FourPlaces.Rows(column, PatchColumns, k - 1, Quad.PerBlock) + (first * Quad.PerBlock * k + quad);
        var y = FourPlaces.Rows(row, PatchRows, n - 1, Quad.PerBlock) + (first * Quad.PerBlock * n + quad);
        int xStep = blocks * Quad.PerBlock * k, yStep = blocks * Quad.PerBlock * n;
        Strip sum = default;
        for (int left = a.X.Blocks - first; left > 0; left -= blocks)
        {
            var v = x.LoadQuads(a.X.Data);
            sum = new(
                Strip.Dots(Quad.Load(a.DOutput.Data, y.A), v, sum.A), Strip.Dots(Quad.Load(a.DOutput.Data, y.B), v, sum.B),
                Strip.Dots(Quad.Load(a.DOutput.Data, y.C), v, sum.C), Strip.Dots(Quad.Load(a.DOutput.Data, y.D), v, sum.D));
            x += xStep;
            y += yStep;
        }
        sum.Set(sums, 0);
    }

    public static void FinishWeightGradients(FullyConnected.BackwardWeightArguments a, int tile, int thread, int threads, TileSums sums)
    {
        int n = a.DOutput.Shape.Features, k = a.X.Shape.Features;
        var (row, column) = WeightPlace(tile, k);
        // A thread keeps to its input.
        int input = column + thread % Columns * PatchColumns, output = row + thread / Columns * PatchRows;
        int step = threads / Columns * PatchRows;
        if (input >= k)
            return;
        for (int sum = thread, index = output * k + input; sum < Rows * Columns && output < n; sum += threads)
        {
            a.Update.Apply(index, sums.Get(sum));
            output += step;
            index += step * k;
        }
    }

    /// <summary>First output and input of a tile.</summary>
    private static (int Row, int Column) WeightPlace(int tile, int inputs)
    {
        int column = tile % PatchColumns, row = tile / PatchColumns % PatchRows;
        var (patchRow, patchColumn) = Operation.Divide(tile / (PatchColumns * PatchRows), Operation.Parts(inputs, Columns * PatchColumns));
        return (patchRow * Rows * PatchRows + row, patchColumn * Columns * PatchColumns + column);
    }
}
