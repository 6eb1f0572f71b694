using System.Globalization;

namespace Secateurs.Pruning.Export.C;

/// <summary>Floats, which stand for what they are; those of an image for its bytes.</summary>
internal sealed class FloatArithmetic : Arithmetic<float>
{
    public override string Name => "float";

    public override bool ReadsBytes => false;

    public override (int Weight, int Bias) Bytes => (4, 4);

    public override (Rows<float> Rows, IFinish<float> Finish) Weighted(
        int output, Rows<double> rows, double[] zeros, bool relu, bool last)
    {
        Encodings[output] = Encoding.Of(rows.Count, 1, 0);
        var biases = new float[rows.Count];
        for (int k = 0; k < rows.Count; k++)
        {
            double bias = rows.Biases[k];
            for (int i = rows.Starts[k]; i < rows.Starts[k + 1]; i++)
                bias -= rows.Weights[i] * zeros[i];
            biases[k] = (float)bias;
        }
        return (new Rows<float>(rows.Starts, rows.Offsets, [.. rows.Weights.Select(w => (float)w)], biases), new Rectifier(relu));
    }

    public override float Border(double zero) => (float)zero;

    public override (Mix<float> Mix, IFinish<float> Finish) Mixed(
        int output, IReadOnlyList<int> inputs, double[][] factors, double[] biases, bool relu)
    {
        var encodings = inputs.Select(i => Encodings[i]).ToArray();
        Encodings[output] = Encoding.Of(biases.Length, 1, 0);
        double[][] steps = [.. factors.Select((f, t) => f.Select((factor, c) => factor * encodings[t].Scale[c]).ToArray())];
        return (
            new Mix<float>(
                [.. steps.Select(f => f.Select(step => (float)step).ToArray())],
                [.. biases.Select((b, c) => (float)(b - steps.Select((f, t) => f[c] * encodings[t].Zero[c]).Sum()))]),
            new Rectifier(relu));
    }

    public override IFinish<float> Mean(int output, int input, int count)
    {
        Encodings[output] = Encodings[input];
        return new Rectifier(false);
    }

    public override float MeanOf(float sum, int count) => sum / count;

    public override string Text(float number)
    {
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny(".E") ? $"{text}f" : $"{text}.0f";
    }

    public override string Types => """
        typedef float value;        /* what layers read and write */
        typedef float weight;
        typedef float total;        /* a sum of products */

        """;

    public override string Fields => "uint8_t relu;           /* whether max(0, x) follows */";

    public override string Functions => """
        static value narrow(total sum, const layer *l)
        {
            return l->relu && sum < 0 ? 0 : sum;
        }

        """;

    public override string MeanInC => "sum / (total)(rows * columns)";

    private sealed record Rectifier(bool Relu) : IFinish<float>
    {
        public float Of(float sum) => Relu && sum < 0 ? 0 : sum;

        public string Fields => $".relu = {(Relu ? 1 : 0)}";
    }
}
