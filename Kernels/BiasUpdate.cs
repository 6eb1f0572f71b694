using ILGPU;

namespace Kernels;

/// <summary>Gradient of a bias, db(k) = Σ_{n,p,q} dy(n, k, p, q), handed to an optimizer. Summed in a fixed order.</summary>
public static class BiasUpdate
{
    public static Operation Of(ComputeDevice device, string name, Tensor dOutput, Update update)
    {
        MaskedGemm.Require(name, "bias", update.Weight.Length, dOutput.Shape.Channels);
        return Operation.OfTiles(device, name, 0, new Arguments(dOutput, update), dOutput.Shape.Channels, device.GroupSize);
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

        /// <summary>The channels [first, last), their gradients in <paramref name="dOutput"/>, whose first channel is <paramref name="origin"/>.</summary>
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

        public void Add(int tile, int thread, int threads, TileSums sums) => AddRows(this, tile, thread, threads, sums);

        public void Finish(int tile, int thread, int threads, TileSums sums)
        {
            if (thread == 0)
                Update.Apply(tile, sums.Get(0));
        }
    }

    /// <summary>One group per bias; a thread takes four images of a row of outputs at a time.</summary>
    private static void AddRows(Arguments a, int channel, int thread, int threads, TileSums sums)
    {
        var s = a.DOutput.Shape;
        int rows = a.DOutput.Blocks * s.Height * Quad.PerBlock;
        var sum = default(Quad);
        for (int row = thread; row < rows; row += threads)
        {
            int quad = row % Quad.PerBlock, p = row / Quad.PerBlock % s.Height, block = row / Quad.PerBlock / s.Height;
            int at = (block * s.BlockStride + s.Offset(channel, p, 0)) / Quad.Images + quad;
            for (int q = 0; q < s.Width; q++)
                sum += Quad.Load(a.DOutput.Data, at + q * Quad.PerBlock);
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
