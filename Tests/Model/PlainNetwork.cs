using Secateurs.Kernels;
using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>
/// A network as plain loops in double, with a bound of what float arithmetic in any order may differ by: each sum of K products adds
/// (K + 4) 2^-24 Σ|w x| to what the errors of its inputs become.
/// </summary>
internal static class PlainNetwork
{
    private static readonly double Rounding = Math.Pow(2, -24);

    /// <summary>A random network, as trained ones are scaled, under a random mask.</summary>
    /// <param name="layers">Its line of text.</param>
    /// <param name="density">Chance of a weight to be alive.</param>
    /// <param name="dead">Chance of a channel to lose all incoming weights, and again all outgoing ones.</param>
    /// <param name="seed">Of all that is random.</param>
    /// <param name="data">Its images; null for MNIST's.</param>
    public static Checkpoint Random(string layers, double density, double dead, int seed, DataShape? data = null)
    {
        var random = new Random(seed);
        var network = NetworkDescription.Parse(layers, data);
        var (slices, length) = (network.Slices, network.ParameterLength);
        float[] weights = new float[length], mask = [.. Enumerable.Repeat(1f, length)];
        bool[] silent = [];
        foreach (var layer in slices)
        {
            bool[] unread = silent;
            bool last = layer == slices[^1];
            bool[] deaf = [.. Enumerable.Range(0, layer.Filter.Filters).Select(_ => !last && random.NextDouble() < dead)];
            silent = [.. Enumerable.Range(0, layer.Filter.Filters).Select(_ => !last && random.NextDouble() < dead)];
            int inputs = unread.Length == 0 ? 1 : Math.Max(1, layer.Filter.FilterSize / unread.Length);
            double scale = Math.Sqrt(3 * 2 / (layer.Filter.FilterSize * density));
            for (int i = 0; i < layer.WeightCount; i++)
            {
                int column = i % layer.Filter.FilterSize / inputs;
                bool live = random.NextDouble() < density && !deaf[i / layer.Filter.FilterSize]
                    && !(unread.Length > 0 && unread[column % unread.Length]);
                mask[layer.WeightOffset + i] = live ? 1 : 0;
                weights[layer.WeightOffset + i] = live ? (float)(scale * (2 * random.NextDouble() - 1)) : 0;
            }
            for (int k = 0; k < layer.BiasCount; k++)
                weights[layer.BiasOffset + k] = (float)(random.NextDouble() - 0.5);
        }
        foreach (var p in network.Parameters.Where(p => p.Role is not (ParameterRole.Weight or ParameterRole.Bias)))
            foreach (ref float value in weights.AsSpan(p.Offset, p.Count))
                value = (float)(random.NextDouble() + p.Role switch
                {
                    ParameterRole.Scale or ParameterRole.Variance => 0.5,
                    _ => -0.5,
                });
        return new Checkpoint(network, weights, mask, 1, 0, new Dictionary<string, string>());
    }

    /// <summary>Digits are mostly paper; so are these.</summary>
    public static byte[] Images(int count, int seed, DataShape? data = null)
    {
        var random = new Random(seed);
        return
        [
            .. Enumerable.Range(0, count * (data ?? Mnist.Shape).BytesPerImage)
                .Select(_ => random.Next(5) == 0 ? (byte)random.Next(256) : (byte)0),
        ];
    }

    /// <summary>What a layer gives, how far a float result may be from each value, and their shape.</summary>
    private sealed record Value(double[] Numbers, double[] Bounds, TensorShape Shape);

    /// <summary>Logits of one image and how far a float result may be from each.</summary>
    public static (double[] Logits, double[] Bounds) Run(Checkpoint model, ReadOnlySpan<byte> image)
    {
        var value = Run(model.Network, [.. model.Weights.Select(w => (double)w)], [image.ToArray()], learning: false)[0];
        return (value.Numbers, value.Bounds);
    }

