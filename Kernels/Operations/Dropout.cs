using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Dropout in training (Srivastava et al. 2014): y = x / (1 - p) for a value that is kept, else 0; each is dropped with probability p.
/// Which are follows from a hash of the step's key, the layer and the value's place, so the backward pass asks the same hash and nothing is
/// stored.
/// </summary>
/// <remarks>A key is what <see cref="Update.Rates"/> hold behind the rates of a step: an integer below 2^24.</remarks>
internal static class Dropout
{
    /// <summary>Bits of the hash that are compared with the probability.</summary>
    private const int Bits = 24;

    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(N, C, H, W): the input, or the gradient of the output.</param>
    /// <param name="drops">Which values are dropped.</param>
    /// <param name="gate">Backward: a ReLU's output, below which y is 0; null for none.</param>
    /// <param name="y">The same size; borders may differ.</param>
    public static Operation Of(ComputeDevice device, string name, Tensor x, Drops drops, Tensor? gate, Tensor y)
    {
        if (x.Shape with { Padding = y.Shape.Padding } != y.Shape || x.Blocks != y.Blocks)
            throw new ArgumentException($"{name}: the input is {x.Shape}, {x.Blocks} blocks, the output {y.Shape}, {y.Blocks} blocks");
        Require.Gate(name, gate, y);
        return Operation.OfThreads(device, name, 0, new Arguments(x, drops, gate ?? y, gate is null ? 0 : 1, y), MapQuad.Threads(y));
    }

    /// <summary>Which values are dropped in a step.</summary>
    /// <param name="probability">p, at least 0 and less than 1.</param>
    /// <param name="layer">Tells layers of a network apart.</param>
    /// <param name="rates">See <see cref="Update.Rates"/>.</param>
    /// <param name="step">[1]: the step within these.</param>
    internal readonly struct Drops(double probability, int layer, ArrayView<float> rates, ArrayView<int> step)
    {
        private readonly float _scale = (float)(1 / (1 - probability));
        private readonly int _threshold = (int)(probability * (1 << Bits)), _layer = layer;
        private readonly ArrayView<float> _rates = rates;
        private readonly ArrayView<int> _step = step;

        /// <summary>Of this step.</summary>
        public int Key => Dropout.Key(_rates[_step[0] * Update.RatesPerStep + 4], _layer);

        /// <summary>What the value at a place is multiplied by.</summary>
        public float Factor(int key, int place) => Hash(key, place) < _threshold ? 0f : _scale;
    }

    /// <summary>
    /// 24 even bits of a place: T. Mueller's "lowbias32" hash of it and the key. The place is [block][feature][16 images].
    /// </summary>
    private static int Hash(int key, int place)
    {
        uint x = (uint)place * 0x9E3779B1u ^ (uint)key;
        x ^= x >> 16;
        x *= 0x7FEB352Du;
        x ^= x >> 15;
        x *= 0x846CA68Bu;
        x ^= x >> 16;
        return (int)(x >> 32 - Bits);
    }

    private static int Key(float step, int layer) => (int)step * 31 + layer * 0x3C6EF372;

    public readonly struct Arguments(Tensor x, Drops drops, Tensor gate, int gated, Tensor y) : IBody, IThreadBody
    {
        public readonly Drops Drops = drops;
        public readonly int Gated = gated;
        public readonly Tensor X = x, Gate = gate, Y = y;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            int key = Drops.Key;
            float* factors = stackalloc float[Layout.Lanes];
            var (first, last) = Operation.Share(Y.Blocks * ys.Features, worker, workers);
            for (int item = first; item < last; item++)
            {
                int w = item % ys.Width, h = item / ys.Width % ys.Height, map = item / ys.Width / ys.Height;
                for (int lane = 0; lane < Layout.Lanes; lane++)
                    factors[lane] = Drops.Factor(key, item * Layout.Lanes + lane);
                float* x = X.Map(map) + xs.Offset(0, h, w);
                nint at = (nint)map * ys.ChannelStride + ys.Offset(0, h, w);
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                {
                    V value = V.Load(x + lane) * V.Load(factors + lane);
                    if (Gated != 0)
                        value = V.WherePositive(V.Load(Gate.Pointer + at + lane), value);
                    V.Store(value, Y.Pointer + at + lane);
                }
            }
        }

        /// <summary>A value.</summary>
        public void RunThread(int index)
        {
            var value = new MapQuad(index, Y.Shape);
            if (!value.Exists(Y))
                return;
            int key = Drops.Key, first = index * Quad.Images;
            var x = Quad.Load(X.Data, value.Offset(X.Shape));
            var y = new Quad(
                x.X * Drops.Factor(key, first), x.Y * Drops.Factor(key, first + 1), x.Z * Drops.Factor(key, first + 2),
                x.W * Drops.Factor(key, first + 3));
            int at = value.Offset(Y.Shape);
            if (Gated != 0)
                y = Quad.WhereGreater(Quad.Load(Gate.Data, at), default, y, default);
            Quad.Store(Y.Data, at, y);
        }
    }

    /// <summary>The formula over plain (N, features) arrays; the key is the step's and the layer's.</summary>
    public static double[] Reference(float[] x, int images, double probability, int layer, float step, float[]? gate)
    {
        int features = x.Length / images;
        var y = new double[x.Length];
        for (int n = 0; n < images; n++)
            for (int i = 0; i < features; i++)
            {
                int at = n * features + i, place = (n / 16 * features + i) * 16 + n % 16;
                bool dropped = Hash(Key(step, layer), place) / (double)(1 << Bits) < Math.Floor(probability * (1 << Bits)) / (1 << Bits);
                y[at] = dropped || gate?[at] <= 0 ? 0 : x[at] / (1 - probability);
            }
        return y;
    }
}
