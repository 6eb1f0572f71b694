namespace Secateurs.Kernels;

/// <summary>
/// Average pooling over windows of size x size with stride = size: y(c, p, q) = the window's sum / size². Rows and columns that no whole
/// window covers are ignored (floor mode), as in PyTorch and in <see cref="MaxPool"/>, whose shapes these are.
/// </summary>
internal static class AveragePool
{
    public static Operation Forward(ComputeDevice device, string name, Tensor x, int size, Tensor y)
    {
        MaxPool.Check(name, x, size, y);
        return Operation.OfThreads(
            device, name, 0, new ForwardArguments(x, size, 1f / (size * size), y), (long)y.Blocks * y.Shape.Features * Quad.PerBlock);
    }

    /// <summary>
    /// dx is dy / size² of its window, 0 where there is none; with <paramref name="relu"/> (x is a ReLU's output) also 0 where x is 0.
    /// </summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor x, int size, Tensor dOutput, bool relu, Tensor dInput)
    {
        MaxPool.Check(name, x, size, dOutput);
        if (dInput.Shape != x.Shape || dInput.Blocks != x.Blocks)
            throw new ArgumentException($"{name}: a gradient {dInput.Shape} does not match {x.Shape}");
        return Operation.OfThreads(
            device, name, 0, new BackwardArguments(x, size, 1f / (size * size), dOutput, relu ? 1 : 0, dInput),
            (long)x.Blocks * x.Shape.Features * Quad.PerBlock);
    }

    /// <summary>For a single image, see <see cref="OneImage"/>.</summary>
    public static Operation ForwardOne(ComputeDevice device, string name, RowImage x, int size, RowImage y)
    {
        if (MaxPool.Output(x.Shape, size, y.Shape.Padding) != y.Shape)
            throw new ArgumentException($"{name}: {size}x{size} windows over {x.Shape} do not give {y.Shape}");
        return Operation.OnHost(device, name, 0, new OneBody(x, size, y));
    }

    public readonly struct ForwardArguments(Tensor x, int size, float share, Tensor y) : IBody, IThreadBody
    {
        public readonly Tensor X = x, Y = y;
        public readonly int Size = size;
        public readonly float Share = share;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(Y.Blocks * ys.Channels, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / ys.Channels, c = item % ys.Channels;
                float* x = X.Pointer + (nint)block * xs.BlockStride, y = Y.Pointer + (nint)block * ys.BlockStride;
                for (int p = 0; p < ys.Height; p++)
                    for (int q = 0; q < ys.Width; q++)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            float* window = x + xs.Offset(c, p * Size, q * Size) + lane;
                            V sum = V.Zero;
                            for (int i = 0; i < Size; i++)
                                for (int j = 0; j < Size; j++)
                                    sum += V.Load(window + i * xs.RowStride + j * Layout.Lanes);
                            V.Store(sum * share, y + ys.Offset(c, p, q) + lane);
                        }
            }
        }

        /// <summary>A quad of images of one window.</summary>
        public void RunThread(int index)
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            var (window, quad) = Operation.Divide(index, Quad.PerBlock);
            var (row, q) = Operation.Divide(window, ys.Width);
            var (map, p) = Operation.Divide(row, ys.Height);
            if (map >= Y.Blocks * ys.Channels)
                return;
            int at = xs.Offset(map, p * Size, q * Size) / Quad.Images + quad, step = xs.RowStride / Quad.Images;
            Quad sum = default;
            for (int i = 0; i < Size; i++)
                for (int j = 0; j < Size; j++)
                    sum += Quad.Load(X.Data, at + i * step + j * Quad.PerBlock);
            Quad.Store(Y.Data, ys.Offset(map, p, q) / Quad.Images + quad, Quad.MultiplyAdd(Share, sum, default));
        }
    }

    public readonly struct BackwardArguments(Tensor x, int size, float share, Tensor dOutput, int relu, Tensor dInput) : IBody, IThreadBody
    {
        public readonly Tensor X = x, DOutput = dOutput, DInput = dInput;
        public readonly int Size = size, Relu = relu;
        public readonly float Share = share;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(X.Blocks * xs.Channels, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / xs.Channels, c = item % xs.Channels;
                float* x = X.Pointer + (nint)block * xs.BlockStride, dx = DInput.Pointer + (nint)block * xs.BlockStride;
                float* dy = DOutput.Pointer + (nint)block * ys.BlockStride;
                for (int h = 0; h < xs.Height; h++)
                    for (int w = 0; w < xs.Width; w++)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            int at = xs.Offset(c, h, w) + lane, p = h / Size, q = w / Size;
                            V value = V.Zero;
                            if (p < ys.Height && q < ys.Width)
                                value = V.Load(dy + ys.Offset(c, p, q) + lane) * share;
                            V.Store(Relu != 0 ? V.WherePositive(V.Load(x + at), value) : value, dx + at);
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
            int at = xs.Offset(map, h, w) / Quad.Images + quad, p = h / Size, q = w / Size;
            Quad value = default;
            if (p < ys.Height && q < ys.Width)
                value = Quad.MultiplyAdd(Share, Quad.Load(DOutput.Data, ys.Offset(map, p, q) / Quad.Images + quad), default);
            if (Relu != 0)
                value = Quad.WhereGreater(Quad.Load(X.Data, at), default, value, default);
            Quad.Store(DInput.Data, at, value);
        }
    }

    private readonly struct OneBody(RowImage x, int size, RowImage y) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            TensorShape s = y.Shape;
            float* source = x.Data.Pointer(), target = y.Data.Pointer();
            float share = 1f / (size * size);
            for (int c = 0; c < s.Channels; c++)
                for (int p = 0; p < s.Height; p++)
                    for (int q = 0; q < s.Width; q++)
                    {
                        float sum = 0;
                        for (int i = 0; i < size; i++)
                            for (int j = 0; j < size; j++)
                                sum += source[x.Offset(c, p * size + i, q * size + j)];
                        target[y.Offset(c, p, q)] = sum * share;
                    }
        }
    }

    /// <summary>Plain loops over (N C, H, W) arrays.</summary>
    public static class Reference
    {
        public static double[] Forward(ReadOnlySpan<float> x, int maps, int height, int width, int size)
        {
            int rows = height / size, columns = width / size;
            var y = new double[maps * rows * columns]; // (N C, P, Q)
            for (int i = 0; i < y.Length; i++)
            {
                int q = i % columns, p = i / columns % rows, map = i / (rows * columns);
                for (int h = p * size; h < (p + 1) * size; h++)
                    for (int w = q * size; w < (q + 1) * size; w++)
                        y[i] += (double)x[(map * height + h) * width + w] / (size * size);
            }
            return y;
        }

        public static double[] BackwardData(ReadOnlySpan<float> x, float[] dOutput, int maps, int height, int width, int size, bool relu)
        {
            int rows = height / size, columns = width / size;
            var dx = new double[maps * height * width]; // (N C, H, W)
            for (int i = 0; i < dx.Length; i++)
            {
                int w = i % width / size, h = i / width % height / size, map = i / (width * height);
                if (h < rows && w < columns && (!relu || x[i] > 0))
                    dx[i] = (double)dOutput[(map * rows + h) * columns + w] / (size * size);
            }
            return dx;
        }
    }
}