    /// <summary>Mean loss of a batch that is learned from: normalisations take its own statistics. Nothing is dropped.</summary>
    public static double Loss(NetworkDescription network, double[] weights, IReadOnlyList<byte[]> images, IReadOnlyList<int> labels) =>
        Run(network, weights, images, learning: true).Select((value, n) =>
        {
            double largest = value.Numbers.Max();
            return largest + Math.Log(value.Numbers.Sum(l => Math.Exp(l - largest))) - value.Numbers[labels[n]];
        }).Average();

    private static Value[] Run(NetworkDescription network, double[] weights, IReadOnlyList<byte[]> images, bool learning)
    {
        var data = network.Data;
        int pixels = data.Height * data.Width;
        List<Value[]> values =
        [
            [
                .. images.Select(image =>
                {
                    float Shift(int i) => data.Shift[i / pixels];
                    double[] x = [.. image.Select((b, i) => (double)(data.Scale[i / pixels] * b) + Shift(i))];
                    // Whoever folds a shift into biases rounds what stands for zero.
                    return new Value(
                        x, [.. x.Select((v, i) => Shift(i) == 0 ? 0 : 1e-6 * Math.Abs(Shift(i)) + 2 * Rounding * Math.Abs(v))], data.Image);
                }),
            ],
        ];
        foreach (var layer in network.Layers)
        {
            var batch = values[layer.Inputs[0]];
            var statistics = layer.Kind is BatchNormalizationLayer ? Statistics(layer, weights, batch, learning) : [];
            values.Add(
            [
                .. batch.Select((input, n) =>
                {
                    var y = layer.Kind switch
                    {
                        MaxPoolLayer pool => Pool(input, pool.Window),
                        AveragePoolLayer pool => Average(input, pool.Window),
                        GlobalAveragePoolLayer => Mean(input),
                        ConvolutionLayer c => Weighted(weights, layer.Slice!, c.Padding, input),
                        DenseLayer => Weighted(
                            weights, layer.Slice!, 0, input with { Shape = TensorShape.Vector(input.Numbers.Length) }),
                        BatchNormalizationLayer => Normalized(weights, layer, statistics, input),
                        DropoutLayer => input,
                        SumLayer => layer.Inputs.Skip(1).Aggregate(input, (sum, v) => Added(sum, values[v][n])),
                        _ => throw new NotSupportedException(layer.Kind.Token),
                    };
                    return layer.Relu ? y with { Numbers = [.. y.Numbers.Select(v => Math.Max(0, v))] } : y;
                }),
            ]);
        }
        return values[^1];
    }

    /// <summary>Mean and variance of each channel: the batch's, or the running ones.</summary>
    private static (double Mean, double Variance)[] Statistics(NetworkLayer layer, double[] weights, Value[] batch, bool learning) =>
    [
        .. Enumerable.Range(0, layer.Input.Channels).Select(k =>
        {
            if (!learning)
                return (weights[layer.Parameters[2].Offset + k], weights[layer.Parameters[3].Offset + k]);
            int pixels = layer.Input.Height * layer.Input.Width;
            double[] x = [.. batch.SelectMany(v => v.Numbers.Skip(k * pixels).Take(pixels))];
            double mean = x.Average();
            return (mean, x.Average(v => (v - mean) * (v - mean)));
        }),
    ];

    private static Value Weighted(double[] weights, LayerSlice layer, int padding, Value input)
    {
        var (x, bounds, shape) = input;
        var filter = layer.Filter with { Inset = 0 };
        var output = filter.Output(shape with { Padding = padding });
        double[] y = new double[output.Features], errors = new double[output.Features];
        for (int i = 0; i < y.Length; i++)
        {
            int q = i % output.Width, p = i / output.Width % output.Height, k = i / (output.Width * output.Height);
            double sum = layer.Biased ? weights[layer.BiasOffset + k] : 0, absolute = Math.Abs(sum), error = 0;
            for (int j = 0; j < filter.FilterSize; j++)
            {
                int s = j % filter.Columns, r = j / filter.Columns % filter.Rows, c = j / (filter.Columns * filter.Rows);
                int h = p * filter.Stride + r - padding, v = q * filter.Stride + s - padding;
                if (h < 0 || h >= shape.Height || v < 0 || v >= shape.Width)
                    continue;
                int at = (c * shape.Height + h) * shape.Width + v;
                double w = weights[layer.WeightOffset + k * filter.FilterSize + j];
                sum += w * x[at];
                absolute += Math.Abs(w * x[at]);
                error += Math.Abs(w) * bounds[at];
            }
            y[i] = sum;
            // Two roundings more where a normalisation was folded into the weight.
            errors[i] = error + (filter.FilterSize + (layer.Biased ? 4 : 8)) * Rounding * (absolute + error);
        }
        return new(y, errors, output);
    }

