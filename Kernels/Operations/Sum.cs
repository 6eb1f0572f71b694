namespace Secateurs.Kernels;

/// <summary>
/// y = a + b, then max(0, y) or, where there is a gate, 0 where it is not positive: a sum of branches, and the gradient of what several
/// layers read. Without b it is a copy.
/// </summary>
/// <remarks>y may be a or b: each value is read before it is written.</remarks>
internal static class Sum
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="a">(N, C, H, W).</param>
    /// <param name="b">The same; null for nothing.</param>
    /// <param name="relu">Whether max(0, y) follows.</param>
    /// <param name="gate">A ReLU's output, of the same size; null for none.</param>
    /// <param name="y">The same; borders may differ.</param>
    public static Operation Of(ComputeDevice device, string name, Tensor a, Tensor? b, bool relu, Tensor? gate, Tensor y)
    {
        foreach (var t in (Tensor?[])[a, b, gate])
            if (t is { } other && (other.Shape with { Padding = y.Shape.Padding } != y.Shape || other.Blocks != y.Blocks))
                throw new ArgumentException(
                    $"{name}: an operand is {other.Shape}, {other.Blocks} blocks, expected {y.Shape}, {y.Blocks} blocks");
        return Operation.OfThreads(
            device, name, 0, new Arguments(a, b ?? a, gate ?? a, y, b is null ? 0 : 1, relu ? 1 : 0, gate is null ? 0 : 1),
            MapQuad.Threads(y));
    }

    public readonly struct Arguments(Tensor a, Tensor b, Tensor gate, Tensor y, int both, int relu, int gated) : IBody, IThreadBody
    {
        public readonly int Both = both, Relu = relu, Gated = gated;
        public readonly Tensor A = a, B = b, Gate = gate, Y = y;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var s = Y.Shape;
            int length = s.Width * Layout.Lanes;
            var (first, last) = Operation.Share(Y.Blocks * s.Channels * s.Height, worker, workers);
            for (int item = first; item < last; item++)
            {
                int h = item % s.Height, map = item / s.Height;
                float* a = Row(A, map, h), b = Row(B, map, h), gate = Row(Gate, map, h), y = Row(Y, map, h);
                for (int i = 0; i < length; i += V.Width)
                {
                    V sum = V.Load(a + i);
                    if (Both != 0)
                        sum += V.Load(b + i);
                    if (Relu != 0)
                        sum = V.Max(V.Zero, sum);
                    if (Gated != 0)
                        sum = V.WherePositive(V.Load(gate + i), sum);
                    V.Store(sum, y + i);
                }
            }
        }

        private static unsafe float* Row(Tensor t, int map, int h) => t.Map(map) + t.Shape.Offset(0, h, 0);

        /// <summary>A value.</summary>
        public void RunThread(int index)
        {
            var at = new MapQuad(index, Y.Shape);
            if (!at.Exists(Y))
                return;
            var sum = Quad.Load(A.Data, at.Offset(A.Shape));
            if (Both != 0)
                sum += Quad.Load(B.Data, at.Offset(B.Shape));
            if (Relu != 0)
                sum = Quad.WhereGreater(default, sum, default, sum);
            if (Gated != 0)
                sum = Quad.WhereGreater(Quad.Load(Gate.Data, at.Offset(Gate.Shape)), default, sum, default);
            Quad.Store(Y.Data, at.Offset(Y.Shape), sum);
        }
    }

    /// <summary>The formula over plain arrays.</summary>
    public static double[] Reference(float[] a, float[]? b, bool relu, float[]? gate)
    {
        double[] y = [.. a.Select((v, i) => (double)v + (b?[i] ?? 0))];
        return [.. y.Select((v, i) => relu && v < 0 || gate?[i] <= 0 ? 0 : v)];
    }
}
