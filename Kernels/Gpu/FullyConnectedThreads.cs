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
        int w0 = row * terms, w1 = IntrinsicMath.Min(row + 1, last) * terms;
        int w2 = IntrinsicMath.Min(row + 2, last) * terms, w3 = IntrinsicMath.Min(row + 3, last) * terms;
        int at = block * terms * Quad.PerBlock + quad;
        Quad s0 = default, s1 = default, s2 = default, s3 = default;
        if (terms % Quad.Images == 0)
        {
            // Four terms at once, whose weights are a quad. All that moves is counted on, see TileSums.Still.
            int left = terms / Quad.Images - thread, xStep = threads * Quad.Images * Quad.PerBlock;
            at += thread * Quad.Images * Quad.PerBlock;
            w0 = w0 / Quad.Images + thread;
            w1 = w1 / Quad.Images + thread;
            w2 = w2 / Quad.Images + thread;
            w3 = w3 / Quad.Images + thread;
            for (; left > 0; left -= threads)
            {
                var quads = Quad.View(x.Data, at);
                Quad x0 = quads[0], x1 = quads[Quad.PerBlock], x2 = quads[2 * Quad.PerBlock], x3 = quads[3 * Quad.PerBlock];
                Quad v0 = Quad.Load(weight, w0), v1 = Quad.Load(weight, w1), v2 = Quad.Load(weight, w2), v3 = Quad.Load(weight, w3);
                s0 = MultiplyAdd(v0.X, v0.Y, v0.Z, v0.W, x0, x1, x2, x3, s0);
                s1 = MultiplyAdd(v1.X, v1.Y, v1.Z, v1.W, x0, x1, x2, x3, s1);
                s2 = MultiplyAdd(v2.X, v2.Y, v2.Z, v2.W, x0, x1, x2, x3, s2);
                s3 = MultiplyAdd(v3.X, v3.Y, v3.Z, v3.W, x0, x1, x2, x3, s3);
                at += xStep;
                w0 += threads;
                w1 += threads;
                w2 += threads;
                w3 += threads;
            }
        }
        else
        {
            for (int c = thread; c < terms; c += threads)
            {
                var v = Quad.Load(x.Data, at + c * Quad.PerBlock);
                s0 = Quad.MultiplyAdd(weight[w0 + c], v, s0);
                s1 = Quad.MultiplyAdd(weight[w1 + c], v, s1);
                s2 = Quad.MultiplyAdd(weight[w2 + c], v, s2);
                s3 = Quad.MultiplyAdd(weight[w3 + c], v, s3);
            }
        }
        Set(sums, s0, s1, s2, s3);
    }

    /// <summary>Sums of 4 inputs for 4 images, Σ_k w(k, input) dy(k, image).</summary>
    public static void AddBackwardData(FullyConnected.BackwardDataArguments a, int tile, int thread, int threads, TileSums sums)
    {
        int inputs = a.DInput.Shape.Features, terms = a.DOutput.Shape.Features, last = inputs - 1;
        var (block, input, quad) = Place(tile, inputs);
        Quad s0 = default, s1 = default, s2 = default, s3 = default;
        if (inputs % Quad.Images == 0)
        {
            // Four terms at once, then one each of those that are left.
            int whole = terms / TermsAtOnce, row = inputs / Quad.Images, some = threads * TermsAtOnce;
            int at = (block * terms + thread * TermsAtOnce) * Quad.PerBlock + quad, step = some * Quad.PerBlock;
            int w0 = thread * TermsAtOnce * row + input / Quad.Images, w1 = w0 + row, w2 = w1 + row, w3 = w2 + row, wStep = some * row;
            for (int left = whole - thread; left > 0; left -= threads)
            {
                var quads = Quad.View(a.DOutput.Data, at);
                Quad x0 = quads[0], x1 = quads[Quad.PerBlock], x2 = quads[2 * Quad.PerBlock], x3 = quads[3 * Quad.PerBlock];
                Quad v0 = Quad.Load(a.Weight, w0), v1 = Quad.Load(a.Weight, w1), v2 = Quad.Load(a.Weight, w2), v3 = Quad.Load(a.Weight, w3);
                s0 = MultiplyAdd(v0.X, v1.X, v2.X, v3.X, x0, x1, x2, x3, s0);
                s1 = MultiplyAdd(v0.Y, v1.Y, v2.Y, v3.Y, x0, x1, x2, x3, s1);
                s2 = MultiplyAdd(v0.Z, v1.Z, v2.Z, v3.Z, x0, x1, x2, x3, s2);
                s3 = MultiplyAdd(v0.W, v1.W, v2.W, v3.W, x0, x1, x2, x3, s3);
                at += step;
                w0 += wStep;
                w1 += wStep;
                w2 += wStep;
                w3 += wStep;
            }
            for (int k = whole * TermsAtOnce + thread; k < terms; k += threads)
            {
                Quad x = Quad.Load(a.DOutput.Data, (block * terms + k) * Quad.PerBlock + quad);
                Quad v = Quad.Load(a.Weight, k * row + input / Quad.Images);
                s0 = Quad.MultiplyAdd(v.X, x, s0);
                s1 = Quad.MultiplyAdd(v.Y, x, s1);
                s2 = Quad.MultiplyAdd(v.Z, x, s2);
                s3 = Quad.MultiplyAdd(v.W, x, s3);
            }
        }
        else
        {
            // Inputs past the end repeat the last one.
            for (int k = thread; k < terms; k += threads)
            {
                int w = k * inputs;
                var x = Quad.Load(a.DOutput.Data, (block * terms + k) * Quad.PerBlock + quad);
                s0 = Quad.MultiplyAdd(a.Weight[w + input], x, s0);
                s1 = Quad.MultiplyAdd(a.Weight[w + IntrinsicMath.Min(input + 1, last)], x, s1);
                s2 = Quad.MultiplyAdd(a.Weight[w + IntrinsicMath.Min(input + 2, last)], x, s2);
                s3 = Quad.MultiplyAdd(a.Weight[w + IntrinsicMath.Min(input + 3, last)], x, s3);
            }
        }
        Set(sums, s0, s1, s2, s3);
    }

    /// <summary>sum + a A + b B + c C + d D.</summary>
    private static Quad MultiplyAdd(float a, float b, float c, float d, Quad x0, Quad x1, Quad x2, Quad x3, Quad sum) =>
        Quad.MultiplyAdd(d, x3, Quad.MultiplyAdd(c, x2, Quad.MultiplyAdd(b, x1, Quad.MultiplyAdd(a, x0, sum))));

    private static void Set(TileSums sums, Quad s0, Quad s1, Quad s2, Quad s3)
    {
        sums.Set(0, s0);
        sums.Set(4, s1);
        sums.Set(8, s2);
        sums.Set(12, s3);
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
        int y0 = Place(row, 0, PatchRows, n), y1 = Place(row, 1, PatchRows, n);
        int y2 = Place(row, 2, PatchRows, n), y3 = Place(row, 3, PatchRows, n);
        int x0 = Place(column, 0, PatchColumns, k), x1 = Place(column, 1, PatchColumns, k);
        int x2 = Place(column, 2, PatchColumns, k), x3 = Place(column, 3, PatchColumns, k);
        float a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
        float c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
        // A thread keeps to its quad of images in block after block.
        int first = thread / Quad.PerBlock, quad = thread % Quad.PerBlock, blocks = threads / Quad.PerBlock;
        int x = first * Quad.PerBlock * k + quad, y = first * Quad.PerBlock * n + quad;
        int xStep = blocks * Quad.PerBlock * k, yStep = blocks * Quad.PerBlock * n;
        x0 += x;
        x1 += x;
        x2 += x;
        x3 += x;
        y0 += y;
        y1 += y;
        y2 += y;
        y3 += y;
        for (int left = a.X.Blocks - first; left > 0; left -= blocks)
        {
            Quad v0 = Quad.Load(a.X.Data, x0), v1 = Quad.Load(a.X.Data, x1), v2 = Quad.Load(a.X.Data, x2), v3 = Quad.Load(a.X.Data, x3);
            var g = Quad.Load(a.DOutput.Data, y0);
            a0 = Quad.Dot(g, v0, a0);
            a1 = Quad.Dot(g, v1, a1);
            a2 = Quad.Dot(g, v2, a2);
            a3 = Quad.Dot(g, v3, a3);
            g = Quad.Load(a.DOutput.Data, y1);
            b0 = Quad.Dot(g, v0, b0);
            b1 = Quad.Dot(g, v1, b1);
            b2 = Quad.Dot(g, v2, b2);
            b3 = Quad.Dot(g, v3, b3);
            g = Quad.Load(a.DOutput.Data, y2);
            c0 = Quad.Dot(g, v0, c0);
            c1 = Quad.Dot(g, v1, c1);
            c2 = Quad.Dot(g, v2, c2);
            c3 = Quad.Dot(g, v3, c3);
            g = Quad.Load(a.DOutput.Data, y3);
            d0 = Quad.Dot(g, v0, d0);
            d1 = Quad.Dot(g, v1, d1);
            d2 = Quad.Dot(g, v2, d2);
            d3 = Quad.Dot(g, v3, d3);
            x0 += xStep;
            x1 += xStep;
            x2 += xStep;
            x3 += xStep;
            y0 += yStep;
            y1 += yStep;
            y2 += yStep;
            y3 += yStep;
        }
        Set(sums, new Quad(a0, a1, a2, a3), new Quad(b0, b1, b2, b3), new Quad(c0, c1, c2, c3), new Quad(d0, d1, d2, d3));
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

    /// <summary>The quad where a tile's input or output number <paramref name="i"/> begins; past the end the last one.</summary>
    private static int Place(int first, int i, int distance, int count) =>
        IntrinsicMath.Min(first + i * distance, count - 1) * Quad.PerBlock;
}
