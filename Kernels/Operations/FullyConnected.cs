using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Fully connected layer: y(n, k) = b(k) + Σ_c w(k, c) x(n, c), with M = images, N = output features, K = input features; ReLU fused.
/// </summary>
/// <remarks>
/// The mask lives in the weights: a pruned weight is exactly zero in memory (see <see cref="Update"/>), so forward and backward data
/// need no mask, and the weight gradient of a pruned weight is dropped where the update is made. On the CPU accelerator each sum runs in
/// the order of its formula, with a fused multiply-add where the processor has one; on a GPU see <see cref="FullyConnectedThreads"/>.
/// </remarks>
internal static class FullyConnected
{
    /// <summary>Runs of an input that is not blank that are kept on the stack, 8 bytes each.</summary>
    private const int MostRuns = 1 << 13;

    /// <summary>
    /// y = x wᵀ + b, then max(0, y) if <paramref name="relu"/>. x: (N, C), w: (K, C), on a GPU at a multiple of 16 bytes in its buffer, b:
    /// (K), y: (N, K).
    /// </summary>
    public static Operation Forward(
        ComputeDevice device, string name, Tensor x, ArrayView<float> weight, ArrayView<float> bias, Tensor y, bool relu)
    {
        Check(name, x, weight.Length, y);
        Require.Aligned(device, name, weight);
        Require.Length(name, "bias", bias.Length, y.Shape.Features);
        int k = x.Shape.Features, n = y.Shape.Features, tiles = FullyConnectedThreads.Tiles(n, x.Blocks);
        return Operation.OfTiles(
            device, name, 2.0 * n * k * x.Blocks * Layout.Lanes, new ForwardArguments(x, weight, bias, y, relu ? 1 : 0),
            tiles, Operation.ThreadsFor(tiles, k, Tuning.FullyConnectedLeastTerms, Tuning.FullyConnectedMostThreads), x.Blocks);
    }

    /// <summary>dx = dy w, then 0 where x is not positive if <paramref name="gate"/> is given (it is x, the output of a ReLU).</summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor dOutput, ArrayView<float> weight, Tensor? gate, Tensor dInput)
    {
        Check(name, dInput, weight.Length, dOutput);
        Require.Aligned(device, name, weight);
        Require.Gate(name, gate, dInput);
        int k = dInput.Shape.Features, n = dOutput.Shape.Features, tiles = FullyConnectedThreads.Tiles(k, dInput.Blocks);
        return Operation.OfTiles(
            device, name, 2.0 * n * k * dInput.Blocks * Layout.Lanes,
            new BackwardDataArguments(dOutput, weight, gate ?? dInput, dInput, gate is null ? 0 : 1),
            tiles, Operation.ThreadsFor(tiles, n, Tuning.FullyConnectedLeastTerms, Tuning.FullyConnectedMostThreads), dInput.Blocks);
    }

    /// <summary>dw(k, c) = Σ_n dy(n, k) x(n, c), handed to <paramref name="update"/>.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="dOutput">(N, K).</param>
    /// <param name="x">(N, C).</param>
    /// <param name="rows">
    /// On the CPU accelerator x as [N][pitch], see <see cref="Transpose"/>: so one vector holds 16 input features. A GPU needs none.
    /// </param>
    /// <param name="update">Over the K C weights.</param>
    public static Operation BackwardWeight(
        ComputeDevice device, string name, Tensor dOutput, Tensor x, ArrayView<float> rows, Update update)
    {
        int n = dOutput.Shape.Features, k = x.Shape.Features;
        Check(name, x, update.Weight.Length, dOutput);
        if (device.RunsOnHost)
            Require.Length(name, "transposed input", rows.Length, (long)dOutput.Blocks * Layout.Lanes * Transpose.Pitch(k));
        return Operation.OfTiles(
            device, name, 2.0 * n * k * dOutput.Blocks * Layout.Lanes, new BackwardWeightArguments(dOutput, x, rows, update),
            FullyConnectedThreads.WeightTiles(n, k), Tuning.FullyConnectedWeightThreads);
    }

    private static void Check(string name, Tensor x, long weights, Tensor y)
    {
        if (x.Shape.Padding != 0 || y.Shape.Padding != 0)
            throw new ArgumentException($"{name}: a fully connected layer takes tensors without border");
        if (x.Blocks != y.Blocks)
            throw new ArgumentException($"{name}: input has {x.Blocks} blocks of images, output {y.Blocks}");
        Require.Length(name, "weight", weights, (long)x.Shape.Features * y.Shape.Features);
    }

