using ILGPU;

namespace Secateurs.Kernels;

/// <summary>Gradient of a bias, db(k) = Σ_{n,p,q} dy(n, k, p, q), handed to an optimizer. Summed in a fixed order.</summary>
internal static class BiasUpdate
{
    /// <summary>Operations to run one after the other.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="dOutput">(N, K, P, Q).</param>
    /// <param name="update">Over the biases.</param>
    /// <param name="parts">See <see cref="Parts"/>.</param>
    public static Operation[] Of(ComputeDevice device, string name, Tensor dOutput, Update update, GradientParts? parts)
    {
        Require.Length(name, "bias", update.Weight.Length, dOutput.Shape.Channels);
        return parts is null
            ? [Operation.OfTiles(device, name, 0, new Arguments(dOutput, update), dOutput.Shape.Channels, Tuning.BiasThreads)]
            : parts.Stages(device, name, 0, new PartArguments(dOutput, parts.Sums, parts.Count), update);
    }

    /// <summary>What it needs on a GPU where outputs have several positions; else null.</summary>
    public static GradientParts? Parts(DeviceMemory memory, Tensor dOutput)
    {
        ArgumentNullException.ThrowIfNull(memory);
        int channels = dOutput.Shape.Channels;
        return memory.Device.RunsOnHost || dOutput.Shape.Features == channels
            ? null
            : new GradientParts(memory, channels, channels, Rows(dOutput));
    }

    public readonly struct Arguments(Tensor dOutput, Update update) : IBody, ITileBody
    {
        public readonly Tensor DOutput = dOutput;
        public readonly Update Update = update;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(DOutput.Shape.Channels, worker, workers);
            Channels<V>(DOutput, 0, first, last);
        }

        /// <summary>
        /// The channels [first, last), their gradients in <paramref name="dOutput"/>, whose first channel is <paramref name="origin"/>.
        /// </summary>
        internal unsafe void Channels<V>(Tensor dOutput, int origin, int first, int last) where V : unmanaged, ISimd<V>
        {
            var s = dOutput.Shape;
            float* dy = dOutput.Pointer, lanes = stackalloc float[Layout.Lanes], gradient = stackalloc float[Layout.Lanes];
            for (int k = first, n = 0; k < last; k++)
            {
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                {
                    V sum = V.Zero, odd = V.Zero;
                    for (int block = 0; block < dOutput.Blocks; block++)
                        for (int p = 0; p < s.Height; p++)
                        {
                            var row = dy + (nint)block * s.BlockStride + s.Offset(k - origin, p, 0) + lane;
                            int q = 0;
                            for (; q + 1 < s.Width; q += 2)
                            {
                                sum += V.Load(row + q * Layout.Lanes);
                                odd += V.Load(row + (q + 1) * Layout.Lanes);
                            }
                            if (q < s.Width)
                                sum += V.Load(row + q * Layout.Lanes);
                        }
                    V.Store(sum + odd, lanes + lane);
                }
                gradient[n++] = TapTile.AddLanes(lanes);
                if (n < Layout.Lanes && k + 1 < last)
                    continue;
                Update.Apply<V>(k + 1 - n, gradient, n);
                n = 0;
            }
        }

        public int Sums => 1;

        public void Add(int tile, int thread, int threads, TileSums sums) => AddRows(DOutput, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums)
        {
            if (thread == 0)
                Update.Apply(tile, sums.Get(0));
        }
    }

    public readonly struct PartArguments(Tensor dOutput, ArrayView<float> partSums, int parts) : ITileBody
    {
        public readonly Tensor DOutput = dOutput;

        /// <summary>[part][bias]; so are the tiles.</summary>
        public readonly ArrayView<float> PartSums = partSums;
        public readonly int Parts = parts;

        public int Sums => 1;

        public void Add(int tile, int thread, int threads, TileSums sums)
        {
            var (part, channel) = Operation.Divide(tile, DOutput.Shape.Channels);
            AddRows(DOutput, channel, part * threads + thread, Parts * threads, sums);
        }

        public void Finish(int tile, int thread, int threads, TileSums sums)
        {
            if (thread == 0)
                PartSums[tile] = sums.Get(0);
        }
    }

    /// <summary>Rows of outputs of four images each.</summary>
    private static int Rows(Tensor dOutput) => dOutput.Blocks * dOutput.Shape.Height * Quad.PerBlock;

    /// <summary>Every <paramref name="step"/>-th row of a channel; of a row four loads are under way at a time.</summary>
    private static void AddRows(Tensor dOutput, int channel, int first, int step, TileSums sums)
    {
        var s = dOutput.Shape;
        int rows = Rows(dOutput);
        var sum = default(Quad);
        for (int row = first; row < rows; row += step)
        {
            var (place, quad) = Operation.Divide(row, Quad.PerBlock);
            var (block, p) = Operation.Divide(place, s.Height);
            int at = (block * s.BlockStride + s.Offset(channel, p, 0)) / Quad.Images + quad;
            int q = 0;
            for (; q + 4 <= s.Width; q += 4, at += 4 * Quad.PerBlock)
            {
                var next = Quad.View(dOutput.Data, at);
                sum += next[0] + next[Quad.PerBlock] + (next[2 * Quad.PerBlock] + next[3 * Quad.PerBlock]);
            }
            for (; q < s.Width; q++, at += Quad.PerBlock)
                sum += Quad.Load(dOutput.Data, at);
        }
        sums.Set(0, sum.Sum);
    }

    /// <summary>Plain loop over (N, K, P Q), summed in double.</summary>
    public static double[] Reference(float[] dOutput, int images, int channels)
    {
        int positions = dOutput.Length / images / channels;
        var db = new double[channels]; // (K)
        for (int i = 0; i < dOutput.Length; i++)
            db[i / positions % channels] += dOutput[i];
        return db;
    }
}
