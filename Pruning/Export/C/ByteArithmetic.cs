using System.Globalization;

namespace Secateurs.Pruning.Export.C;

/// <summary>
/// Values are bytes q of 0 to 255 that stand for s (q - z), with a scale s and a zero z of each value; weights are bytes of -127 to 127
/// that stand for t w, with a scale t of each layer. A layer's sum is exact in 32 bits, sum = b + Σ w q with b = bias / (s t) - Σ w z
/// rounded, and becomes the byte of its output by y = (sum · m + o) / 2^n, rounded down, within 0 and 255. Cf. Jacob et al.,
/// Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018.
/// </summary>
/// <remarks>
/// The multiplier m is a whole number, and what the output's bytes stand for follows from it: no rounding of scales adds to the error.
/// n is the largest for which no sum can overflow, whatever the image: |b| + 255 Σ|w| bounds a sum and all of its parts.
/// A ReLU costs nothing: there z is 0, and what is below becomes 0.
/// </remarks>
/// <param name="ranges">Smallest and largest real number of each value, on training images.</param>
internal sealed class ByteArithmetic(IReadOnlyDictionary<int, (double Least, double Most)> ranges) : Arithmetic<int>
{
    private const int MostWeight = 127, MostByte = Narrowing.MostByte;

    /// <summary>What a score of one stands for, once the last layer is a step.</summary>
    public double ScoreScale { get; private set; }

    public override string Name => "int8";

    public override bool ReadsBytes => true;

    public override (int Weight, int Bias) Bytes => (1, 4);

    public override (Rows<int> Rows, IFinish<int> Finish) Weighted(int output, Rows<double> rows, double[] zeros, bool relu, bool last)
    {
        double scale = ScaleOf(rows, zeros);
        int[] starts = new int[rows.Count + 1], biases = new int[rows.Count];
        List<int> offsets = [], weights = [];
        long bound = 0;
        for (int k = 0; k < rows.Count; k++)
        {
            double bias = rows.Biases[k] / scale;
            long reach = 0;
            for (int i = rows.Starts[k]; i < rows.Starts[k + 1]; i++)
            {
                int w = (int)Math.Round(rows.Weights[i] / scale);
                bias -= w * zeros[i];
                if (w == 0)
                    continue;
                offsets.Add(rows.Offsets[i]);
                weights.Add(w);
                reach += MostByte * Math.Abs(w);
            }
            starts[k + 1] = offsets.Count;
            biases[k] = (int)Math.Round(bias);
            bound = Math.Max(bound, checked((int)(reach + Math.Abs(biases[k]))));
        }
        var numbers = new Rows<int>(starts, [.. offsets], [.. weights], biases);
        if (last)
        {
            ScoreScale = scale;
            return (numbers, new Score());
        }
        var (least, most) = ranges[output];
        var finish = Narrowing.Of(scale, bound, Math.Min(least, 0), Math.Max(most, 0));
        Encodings[output] = Encoding.Of(rows.Count, finish.Scale, finish.Zero);
        return (numbers, finish);
    }

    public override int Border(double zero) => checked((byte)Math.Round(zero));

    /// <summary>
    /// What a weight of 1 stands for: as fine as the largest weight allows, and coarse enough for sums of 28 bits and their roundings,
    /// whatever the image. It is coarser where next to biases the weights hardly matter.
    /// </summary>
    private static double ScaleOf(Rows<double> rows, double[] zeros)
    {
        double largest = 0, bound = 0;
        for (int k = 0; k < rows.Count; k++)
        {
            double bias = rows.Biases[k], reach = 0;
            for (int i = rows.Starts[k]; i < rows.Starts[k + 1]; i++)
            {
                double w = rows.Weights[i];
                (largest, bias, reach) = (Math.Max(largest, Math.Abs(w)), bias - w * zeros[i], reach + MostByte * Math.Abs(w));
            }
            bound = Math.Max(bound, Math.Abs(bias) + reach);
        }
        return Math.Max(Math.Max(largest / MostWeight, bound / Narrowing.MostSum), 1e-30);
    }

    /// <summary>A whole number of 2^-n for each factor; the output's range says what its bytes stand for.</summary>
    public override (Mix<int> Mix, IFinish<int> Finish) Mixed(
        int output, IReadOnlyList<int> inputs, double[][] factors, double[] biases, bool relu)
    {
        var (least, most) = (Math.Min(ranges[output].Least, 0), Math.Max(ranges[output].Most, 0));
        var encodings = inputs.Select(i => Encodings[i]).ToArray();
        double[][] steps = [.. factors.Select((f, t) => f.Select((factor, c) => factor * encodings[t].Scale[c]).ToArray())];
        double[] shifts = [.. biases.Select((b, c) => b - steps.Select((f, t) => f[c] * encodings[t].Zero[c]).Sum())];
        double largest = shifts.Select((s, c) => Math.Abs(s) + MostByte * steps.Sum(f => Math.Abs(f[c]))).Max();
        // Where nothing comes out on training images, sums must still fit.
        double scale = largest > 0 ? Math.Max((most - least) / MostByte, largest / Narrowing.MostSum) : 1;
        int zero = Narrowing.ZeroOf(least, scale);
        int bits = Narrowing.MostShift;
        while (bits > 0 && (largest / scale + 1) * (1 << bits) + Narrowing.OffsetOf(zero, bits) + MostByte * factors.Length > int.MaxValue)
            bits--;
        double unit = (1 << bits) / scale;
        Encodings[output] = Encoding.Of(biases.Length, scale, zero);
        return (
            new Mix<int>(
                [.. steps.Select(f => f.Select(step => (int)Math.Round(step * unit)).ToArray())],
                [.. shifts.Select(s => (int)Math.Round(s * unit) + Narrowing.OffsetOf(zero, bits))]),
            new Narrowing(1, 0, bits, scale, zero));
    }

    /// <summary>As fine as the means' range asks for; where channels differ in what bytes stand for, they go on as they are.</summary>
    public override IFinish<int> Mean(int output, int input, int count)
    {
        var encoding = Encodings[input];
        double scale = encoding.Scale[0], zero = encoding.Zero[0];
        var (least, most) = ranges[output];
        if (encoding.IsUniform && scale > 0)
        {
            var finish = Narrowing.Of(scale / count, (long)MostByte * count, Math.Min(least, 0), Math.Max(most, 0), -count * zero);
            Encodings[output] = Encoding.Of(encoding.Scale.Length, finish.Scale, finish.Zero);
            return finish;
        }
        Encodings[output] = encoding;
        return Narrowing.Of(1.0 / count, (long)MostByte * count, 0, MostByte);
    }

    public override int MeanOf(int sum, int count) => sum;

    public override string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    public override string Types => """
        typedef uint8_t value;      /* what layers read and write */
        typedef int8_t weight;
        typedef int32_t total;      /* a sum of products */

        """;

    public override string Fields => "uint8_t shift;\n    uint16_t multiplier;\n    int32_t offset;";

    public override string Functions => """
        /* No product overflows, whatever the image: the multipliers are chosen so. */
        static value narrow(total sum, const layer *l)
        {
            sum = sum * (total)l->multiplier + l->offset;
            if (sum < 0)
                return 0;
            sum >>= l->shift;
            return (value)(sum > 255 ? 255 : sum);
        }

        """;

    public override string MeanInC => "sum";

    /// <summary>A sum that stays as it is.</summary>
    private sealed record Score : IFinish<int>
    {
        public int Of(int sum) => sum;

        public string Fields => ".multiplier = 1";
    }
}