    public readonly struct ForwardArguments(Tensor x, ArrayView<float> weight, ArrayView<float> bias, Tensor y, int relu) : IBody, ITileBody
    {
        public readonly Tensor X = x, Y = y;
        public readonly ArrayView<float> Weight = weight, Bias = bias;
        public readonly int Relu = relu;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int k = X.Shape.Features, pairs = (X.Blocks + 1) / 2, most = Blank.MostRuns(k, Tuning.BlankGap);
            // With too many runs for the stack each pair of blocks has one, of all there is.
            bool skip = pairs * most <= MostRuns;
            Run* runs = stackalloc Run[skip ? pairs * most : 1];
            LoopNest* nests = stackalloc LoopNest[pairs];
            for (int pair = 0; pair < pairs; pair++)
            {
                float* x = X.Pointer + (nint)pair * 2 * X.Shape.BlockStride;
                nint second = 2 * pair + 1 < X.Blocks ? X.Shape.BlockStride : 0;
                nests[pair] = skip
                    ? new LoopNest(
                        runs + pair * most, Blank.Runs(x, second, Layout.Lanes, k, Tuning.BlankGap, runs + pair * most), Layout.Lanes, 1)
                    : new LoopNest(k, Layout.Lanes, 1);
            }
            var epilogue = new Epilogue(Bias.Pointer(), null, Relu != 0);
            RunTiles<V>(worker, workers, X, new(Weight.Pointer(), k), Y, nests, epilogue);
        }

        public int Sums => FullyConnectedThreads.Rows * Quad.Images;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            FullyConnectedThreads.AddForward(X, Weight, Y.Shape.Features, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            FullyConnectedThreads.FinishForward(this, tile, thread, threads, sums);
    }

    public readonly struct BackwardDataArguments(
        Tensor dOutput, ArrayView<float> weight, Tensor gate, Tensor dInput, int gated) : IBody, ITileBody
    {
        public readonly Tensor DOutput = dOutput, Gate = gate, DInput = dInput;
        public readonly ArrayView<float> Weight = weight;
        public readonly int Gated = gated;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int k = DInput.Shape.Features, n = DOutput.Shape.Features;
            var epilogue = new Epilogue(null, Gated != 0 ? Gate.Pointer : null, false);
            int pairs = (DInput.Blocks + 1) / 2;
            LoopNest* nests = stackalloc LoopNest[pairs];
            new Span<LoopNest>(nests, pairs).Fill(new LoopNest(n, Layout.Lanes, k));
            RunTiles<V>(worker, workers, DOutput, new(Weight.Pointer(), 1), DInput, nests, epilogue);
        }

        public int Sums => FullyConnectedThreads.Rows * Quad.Images;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            FullyConnectedThreads.AddBackwardData(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            FullyConnectedThreads.FinishBackwardData(this, tile, thread, threads, sums);
    }

    /// <summary>
    /// y[block][row][lane] for all rows and blocks, with a nest for each pair of blocks. A worker keeps to its own rows: so it alone
    /// touches their weights, here and in the update, and no cache line of weights travels between cores.
    /// </summary>
    private static unsafe void RunTiles<V>(
        int worker, int workers, Tensor x, TileWeights weights, Tensor y, LoopNest* nests, in Epilogue epilogue)
        where V : unmanaged, ISimd<V>
    {
        int rows = y.Shape.Features, rowTiles = (rows + Tile.Rows - 1) / Tile.Rows, pairs = (y.Blocks + 1) / 2;
        nint xBlock = x.Shape.BlockStride, yBlock = y.Shape.BlockStride;
        float* input = x.Pointer, output = y.Pointer;
        var (first, last) = Operation.Share(pairs * rowTiles, worker, workers);
        for (int item = first; item < last; item++)
        {
            int row = item / pairs * Tile.Rows, block = item % pairs * 2;
            nint offset = block * yBlock + row * Layout.Lanes;
            Tile.Compute<V>(
                Math.Min(Tile.Rows, rows - row), Math.Min(2, y.Blocks - block), new(input + block * xBlock, xBlock), weights.At(row),
                new(output + offset, yBlock, Layout.Lanes), nests[block / 2], epilogue.At(row, offset));
        }
    }

