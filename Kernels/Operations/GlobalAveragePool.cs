namespace Secateurs.Kernels;

/// <summary>Global average pooling: y(n, c) = Σ_{h,w} x(n, c, h, w) / (H W).</summary>
internal static class GlobalAveragePool
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="y">(N, C, 1, 1).</param>
    public static Operation Forward(ComputeDevice device, string name, Tensor x, Tensor y)
    {
        Check(name, x, y);
        return Operation.OfThreads(
            device, name, 0, new ForwardArguments(x, Share(x), y), (long)y.Blocks * y.Shape.Channels * Quad.PerBlock);
    }

    /// <summary>dx is dy / (H W); with <paramref name="relu"/> (x is a ReLU's output) 0 where x is 0.</summary>
    public static Operation BackwardData(ComputeDevice device, string name, Tensor x, Tensor dOutput, bool relu, Tensor dInput)
    {
        Check(name, x, dOutput);
        Require.Like(name, "gradient of the input", dInput, x);
        return Operation.OfThreads(
            device, name, 0, new BackwardArguments(x, Share(x), dOutput, relu ? 1 : 0, dInput),
            (long)x.Blocks * x.Shape.Features * Quad.PerBlock);
    }

    private static float Share(Tensor x) => 1f / (x.Shape.Height * x.Shape.Width);

    private static void Check(string name, Tensor x, Tensor y)
    {
        if (y.Shape with { Padding = 0 } != TensorShape.Vector(x.Shape.Channels) || x.Blocks != y.Blocks)
            throw new ArgumentException($"{name}: the mean of {x.Shape}, {x.Blocks} blocks, is no {y.Shape}, {y.Blocks} blocks");
    }

    public readonly struct ForwardArguments(Tensor x, float share, Tensor y) : IBody, IThreadBody
    {
        public readonly float Share = share;
        public readonly Tensor X = x, Y = y;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(Y.Blocks * ys.Channels, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / ys.Channels, c = item % ys.Channels;
                float* x = X.Pointer + (nint)block * xs.BlockStride, y = Y.Pointer + (nint)block * ys.BlockStride;
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                {
                    V sum = V.Zero;
                    for (int h = 0; h < xs.Height; h++)
                        for (int w = 0; w < xs.Width; w++)
                            sum += V.Load(x + xs.Offset(c, h, w) + lane);
                    V.Store(sum * share, y + ys.Offset(c, 0, 0) + lane);
                }
            }
        }

        /// <summary>A quad of images of one channel.</summary>
        public void RunThread(int index)
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            var (map, quad) = Operation.Divide(index, Quad.PerBlock);
            if (map >= Y.Blocks * ys.Channels)
                return;
            Quad sum = default;
            for (int h = 0; h < xs.Height; h++)
                for (int w = 0; w < xs.Width; w++)
                    sum += Quad.Load(X.Data, xs.Offset(map, h, w) / Quad.Images + quad);
            Quad.Store(
                Y.Data, ys.Offset(map, 0, 0) / Quad.Images + quad, Quad.MultiplyAdd(Share, sum, default));
        }
    }

    public readonly struct BackwardArguments(Tensor x, float share, Tensor dOutput, int relu, Tensor dInput) : IBody, IThreadBody
    {
        public readonly float Share = share;
        public readonly int Relu = relu;
        public readonly Tensor X = x, DOutput = dOutput, DInput = dInput;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(X.Blocks * xs.Channels, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / xs.Channels, c = item % xs.Channels;
                float* x = X.Pointer + (nint)block * xs.BlockStride, dx = DInput.Pointer + (nint)block * xs.BlockStride;
                float* dy = DOutput.Pointer + (nint)block * ys.BlockStride + ys.Offset(c, 0, 0);
                for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                {
                    V value = V.Load(dy + lane) * share;
                    for (int h = 0; h < xs.Height; h++)
                        for (int w = 0; w < xs.Width; w++)
                        {
                            int at = xs.Offset(c, h, w) + lane;
                            V.Store(Relu != 0 ? V.WherePositive(V.Load(x + at), value) : value, dx + at);
                        }
                }
            }
        }

        /// <summary>A quad of images of one input.</summary>
        public void RunThread(int index)
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var (place, quad) = Operation.Divide(index, Quad.PerBlock);
            var (row, w) = Operation.Divide(place, xs.Width);
            var (map, h) = Operation.Divide(row, xs.Height);
            if (map >= X.Blocks * xs.Channels)
                return;
            int at = xs.Offset(map, h, w) / Quad.Images + quad;
            var value = Quad.MultiplyAdd(
                Share, Quad.Load(DOutput.Data, ys.Offset(map, 0, 0) / Quad.Images + quad), default);
            if (Relu != 0)
                value = Quad.WhereGreater(Quad.Load(X.Data, at), default, value, default);
            Quad.Store(DInput.Data, at, value);
        }
    }

    /// <summary>Plain loops over (N C, H W) arrays.</summary>
    public static class Reference
    {
        public static double[] Forward(float[] x, int maps)
        {
            int pixels = x.Length / maps;
            return [.. Enumerable.Range(0, maps).Select(m => x.Skip(m * pixels).Take(pixels).Sum(v => (double)v) / pixels)]; // (N C)
        }

        public static double[] BackwardData(float[] x, float[] dOutput, bool relu)
        {
            int pixels = x.Length / dOutput.Length;
            return [.. x.Select((v, i) => !relu || v > 0 ? (double)dOutput[i / pixels] / pixels : 0)]; // (N C, H W)
        }
    }
}
