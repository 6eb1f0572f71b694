using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Max pooling over windows of size x size with stride = size: y(c, p, q) = max over the window. Rows and columns that no whole window
/// covers are ignored (floor mode). Of equal maxima the first in row-major order gets the gradient, as in PyTorch.
/// </summary>
internal static class MaxPool
{
    /// <summary>Shape of the output.</summary>
    public static TensorShape Output(TensorShape input, int size, int padding = 0) =>
        new(input.Channels, input.Height / size, input.Width / size, padding);

    public static Operation Forward(ComputeDevice device, string name, Tensor x, int size, Tensor y)
    {
        Check(name, x, size, y);
        return Operation.OfThreads(device, name, 0, new ForwardArguments(x, size, y), MapQuad.Threads(y));
    }

    /// <summary>
    /// dx is dy where x is its window's first maximum, else 0; with <paramref name="relu"/> (x is a ReLU's output) also 0 where that
    /// maximum is 0.
    /// </summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor x, int size, Tensor y, Tensor dOutput, bool relu, Tensor dInput)
    {
        Check(name, x, size, y);
        Require.Like(name, "gradient of the output", dOutput, y);
        Require.Like(name, "gradient of the input", dInput, x);
        return Operation.OfThreads(
            device, name, 0, new BackwardArguments(x, size, y, dOutput, relu ? 1 : 0, dInput),
            (long)x.Blocks * x.Shape.Channels * Windows(x.Shape.Height, y.Shape.Height, size) * Windows(x.Shape.Width, y.Shape.Width, size)
                * Quad.PerBlock);
    }

    internal static void Check(string name, Tensor x, int size, Tensor y)
    {
        if (Output(x.Shape, size, y.Shape.Padding) != y.Shape || x.Blocks != y.Blocks)
            throw new ArgumentException(
                $"{name}: {size}x{size} windows over {x.Shape}, {x.Blocks} blocks, do not give {y.Shape}, {y.Blocks} blocks");
    }

