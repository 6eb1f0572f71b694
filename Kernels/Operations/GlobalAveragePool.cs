namespace Secateurs.Kernels;

/// <summary>
/// Global average pooling: y(n, c) = Σ_{h,w} x(n, c, h, w) / (H W), which is <see cref="AveragePool"/> with one window over all of a map.
/// </summary>
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
            device, name, 0, new AveragePool.ForwardArguments(x, x.Shape.Height, x.Shape.Width, y), MapQuad.Threads(y));
    }

    /// <summary>For a single image, see <see cref="OneImage"/>.</summary>
    public static Operation ForwardOne(ComputeDevice device, string name, RowImage x, RowImage y)
    {
        if (y.Shape with { Padding = 0 } != TensorShape.Vector(x.Shape.Channels))
            throw new ArgumentException($"{name}: the mean of {x.Shape} is no {y.Shape}");
        return Operation.OnHost(device, name, 0, new AveragePool.OneBody(x, x.Shape.Height, x.Shape.Width, y));
    }

    /// <summary>dx is dy / (H W); with <paramref name="relu"/> (x is a ReLU's output) 0 where x is 0.</summary>
    public static Operation BackwardData(ComputeDevice device, string name, Tensor x, Tensor dOutput, bool relu, Tensor dInput)
    {
        Check(name, x, dOutput);
        Require.Like(name, "gradient of the input", dInput, x);
        return Operation.OfThreads(
            device, name, 0, new AveragePool.BackwardArguments(x, x.Shape.Height, x.Shape.Width, dOutput, relu ? 1 : 0, dInput),
            MapQuad.Threads(x));
    }

    private static void Check(string name, Tensor x, Tensor y)
    {
        if (y.Shape with { Padding = 0 } != TensorShape.Vector(x.Shape.Channels) || x.Blocks != y.Blocks)
            throw new ArgumentException($"{name}: the mean of {x.Shape}, {x.Blocks} blocks, is no {y.Shape}, {y.Blocks} blocks");
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
