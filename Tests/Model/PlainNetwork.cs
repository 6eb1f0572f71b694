using Secateurs.Kernels;
using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>
/// A network as plain loops in double, with a bound of what float arithmetic in any order may differ by: each sum of K products adds
/// (K + 4) 2^-24 Σ|w x| to what the errors of its inputs become.
/// </summary>
internal static class PlainNetwork
{
    /// <summary>A random network, as trained ones are scaled, under a random mask.</summary>
    /// <param name="layers">Its line of text.</param>
    /// <param name="density">Chance of a weight to be alive.</param>
    /// <param name="dead">Chance of a channel to lose all incoming weights, and again all outgoing ones.</param>
    /// <param name="seed">Of all that is random.</param>
    public static Checkpoint Random(string layers, double density, double dead, int seed)
    {
        var random = new Random(seed);
        var network = NetworkDescription.Parse(layers);
        var (slices, length) = (network.Slices, network.ParameterLength);
        float[] weights = new float[length], mask = [.. Enumerable.Repeat(1f, length)];
        bool[] silent = [];
        foreach (var layer in slices)
        {
            bool[] unread = silent;
            bool last = layer == slices[^1];
            bool[] deaf = [.. Enumerable.Range(0, layer.BiasCount).Select(_ => !last && random.NextDouble() < dead)];
            silent = [.. Enumerable.Range(0, layer.BiasCount).Select(_ => !last && random.NextDouble() < dead)];
            int inputs = unread.Length == 0 ? 1 : layer.Filter.FilterSize / unread.Length;
            double scale = Math.Sqrt(3 * 2 / (layer.Filter.FilterSize * density));
            for (int i = 0; i < layer.WeightCount; i++)
            {
                int column = i % layer.Filter.FilterSize / inputs;
                bool live = random.NextDouble() < density && !deaf[i / layer.Filter.FilterSize] && !(unread.Length > 0 && unread[column]);
                mask[layer.WeightOffset + i] = live ? 1 : 0;
                weights[layer.WeightOffset + i] = live ? (float)(scale * (2 * random.NextDouble() - 1)) : 0;
            }
            for (int k = 0; k < layer.BiasCount; k++)
                weights[layer.BiasOffset + k] = (float)(random.NextDouble() - 0.5);
        }
        return new Checkpoint(network, weights, mask, 1, 0, new Dictionary<string, string>());
    }

    /// <summary>Digits are mostly paper; so are these.</summary>
    public static byte[] Images(int count, int seed)
    {
        var random = new Random(seed);
        return
        [
            .. Enumerable.Range(0, count * Mnist.Shape.BytesPerImage)
                .Select(_ => random.Next(5) == 0 ? (byte)random.Next(256) : (byte)0),
        ];
    }

    /// <summary>Logits of one image and how far a float result may be from each.</summary>
    public static (double[] Logits, double[] Bounds) Run(Checkpoint model, ReadOnlySpan<byte> image)
    {
        var data = model.Network.Data;
        int plane = data.Height * data.Width;
        double[] x = [.. image.ToArray().Select((b, i) => (double)data.Scale[i / plane] * b + data.Shift[i / plane])];
        // Whoever folds a shift into biases rounds what stands for zero.
        double[] bounds = [.. x.Select((_, i) => data.Shift[i / plane] == 0 ? 0 : 1e-6 * Math.Abs(data.Shift[i / plane]))];
        var shape = data.Image;
        foreach (var layer in model.Network.Layers)
            (x, bounds, shape) = layer.Kind switch
            {
                MaxPoolLayer pool => Pool(x, bounds, shape, pool.Size),
                AveragePoolLayer pool => Average(x, bounds, shape, pool.Size),
                ConvolutionLayer c => Weighted(model, layer.Slice!, c.Relu, c.Padding, x, bounds, shape),
                DenseLayer d => Weighted(model, layer.Slice!, d.Relu, 0, x, bounds, TensorShape.Vector(x.Length)),
                _ => throw new NotSupportedException(layer.Kind.Token),
            };
        return (x, bounds);
    }

    private static (double[], double[], TensorShape) Weighted(
        Checkpoint model, LayerSlice layer, bool relu, int padding, double[] x, double[] bounds, TensorShape shape)
    {
        var filter = layer.Filter;
        var output = filter.Output(shape with { Padding = padding });
        double[] y = new double[output.Features], errors = new double[output.Features];
        for (int i = 0; i < y.Length; i++)
        {
            int q = i % output.Width, p = i / output.Width % output.Height, k = i / (output.Width * output.Height);
            double sum = model.Weights[layer.BiasOffset + k], absolute = Math.Abs(sum), error = 0;
            for (int j = 0; j < filter.FilterSize; j++)
            {
                int s = j % filter.Columns, r = j / filter.Columns % filter.Rows, c = j / (filter.Columns * filter.Rows);
                int h = p + r - padding, v = q + s - padding;
                if (h < 0 || h >= shape.Height || v < 0 || v >= shape.Width)
                    continue;
                int at = (c * shape.Height + h) * shape.Width + v;
                double w = model.Weights[layer.WeightOffset + k * filter.FilterSize + j];
                sum += w * x[at];
                absolute += Math.Abs(w * x[at]);
                error += Math.Abs(w) * bounds[at];
            }
            y[i] = relu ? Math.Max(0, sum) : sum;
            errors[i] = error + (filter.FilterSize + 4) * Math.Pow(2, -24) * (absolute + error);
        }
        return (y, errors, output);
    }

    private static (double[], double[], TensorShape) Average(double[] x, double[] bounds, TensorShape shape, int size)
    {
        var output = MaxPool.Output(shape, size);
        double[] y = new double[output.Features], errors = new double[output.Features];
        for (int i = 0; i < y.Length; i++)
        {
            int q = i % output.Width, p = i / output.Width % output.Height, c = i / (output.Width * output.Height);
            for (int j = 0; j < size * size; j++)
            {
                int at = (c * shape.Height + p * size + j / size) * shape.Width + q * size + j % size;
                y[i] += x[at] / (size * size);
                errors[i] += (bounds[at] + (size * size + 2) * Math.Pow(2, -24) * (Math.Abs(x[at]) + bounds[at])) / (size * size);
            }
        }
        return (y, errors, output);
    }

    private static (double[], double[], TensorShape) Pool(double[] x, double[] bounds, TensorShape shape, int size)
    {
        var output = MaxPool.Output(shape, size);
        double[] y = new double[output.Features], errors = new double[output.Features];
        for (int i = 0; i < y.Length; i++)
        {
            int q = i % output.Width, p = i / output.Width % output.Height, c = i / (output.Width * output.Height);
            y[i] = double.NegativeInfinity;
            for (int j = 0; j < size * size; j++)
            {
                int at = (c * shape.Height + p * size + j / size) * shape.Width + q * size + j % size;
                (y[i], errors[i]) = (Math.Max(y[i], x[at]), Math.Max(errors[i], bounds[at]));
            }
        }
        return (y, errors, output);
    }
}
