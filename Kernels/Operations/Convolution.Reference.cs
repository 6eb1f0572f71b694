namespace Secateurs.Kernels;

/// <summary>What tests compare with.</summary>
internal static partial class Convolution
{
    /// <summary>
    /// The formulas as plain loops over plain (N, C, H, W) arrays, summed in double; the input's shape says how wide the padding is.
    /// </summary>
    public static class Reference
    {
        public static double[] Forward(
            float[] x, float[] weight, float[] bias, int images, TensorShape input, FilterShape f, bool relu)
        {
            var (rows, columns) = Extent(input, f);
            var y = new double[images * f.Filters * rows * columns]; // (N, K, P, Q)
            for (int o = 0; o < y.Length; o++)
                y[o] = bias[o / (rows * columns) % f.Filters];
            foreach (var (i, w, o) in Terms(images, input, f))
                y[o] += (double)weight[w] * x[i];
            return relu ? [.. y.Select(v => Math.Max(0, v))] : y;
        }

        public static double[] BackwardData(
            float[] dOutput, float[] weight, float[]? gate, int images, TensorShape input, FilterShape f)
        {
            var dx = new double[images * input.Features]; // (N, C, H, W)
            foreach (var (i, w, o) in Terms(images, input, f))
                dx[i] += (double)weight[w] * dOutput[o];
            return gate is null ? dx : [.. dx.Select((v, i) => gate[i] > 0 ? v : 0)];
        }

        public static double[] BackwardWeight(float[] dOutput, float[] x, int images, TensorShape input, FilterShape f)
        {
            var dw = new double[f.Count]; // (K, C, R, S)
            foreach (var (i, w, o) in Terms(images, input, f))
                dw[w] += (double)dOutput[o] * x[i];
            return dw;
        }

        /// <summary>P and Q.</summary>
        private static (int Rows, int Columns) Extent(TensorShape input, FilterShape f)
        {
            int border = 2 * (input.Padding - f.Inset);
            return ((input.Height + border - f.Rows) / f.Stride + 1, (input.Width + border - f.Columns) / f.Stride + 1);
        }

        /// <summary>Every product of the convolution: which input, weight and output it joins.</summary>
        private static IEnumerable<(int Input, int Weight, int Output)> Terms(int images, TensorShape input, FilterShape f)
        {
            var (rows, columns) = Extent(input, f);
            int height = input.Height, width = input.Width, padding = input.Padding - f.Inset;
            for (int n = 0; n < images; n++)
                for (int k = 0; k < f.Filters; k++)
                    for (int p = 0; p < rows; p++)
                        for (int q = 0; q < columns; q++)
                            for (int c = 0; c < f.Channels; c++)
                                for (int r = 0; r < f.Rows; r++)
                                    for (int s = 0; s < f.Columns; s++)
                                    {
                                        int h = p * f.Stride + r - padding, w = q * f.Stride + s - padding;
                                        if (h >= 0 && h < height && w >= 0 && w < width)
                                            yield return (((n * f.Channels + c) * height + h) * width + w,
                                                ((k * f.Channels + c) * f.Rows + r) * f.Columns + s,
                                                ((n * f.Filters + k) * rows + p) * columns + q);
                                    }
        }
    }
}
