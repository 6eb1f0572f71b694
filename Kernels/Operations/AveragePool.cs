namespace Secateurs.Kernels;

/// <summary>
/// Average pooling over windows of size x size with stride = size: y(c, p, q) = the window's sum / size². Rows and columns that no whole
/// window covers are ignored (floor mode), as in PyTorch and in <see cref="MaxPool"/>, whose shapes these are.
/// <see cref="GlobalAveragePool"/> is the same with one window, of any height and width.
/// </summary>
internal static class AveragePool
{
    public static Operation Forward(ComputeDevice device, string name, Tensor x, int size, Tensor y)
    {
        MaxPool.Check(name, x, size, y);
        return Operation.OfThreads(device, name, 0, new ForwardArguments(x, size, size, y), MapQuad.Threads(y));
    }

    /// <summary>
    /// dx is dy / size² of its window, 0 where there is none; with <paramref name="relu"/> (x is a ReLU's output) also 0 where x is 0.
    /// </summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor x, int size, Tensor dOutput, bool relu, Tensor dInput)
    {
        MaxPool.Check(name, x, size, dOutput);
        Require.Like(name, "gradient of the input", dInput, x);
        return Operation.OfThreads(
            device, name, 0, new BackwardArguments(x, size, size, dOutput, relu ? 1 : 0, dInput), MapQuad.Threads(x));
    }

    /// <summary>For a single image, see <see cref="OneImage"/>.</summary>
    public static Operation ForwardOne(ComputeDevice device, string name, RowImage x, int size, RowImage y)
    {
        if (MaxPool.Output(x.Shape, size, y.Shape.Padding) != y.Shape)
            throw new ArgumentException($"{name}: {size}x{size} windows over {x.Shape} do not give {y.Shape}");
        return Operation.OnHost(device, name, 0, new OneBody(x, size, size, y));
    }

    public readonly struct ForwardArguments(Tensor x, int rows, int columns, Tensor y) : IBody, IThreadBody
    {
        public readonly Tensor X = x, Y = y;
        public readonly int Rows = rows, Columns = columns;
        public readonly float Share = 1f / (rows * columns);

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            int rows = Rows, columns = Columns, step = xs.RowStride;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(Y.Blocks * ys.Channels, worker, workers);
            for (int map = first; map < last; map++)
            {
                float* x = X.Map(map), y = Y.Map(map);
                for (int p = 0; p < ys.Height; p++)
                    for (int q = 0; q < ys.Width; q++)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            float* window = x + xs.Offset(0, p * rows, q * columns) + lane;
                            V sum = V.Zero;
                            for (int i = 0; i < rows; i++)
                                for (int j = 0; j < columns; j++)
                                    sum += V.Load(window + i * step + j * Layout.Lanes);
                            V.Store(sum * share, y + ys.Offset(0, p, q) + lane);
                        }
            }
        }

        /// <summary>A window.</summary>
        public void RunThread(int index)
        {
            var window = new MapQuad(index, Y.Shape);
            if (!window.Exists(Y))
                return;
            int at = window.Offset(X.Shape, window.Row * Rows, window.Column * Columns), step = X.Shape.RowStride / Quad.Images;
            Quad sum = default;
            for (int i = 0; i < Rows; i++)
                for (int j = 0; j < Columns; j++)
                    sum += Quad.Load(X.Data, at + i * step + j * Quad.PerBlock);
            Quad.Store(Y.Data, window.Offset(Y.Shape), Quad.MultiplyAdd(Share, sum, default));
        }
    }

    public readonly struct BackwardArguments(
        Tensor x, int rows, int columns, Tensor dOutput, int relu, Tensor dInput) : IBody, IThreadBody
    {
        public readonly Tensor X = x, DOutput = dOutput, DInput = dInput;
        public readonly int Rows = rows, Columns = columns, Relu = relu;
        public readonly float Share = 1f / (rows * columns);

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            int rows = Rows, columns = Columns, step = xs.RowStride;
            bool cropped = ys.Height * rows != xs.Height || ys.Width * columns != xs.Width, relu = Relu != 0;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(X.Blocks * xs.Channels, worker, workers);
            for (int map = first; map < last; map++)
            {
                float* x = X.Map(map), dx = DInput.Map(map), dy = DOutput.Map(map);
                if (cropped)
                    DInput.ClearMap(map);
                for (int p = 0; p < ys.Height; p++)
                    for (int q = 0; q < ys.Width; q++)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            V value = V.Load(dy + ys.Offset(0, p, q) + lane) * share;
                            int window = xs.Offset(0, p * rows, q * columns) + lane;
                            for (int i = 0; i < rows; i++)
                                for (int j = 0; j < columns; j++)
                                {
                                    int at = window + i * step + j * Layout.Lanes;
                                    V.Store(relu ? V.WherePositive(V.Load(x + at), value) : value, dx + at);
                                }
                        }
            }
        }

        /// <summary>An input.</summary>
        public void RunThread(int index)
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var input = new MapQuad(index, xs);
            if (!input.Exists(X))
                return;
            int at = input.Offset(xs), p = input.Row / Rows, q = input.Column / Columns;
            Quad value = default;
            if (p < ys.Height && q < ys.Width)
                value = Quad.MultiplyAdd(Share, Quad.Load(DOutput.Data, input.Offset(ys, p, q)), default);
            if (Relu != 0)
                value = Quad.WhereGreater(Quad.Load(X.Data, at), default, value, default);
            Quad.Store(DInput.Data, at, value);
        }
    }

    /// <summary>For a single image.</summary>
    public readonly struct OneBody(RowImage x, int rows, int columns, RowImage y) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            TensorShape s = y.Shape;
            float* source = x.Data.Pointer(), target = y.Data.Pointer();
            float share = 1f / (rows * columns);
            for (int c = 0; c < s.Channels; c++)
                for (int p = 0; p < s.Height; p++)
                    for (int q = 0; q < s.Width; q++)
                    {
                        float sum = 0;
                        for (int i = 0; i < rows; i++)
                            for (int j = 0; j < columns; j++)
                                sum += source[x.Offset(c, p * rows + i, q * columns + j)];
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
