using ILGPU;

namespace Kernels;

/// <summary>
/// Max pooling over windows of size x size with stride = size: y(c, p, q) = max over the window. Rows and columns that no whole window
/// covers are ignored (floor mode). Of equal maxima the first in row-major order gets the gradient, as in PyTorch.
/// </summary>
public static class MaxPool
{
    /// <summary>Shape of the output.</summary>
    public static TensorShape Output(TensorShape input, int size, int padding = 0) =>
        new(input.Channels, input.Height / size, input.Width / size, padding);

    public static Operation Forward(ComputeDevice device, string name, Tensor x, int size, Tensor y)
    {
        Check(name, x, size, y);
        return Operation.OfThreads(
            device, name, 0, new ForwardArguments(x, size, y), (long)y.Blocks * y.Shape.Features * Layout.Lanes);
    }

    /// <summary>dx is dy where x is its window's first maximum, else 0; with <paramref name="relu"/> (x is a ReLU's output) also 0 where that maximum is 0.</summary>
    public static Operation BackwardData(ComputeDevice device, string name, Tensor x, int size, Tensor y, Tensor dOutput, bool relu, Tensor dInput)
    {
        Check(name, x, size, y);
        if (dOutput.Shape != y.Shape || dInput.Shape != x.Shape || dOutput.Blocks != y.Blocks || dInput.Blocks != x.Blocks)
            throw new ArgumentException($"{name}: gradients {dInput.Shape}, {dOutput.Shape} do not match {x.Shape}, {y.Shape}");
        return Operation.OfThreads(
            device, name, 0, new BackwardArguments(x, size, y, dOutput, relu ? 1 : 0, dInput),
            (long)x.Blocks * x.Shape.Features * Layout.Lanes);
    }

    internal static void Check(string name, Tensor x, int size, Tensor y)
    {
        if (Output(x.Shape, size, y.Shape.Padding) != y.Shape || x.Blocks != y.Blocks)
            throw new ArgumentException($"{name}: {size}x{size} windows over {x.Shape}, {x.Blocks} blocks, do not give {y.Shape}, {y.Blocks} blocks");
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
            for (int item = first; item < last; item++)
            {
                int block = item / ys.Channels, c = item % ys.Channels;
                float* x = X.Pointer + (nint)block * xs.BlockStride, y = Y.Pointer + (nint)block * ys.BlockStride;
                for (int p = 0; p < ys.Height; p++)
                {
                    float* window = x + xs.Offset(c, p * size, 0), output = y + ys.Offset(c, p, 0);
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

        public void RunThread(int index) => ForwardThread(this, index);
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

        public void RunThread(int index) => BackwardThread(this, index);
    }

    private static void ForwardThread(ForwardArguments a, int index)
    {
        TensorShape xs = a.X.Shape, ys = a.Y.Shape;
        int lane = index % Layout.Lanes;
        index /= Layout.Lanes;
        int q = index % ys.Width;
        index /= ys.Width;
        int p = index % ys.Height;
        index /= ys.Height;
        int c = index % ys.Channels, block = index / ys.Channels;
        if (block >= a.Y.Blocks)
            return;
        int window = block * xs.BlockStride + xs.Offset(c, p * a.Size, q * a.Size) + lane;
        float max = a.X.Data[window];
        for (int i = 0; i < a.Size; i++)
            for (int j = 0; j < a.Size; j++)
                max = IntrinsicMath.Max(max, a.X.Data[window + i * xs.RowStride + j * Layout.Lanes]);
        a.Y.Data[block * ys.BlockStride + ys.Offset(c, p, q) + lane] = max;
    }

    private static void BackwardThread(BackwardArguments a, int index)
    {
        TensorShape xs = a.X.Shape, ys = a.Y.Shape;
        int lane = index % Layout.Lanes;
        index /= Layout.Lanes;
        int w = index % xs.Width;
        index /= xs.Width;
        int h = index % xs.Height;
        index /= xs.Height;
        int c = index % xs.Channels, block = index / xs.Channels;
        if (block >= a.X.Blocks)
            return;
        int at = block * xs.BlockStride + xs.Offset(c, h, w) + lane, p = h / a.Size, q = w / a.Size;
        float gradient = 0;
        if (p < ys.Height && q < ys.Width)
        {
            int output = block * ys.BlockStride + ys.Offset(c, p, q) + lane;
            float max = a.Y.Data[output];
            bool first = a.X.Data[at] == max && (a.Relu == 0 || max > 0);
            int place = (h - p * a.Size) * a.Size + w - q * a.Size;
            int window = block * xs.BlockStride + xs.Offset(c, p * a.Size, q * a.Size) + lane;
            for (int i = 0; i < place; i++)
                first = first && a.X.Data[window + i / a.Size * xs.RowStride + i % a.Size * Layout.Lanes] != max;
            gradient = first ? a.DOutput.Data[output] : 0f;
        }
        a.DInput.Data[at] = gradient;
    }

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
