namespace Secateurs.Kernels;

/// <summary>
/// Max and average pooling over square windows that overlap, leave gaps or reach over the edge (<see cref="Window"/>; windows side by side
/// are <see cref="MaxPool"/> and <see cref="AveragePool"/>). Max: y(c, p, q) = max over what the window has of the image. Average: the sum
/// over that / size², so that places over the edge count as zeros, as in PyTorch. Of equal maxima the first in row-major order gets the
/// gradient.
/// </summary>
/// <remarks>Gradients of windows that share an input are added in row-major order of the windows.</remarks>
internal static class WindowPool
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="window">Of the pooling.</param>
    /// <param name="average">Average, not max.</param>
    /// <param name="y">(N, C, P, Q).</param>
    public static Operation Forward(ComputeDevice device, string name, Tensor x, Window window, bool average, Tensor y)
    {
        Check(name, x, window, y);
        return Operation.OfThreads(device, name, 0, new ForwardArguments(x, window, average ? 1 : 0, y), MapQuad.Threads(y));
    }

    /// <summary>
    /// dx sums dy over the windows whose first maximum x is, or dy / size² over those that have it; with <paramref name="relu"/> (x is a
    /// ReLU's output) 0 where x is 0.
    /// </summary>
    public static Operation BackwardData(
        ComputeDevice device, string name, Tensor x, Window window, bool average, Tensor dOutput, bool relu, Tensor dInput)
    {
        Check(name, x, window, dOutput);
        Require.Like(name, "gradient of the input", dInput, x);
        return Operation.OfThreads(
            device, name, 0, new BackwardArguments(x, window, average ? 1 : 0, dOutput, relu ? 1 : 0, dInput), MapQuad.Threads(x));
    }

    private static float Share(Window window) => 1f / (window.Size * window.Size);

    private static void Check(string name, Tensor x, Window window, Tensor y)
    {
        if (window.Padding >= window.Size || window.Output(x.Shape, y.Shape.Padding) != y.Shape || x.Blocks != y.Blocks)
            throw new ArgumentException($"{name}: {window} over {x.Shape}, {x.Blocks} blocks, does not give {y.Shape}, {y.Blocks} blocks");
    }

    /// <summary>What window number <paramref name="index"/> of an extent covers of it, [First, End).</summary>
    private static (int First, int End) Covered(Window window, int index, int extent)
    {
        int start = index * window.Stride - window.Padding;
        return (Math.Max(0, start), Math.Min(extent, start + window.Size));
    }

    /// <summary>Which windows cover a place, [First, End).</summary>
    private static (int First, int End) Covering(Window window, int place, int windows)
    {
        int reach = place + window.Padding;
        return (reach < window.Size ? 0 : (reach - window.Size) / window.Stride + 1, Math.Min(windows, reach / window.Stride + 1));
    }

    public readonly struct ForwardArguments(Tensor x, Window window, int average, Tensor y) : IBody, IThreadBody
    {
        public readonly Tensor X = x, Y = y;
        public readonly Window Window = window;
        public readonly int Average = average;
        public readonly float Share = Share(window);

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = Y.Shape;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(Y.Blocks * ys.Channels, worker, workers);
            for (int map = first; map < last; map++)
            {
                float* x = X.Map(map), y = Y.Map(map);
                for (int p = 0; p < ys.Height; p++)
                {
                    var (top, bottom) = Covered(Window, p, xs.Height);
                    for (int q = 0; q < ys.Width; q++)
                    {
                        var (left, right) = Covered(Window, q, xs.Width);
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            V value = Average != 0 ? V.Zero : V.Load(x + xs.Offset(0, top, left) + lane);
                            for (int h = top; h < bottom; h++)
                                for (int w = left; w < right; w++)
                                {
                                    V next = V.Load(x + xs.Offset(0, h, w) + lane);
                                    value = Average != 0 ? value + next : V.Max(value, next);
                                }
                            V.Store(Average != 0 ? value * share : value, y + ys.Offset(0, p, q) + lane);
                        }
                    }
                }
            }
        }

        /// <summary>A window.</summary>
        public void RunThread(int index)
        {
            var xs = X.Shape;
            var place = new MapQuad(index, Y.Shape);
            if (!place.Exists(Y))
                return;
            var (top, bottom) = Covered(Window, place.Row, xs.Height);
            var (left, right) = Covered(Window, place.Column, xs.Width);
            var value = Average != 0 ? default : Quad.Load(X.Data, place.Offset(xs, top, left));
            for (int h = top; h < bottom; h++)
                for (int w = left; w < right; w++)
                {
                    var next = Quad.Load(X.Data, place.Offset(xs, h, w));
                    value = Average != 0 ? value + next : Quad.WhereGreater(next, value, next, value);
                }
            if (Average != 0)
                value = Quad.MultiplyAdd(Share, value, default);
            Quad.Store(Y.Data, place.Offset(Y.Shape), value);
        }
    }

    public readonly struct BackwardArguments(
        Tensor x, Window window, int average, Tensor dOutput, int relu, Tensor dInput) : IBody, IThreadBody
    {
        public readonly Tensor X = x, DOutput = dOutput, DInput = dInput;
        public readonly Window Window = window;
        public readonly int Average = average, Relu = relu;
        public readonly float Share = Share(window);

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            TensorShape xs = X.Shape, ys = DOutput.Shape;
            var share = V.Broadcast(Share);
            var (first, last) = Operation.Share(X.Blocks * xs.Channels, worker, workers);
            for (int map = first; map < last; map++)
            {
                float* x = X.Map(map), dx = DInput.Map(map), dy = DOutput.Map(map);
                DInput.ClearMap(map);
                for (int p = 0; p < ys.Height; p++)
                {
                    var (top, bottom) = Covered(Window, p, xs.Height);
                    for (int q = 0; q < ys.Width; q++)
                    {
                        var (left, right) = Covered(Window, q, xs.Width);
                        for (int lane = 0; lane < Layout.Lanes; lane += V.Width)
                        {
                            V gradient = V.Load(dy + ys.Offset(0, p, q) + lane), max = V.Zero;
                            if (Average != 0)
                                gradient *= share;
                            else
                            {
                                max = V.Load(x + xs.Offset(0, top, left) + lane);
                                for (int h = top; h < bottom; h++)
                                    for (int w = left; w < right; w++)
                                        max = V.Max(max, V.Load(x + xs.Offset(0, h, w) + lane));
                            }
                            for (int h = top; h < bottom; h++)
                                for (int w = left; w < right; w++)
                                {
                                    int at = xs.Offset(0, h, w) + lane;
                                    V value = V.Load(x + at), part = Average != 0 ? gradient : V.WhereEqual(value, max, gradient);
                                    if (Average == 0)
                                        gradient = V.WhereNotEqual(value, max, gradient);
                                    V.Store(V.Load(dx + at) + part, dx + at);
                                }
                        }
                    }
                }
                for (int h = 0; h < xs.Height && Relu != 0; h++)
                {
                    int row = xs.Offset(0, h, 0);
                    for (int i = 0; i < xs.Width * Layout.Lanes; i += V.Width)
                        V.Store(V.WherePositive(V.Load(x + row + i), V.Load(dx + row + i)), dx + row + i);
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
            int at = input.Offset(xs);
            var (firstRow, endRow) = Covering(Window, input.Row, ys.Height);
            var (firstColumn, endColumn) = Covering(Window, input.Column, ys.Width);
            Quad own = Quad.Load(X.Data, at), total = default;
            for (int p = firstRow; p < endRow; p++)
                for (int q = firstColumn; q < endColumn; q++)
                {
                    var gradient = Quad.Load(DOutput.Data, input.Offset(ys, p, q));
                    total += Average != 0 ? Quad.MultiplyAdd(Share, gradient, default) : WhereFirst(input, p, q, own, gradient);
                }
            if (Relu != 0)
                total = Quad.WhereGreater(own, default, total, default);
            Quad.Store(DInput.Data, at, total);
        }

        /// <summary>
        /// The gradient of window (p, q) where the input is its first maximum: larger than those before it, not less than those after.
        /// </summary>
        private Quad WhereFirst(MapQuad input, int p, int q, Quad own, Quad gradient)
        {
            var xs = X.Shape;
            var (top, bottom) = Covered(Window, p, xs.Height);
            var (left, right) = Covered(Window, q, xs.Width);
            for (int i = top; i < bottom; i++)
                for (int j = left; j < right; j++)
                {
                    var other = Quad.Load(X.Data, input.Offset(xs, i, j));
                    gradient = Quad.WhereGreater(other, own, default, gradient);
                    if (i < input.Row || i == input.Row && j < input.Column)
                        gradient = Quad.WhereEqual(other, own, default, gradient);
                }
            return gradient;
        }
    }

    /// <summary>Plain loops over (N C, H, W) arrays, summed in double.</summary>
    public static class Reference
    {
        public static double[] Forward(ReadOnlySpan<float> x, int maps, int height, int width, Window window, bool average)
        {
            var s = window.Output(new(maps, height, width));
            var y = new double[s.Features]; // (N C, P, Q)
            for (int o = 0; o < y.Length; o++)
            {
                y[o] = average ? 0 : double.NegativeInfinity;
                foreach (int i in Inputs(o, s, height, width, window))
                    y[o] = average ? y[o] + (double)x[i] / (window.Size * window.Size) : Math.Max(y[o], x[i]);
            }
            return y;
        }

        public static double[] BackwardData(
            float[] x, float[] dOutput, int maps, int height, int width, Window window, bool average, bool relu)
        {
            var s = window.Output(new(maps, height, width));
            var dx = new double[maps * height * width]; // (N C, H, W)
            for (int o = 0; o < dOutput.Length; o++)
            {
                int[] inputs = [.. Inputs(o, s, height, width, window)];
                if (!average)
                    dx[inputs.MaxBy(i => x[i])] += dOutput[o];
                else
                    foreach (int i in inputs)
                        dx[i] += (double)dOutput[o] / (window.Size * window.Size);
            }
            return relu ? [.. dx.Select((v, i) => x[i] > 0 ? v : 0)] : dx;
        }

        /// <summary>What output o's window has of its map, in row-major order.</summary>
        private static IEnumerable<int> Inputs(int o, TensorShape s, int height, int width, Window window)
        {
            int q = o % s.Width, p = o / s.Width % s.Height, map = o / (s.Width * s.Height);
            for (int i = 0; i < window.Size; i++)
                for (int j = 0; j < window.Size; j++)
                {
                    int h = p * window.Stride - window.Padding + i, w = q * window.Stride - window.Padding + j;
                    if (h >= 0 && h < height && w >= 0 && w < width)
                        yield return (map * height + h) * width + w;
                }
        }
    }
}