    public readonly struct BackwardWeightArguments(Tensor dOutput, Tensor x, ArrayView<float> rows, Update update) : IBody, ITileBody
    {
        public readonly Tensor DOutput = dOutput, X = x;
        public readonly ArrayView<float> Rows = rows;
        public readonly Update Update = update;

        /// <summary>Tiles of 8 output features by 32 input features; the same tile as forward, with images as the sum's extent.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            const int Columns = 2 * Layout.Lanes;
            float* gradient = stackalloc float[Tile.Rows * Columns];
            float* x = Rows.Pointer(), dy = DOutput.Pointer;
            int k = X.Shape.Features, n = DOutput.Shape.Features, pitch = Transpose.Pitch(k);
            int columnTiles = (k + Columns - 1) / Columns, rowTiles = (n + Tile.Rows - 1) / Tile.Rows;
            int blocks = DOutput.Blocks, most = blocks * Blank.MostRuns(Layout.Lanes, 0);
            bool skip = columnTiles * most <= MostRuns;
            Run* runs = stackalloc Run[skip ? columnTiles * most : 1];
            LoopNest* nests = stackalloc LoopNest[columnTiles];
            for (int tile = 0; tile < columnTiles; tile++)
                nests[tile] = skip
                    ? ImagesOf(x + tile * Columns, pitch, runs + tile * most)
                    : new LoopNest(
                        Loop.Once, new(blocks, (nint)Layout.Lanes * pitch, DOutput.Shape.BlockStride), new(Layout.Lanes, pitch, 1));
            var (first, last) = Operation.Share(rowTiles * columnTiles, worker, workers);
            for (int item = first; item < last; item++)
            {
                int row = item / columnTiles * Tile.Rows, column = item % columnTiles * Columns;
                int rows = Math.Min(Tile.Rows, n - row), columns = Math.Min(Columns, k - column);
                Tile.Compute<V>(
                    rows, 2, new(x + column, Layout.Lanes), new(dy + row * Layout.Lanes, Layout.Lanes),
                    new(gradient, Layout.Lanes, Columns), nests[item % columnTiles], default);
                for (int r = 0; r < rows; r++)
                {
                    Update.Prefetch((row + r) * k + column + columns, Columns);
                    Update.Apply<V>((row + r) * k + column, gradient + r * Columns, columns);
                }
            }
        }

        /// <summary>The images that are not blank in 32 features, block by block.</summary>
        private unsafe LoopNest ImagesOf(float* x, nint pitch, Run* runs)
        {
            int found = 0;
            for (int block = 0; block < DOutput.Blocks; block++)
            {
                int count = Blank.Runs(x + block * Layout.Lanes * pitch, Layout.Lanes, pitch, Layout.Lanes, 0, runs + found);
                for (int end = found + count; found < end; found++)
                    runs[found] = runs[found] with { First = runs[found].First + block * Layout.Lanes };
            }
            return new LoopNest(runs, found, pitch, 1, DOutput.Shape.BlockStride - Layout.Lanes);
        }

        public int Sums => FullyConnectedThreads.Rows * FullyConnectedThreads.Columns;

        public void Add(int tile, int thread, int threads, TileSums sums) =>
            FullyConnectedThreads.AddWeightGradients(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums) =>
            FullyConnectedThreads.FinishWeightGradients(this, tile, thread, threads, sums);
    }

    /// <summary>The formulas as plain loops over plain (N, C) arrays, summed in double.</summary>
    public static class Reference
    {
        public static double[] Forward(float[] x, float[] weight, float[] bias, int images, int outFeatures, bool relu)
        {
            int inFeatures = x.Length / images;
            var y = new double[images * outFeatures]; // (N, K)
            for (int i = 0; i < images; i++)
                for (int o = 0; o < outFeatures; o++)
                {
                    double sum = bias[o];
                    for (int c = 0; c < inFeatures; c++)
                        sum += (double)weight[o * inFeatures + c] * x[i * inFeatures + c];
                    y[i * outFeatures + o] = relu ? Math.Max(0, sum) : sum;
                }
            return y;
        }

        public static double[] BackwardData(float[] dOutput, float[] weight, float[]? gate, int images, int inFeatures)
        {
            int outFeatures = dOutput.Length / images;
            var dx = new double[images * inFeatures]; // (N, C)
            for (int i = 0; i < images; i++)
                for (int c = 0; c < inFeatures; c++)
                {
                    double sum = 0;
                    for (int o = 0; o < outFeatures; o++)
                        sum += (double)dOutput[i * outFeatures + o] * weight[o * inFeatures + c];
                    dx[i * inFeatures + c] = gate is null || gate[i * inFeatures + c] > 0 ? sum : 0;
                }
            return dx;
        }

        public static double[] BackwardWeight(float[] dOutput, float[] x, int images)
        {
            int outFeatures = dOutput.Length / images, inFeatures = x.Length / images;
            var dw = new double[outFeatures * inFeatures]; // (K, C)
            for (int o = 0; o < outFeatures; o++)
                for (int c = 0; c < inFeatures; c++)
                    for (int i = 0; i < images; i++)
                        dw[o * inFeatures + c] += (double)dOutput[i * outFeatures + o] * x[i * inFeatures + c];
            return dw;
        }
    }
}