    private static Value Normalized(
        double[] weights, NetworkLayer layer, (double Mean, double Variance)[] statistics, Value input)
    {
        var (x, bounds, shape) = input;
        double[] y = new double[x.Length], errors = new double[x.Length];
        for (int i = 0; i < y.Length; i++)
        {
            int k = i / (shape.Height * shape.Width);
            var (mean, variance) = statistics[k];
            double shift = weights[layer.Parameters[1].Offset + k];
            double scale = weights[layer.Parameters[0].Offset + k] / Math.Sqrt(variance + BatchNormalization.Epsilon);
            y[i] = scale * (x[i] - mean) + shift;
            errors[i] = Math.Abs(scale) * bounds[i]
                + 12 * Rounding * (Math.Abs(scale) * (Math.Abs(x[i]) + Math.Abs(mean)) + Math.Abs(shift));
        }
        return new(y, errors, shape);
    }

    private static Value Added(Value a, Value b)
    {
        double[] y = [.. a.Numbers.Zip(b.Numbers, (v, w) => v + w)];
        return new(y, [.. y.Select((v, i) => a.Bounds[i] + b.Bounds[i] + 2 * Rounding * Math.Abs(v))], a.Shape);
    }

    private static Value Mean(Value input)
    {
        var (x, bounds, shape) = input;
        int pixels = shape.Height * shape.Width;
        double Of(Func<int, double> value, int c) => Enumerable.Range(c * pixels, pixels).Sum(value) / pixels;
        int[] channels = [.. Enumerable.Range(0, shape.Channels)];
        return new(
            [.. channels.Select(c => Of(i => x[i], c))],
            [.. channels.Select(c => Of(i => bounds[i] + (pixels + 2) * Rounding * (Math.Abs(x[i]) + bounds[i]), c))],
            TensorShape.Vector(shape.Channels));
    }

    private static Value Average(Value input, Window window)
    {
        var output = window.Output(input.Shape);
        double[] y = new double[output.Features], errors = new double[output.Features];
        int area = window.Size * window.Size;
        for (int i = 0; i < y.Length; i++)
            foreach (int at in Covered(input.Shape, window, output, i))
            {
                y[i] += input.Numbers[at] / area;
                errors[i] += (input.Bounds[at] + (area + 2) * Rounding * (Math.Abs(input.Numbers[at]) + input.Bounds[at])) / area;
            }
        return new(y, errors, output);
    }

    private static Value Pool(Value input, Window window)
    {
        var output = window.Output(input.Shape);
        double[] y = new double[output.Features], errors = new double[output.Features];
        for (int i = 0; i < y.Length; i++)
        {
            y[i] = double.NegativeInfinity;
            foreach (int at in Covered(input.Shape, window, output, i))
                (y[i], errors[i]) = (Math.Max(y[i], input.Numbers[at]), Math.Max(errors[i], input.Bounds[at]));
        }
        return new(y, errors, output);
    }

    private static IEnumerable<int> Covered(TensorShape shape, Window window, TensorShape output, int i)
    {
        int q = i % output.Width, p = i / output.Width % output.Height, c = i / (output.Width * output.Height);
        for (int j = 0; j < window.Size * window.Size; j++)
        {
            int h = p * window.Stride - window.Padding + j / window.Size, w = q * window.Stride - window.Padding + j % window.Size;
            if (h >= 0 && h < shape.Height && w >= 0 && w < shape.Width)
                yield return (c * shape.Height + h) * shape.Width + w;
        }
    }
}
