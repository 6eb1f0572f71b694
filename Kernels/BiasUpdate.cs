using ILGPU;

namespace Kernels;

/// <summary>Gradient of a bias, db(k) = Σ_{n,p,q} dy(n, k, p, q), handed to an optimizer. Summed in a fixed order.</summary>
public static class BiasUpdate
{
    public static Operation Of(ComputeDevice device, string name, Tensor dOutput, Update update)
    {
        MaskedGemm.Require(name, "bias", update.Weight.Length, dOutput.Shape.Channels);
        return Operation.OfGroups(device, name, 0, new Arguments(dOutput, update), dOutput.Shape.Channels);
    }

    public readonly struct Arguments(Tensor dOutput, Update update) : IBody, IGroupBody
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

        public bool Adds => true;

        public float Begin(int group) => Part(this, group);

        public void Finish(int group, float sum)
        {
            if (Group.IdxX == 0)
                Update.Apply(group, sum);
        }
    }

    /// <summary>One group per bias.</summary>
    private static float Part(Arguments a, int k)
    {
        var s = a.DOutput.Shape;
        int count = a.DOutput.Blocks * s.Height * s.Width * Layout.Lanes;
        float sum = 0;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            int lane = i % Layout.Lanes, position = i / Layout.Lanes, q = position % s.Width;
            position /= s.Width;
            sum += a.DOutput.Data[position / s.Height * s.BlockStride + s.Offset(k, position % s.Height, q) + lane];
        }
        return sum;
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