    public readonly struct ForwardArguments(Tensor x, int size, Tensor y) : IBody, IThreadBody
    {
        public readonly Tensor X = x, Y = y;
        public readonly int Size = size;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            int size = Size, row = xs.RowStride;
            var (first, last) = Operation.Share(Y.Blocks * ys.Channels, worker, workers);
            for (int map = first; map < last; map++)
            {
                float* x = X.Map(map), y = Y.Map(map);
                for (int p = 0; p < ys.Height; p++)
                {
                    float* window = x + xs.Offset(0, p * size, 0), output = y + ys.Offset(0, p, 0);
                    for (int q = ys.Width; q > 0; q--, window += size * Layout.Lanes, output += Layout.Lanes)
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            V max = V.Load(window + lane);
                            for (int i = 0; i < size; i++)
                                for (int j = 0; j < size; j++)
                                    max = V.Max(max, V.Load(window + i * row + j * Layout.Lanes + lane));
                            V.Store(max, output + lane);
                        }
                }
            }
        }

        /// <summary>Windows of 2 x 2 are unrolled.</summary>
        public void RunThread(int index)
        {
            if (Size == 2)
                ForwardThread(this, 2, index);
            else
                ForwardThread(this, Size, index);
        }
    }

    public readonly struct BackwardArguments(Tensor x, int size, Tensor y, Tensor dOutput, int relu, Tensor dInput) : IBody, IThreadBody
    {
        public readonly Tensor X = x, Y = y, DOutput = dOutput, DInput = dInput;
        public readonly int Size = size, Relu = relu;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Y.Blocks * Y.Shape.Channels, worker, workers);
            for (int item = first; item < last; item++)
                Map<V>(item / Y.Shape.Channels, item % Y.Shape.Channels, DInput, 0);
        }

        /// <summary>One channel of 16 images, into <paramref name="dInput"/>, whose first channel is <paramref name="origin"/>.</summary>
        internal unsafe void Map<V>(int block, int c, Tensor dInput, int origin) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            bool cropped = ys.Height * Size != xs.Height || ys.Width * Size != xs.Width, relu = Relu != 0;
            int size = Size, row = xs.RowStride, outputRow = ys.RowStride, start = xs.Offset(c, 0, 0), outputStart = ys.Offset(c, 0, 0);
            float* x = X.Pointer + (nint)block * xs.BlockStride, y = Y.Pointer + (nint)block * ys.BlockStride;
            float* dx = dInput.Pointer + (nint)block * dInput.Shape.BlockStride - (nint)origin * xs.ChannelStride;
            float* dy = DOutput.Pointer + (nint)block * ys.BlockStride;
            if (cropped)
                for (int h = 0; h < xs.Height; h++)
                    new Span<float>(dx + xs.Offset(c, h, 0), xs.Width * Layout.Lanes).Clear();
            for (int p = 0; p < ys.Height; p++)
                for (int q = 0; q < ys.Width; q++)
                    for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                    {
                        int window = start + p * size * row + q * size * Layout.Lanes + lane;
                        int output = outputStart + p * outputRow + q * Layout.Lanes + lane;
                        V max = V.Load(y + output), rest = V.Load(dy + output);
                        if (relu)
                            rest = V.WherePositive(max, rest);
                        for (int i = 0; i < size; i++)
                            for (int j = 0; j < size; j++)
                            {
                                int at = window + i * row + j * Layout.Lanes;
                                V value = V.Load(x + at);
                                V.Store(V.WhereEqual(value, max, rest), dx + at);
                                rest = V.WhereNotEqual(value, max, rest);
                            }
                    }
        }

        /// <summary>Windows of 2 x 2 are unrolled.</summary>
        public void RunThread(int index)
        {
            if (Size == 2)
                BackwardThread(this, 2, index);
            else
                BackwardThread(this, Size, index);
        }
    }

    private static void ForwardThread(ForwardArguments a, int size, int index)
    {
        var window = new MapQuad(index, a.Y.Shape);
        if (!window.Exists(a.Y))
            return;
        int at = window.Offset(a.X.Shape, window.Row * size, window.Column * size), row = a.X.Shape.RowStride / Quad.Images;
        var max = Quad.Load(a.X.Data, at);
        for (int i = 0; i < size; i++)
            for (int j = 0; j < size; j++)
            {
                var value = Quad.Load(a.X.Data, at + i * row + j * Quad.PerBlock);
                max = Quad.WhereGreater(value, max, value, max);
            }
        Quad.Store(a.Y.Data, window.Offset(a.Y.Shape), max);
    }

    /// <summary>First where the maximum is, then dx: loads that wait for no store.</summary>
    private static void BackwardThread(BackwardArguments a, int size, int index)
    {
        TensorShape xs = a.X.Shape, ys = a.Y.Shape;
        var window = new MapQuad(index, Windows(xs.Height, ys.Height, size), Windows(xs.Width, ys.Width, size));
        if (!window.Exists(a.X))
            return;
        int h = window.Row * size, w = window.Column * size, at = window.Offset(xs, h, w), row = xs.RowStride / Quad.Images;
        Quad first = default, gradient = default;
        if (window.Row < ys.Height && window.Column < ys.Width)
        {
            gradient = Quad.Load(a.DOutput.Data, window.Offset(ys));
            var max = Quad.Load(a.X.Data, at);
            for (int i = 0; i < size; i++)
                for (int j = 0; j < size; j++)
                {
                    var value = Quad.Load(a.X.Data, at + i * row + j * Quad.PerBlock);
                    first = Quad.WhereGreater(value, max, Quad.Broadcast(i * size + j), first);
                    max = Quad.WhereGreater(value, max, value, max);
                }
            if (a.Relu != 0)
                gradient = Quad.WhereGreater(max, default, gradient, default);
        }
        for (int i = 0; i < size; i++)
            for (int j = 0; j < size; j++)
                if (h + i < xs.Height && w + j < xs.Width)
                    Quad.Store(
                        a.DInput.Data, at + i * row + j * Quad.PerBlock,
                        Quad.WhereEqual(first, Quad.Broadcast(i * size + j), gradient, default));
    }

    /// <summary>Windows that cover an extent to its edge: the whole ones, and one more for what they leave.</summary>
    private static int Windows(int extent, int whole, int size) => whole * size < extent ? whole + 1 : whole;

    /// <summary>Plain loops over (N C, H, W) arrays.</summary>
    public static class Reference
    {
        public static float[] Forward(float[] x, int maps, int height, int width, int size)
        {
            int rows = height / size, columns = width / size;
            var y = new float[maps * rows * columns]; // (N C, P, Q)
            for (int i = 0; i < y.Length; i++)
                y[i] = x[Winner(x, i, height, width, size)];
            return y;
        }

        public static float[] BackwardData(float[] x, float[] dOutput, int maps, int height, int width, int size, bool relu)
        {
            var dx = new float[maps * height * width]; // (N C, H, W)
            for (int i = 0; i < dOutput.Length; i++)
            {
                int winner = Winner(x, i, height, width, size);
                dx[winner] = relu && x[winner] <= 0 ? 0 : dOutput[i];
            }
            return dx;
        }

        /// <summary>Index of the first maximum of output i's window.</summary>
        private static int Winner(float[] x, int i, int height, int width, int size)
        {
            int rows = height / size, columns = width / size, map = i / (rows * columns), p = i / columns % rows, q = i % columns;
            int winner = (map * height + p * size) * width + q * size;
            for (int h = p * size; h < (p + 1) * size; h++)
                for (int w = q * size; w < (q + 1) * size; w++)
                {
                    int at = (map * height + h) * width + w;
                    winner = x[at] > x[winner] ? at : winner;
                }
            return winner;
        }
    }
}
