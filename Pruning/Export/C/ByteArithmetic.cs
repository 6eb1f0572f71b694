using System.Globalization;
using Secateurs.Model;

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
    private const int MostWeight = 127, MostByte = 255, MostShift = 22, MostMultiplier = ushort.MaxValue;

    /// <summary>What a score of one stands for, once the last layer is a step.</summary>
    public double ScoreScale { get; private set; }

    public override string Name => "int8";

    public override bool ReadsBytes => true;

    public override (int Weight, int Bias) Bytes => (1, 4);

    public override (Rows<int> Rows, IFinish<int> Finish) Weighted(int output, Rows<double> rows, double[] zeros, bool relu, bool last)
    {
        double largest = rows.Weights.Length == 0 ? 0 : rows.Weights.Max(Math.Abs);
        // Where there is no weight, biases alone must be told apart.
        double scale = largest > 0 ? largest / MostWeight : Math.Max(rows.Biases.Max(Math.Abs) / short.MaxValue, 1e-30);
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
            bias = Math.Round(bias);
            if (!(Math.Abs(bias) + reach <= int.MaxValue))
                throw Overflow(output, "sum");
            biases[k] = (int)bias;
            bound = Math.Max(bound, reach + Math.Abs(biases[k]));
        }
        var numbers = new Rows<int>(starts, [.. offsets], [.. weights], biases);
        if (last)
        {
            ScoreScale = scale;
            return (numbers, new Score());
        }
        var (least, most) = ranges[output];
        var finish = Narrowing.Of(scale, bound, Math.Min(least, 0), Math.Max(most, 0)) ?? throw Overflow(output, "product");
        Encodings[output] = Encoding.Of(rows.Count, finish.Scale, finish.Zero);
        return (numbers, finish);
    }

    public override int Border(double zero)
    {
        double border = Math.Round(zero);
        return border is >= 0 and <= MostByte ? (int)border : throw new UserException(
            ErrorKind.Failed, "padding: expected pixels of which a byte of 0 to 255 stands for zero, in int8, found "
            + string.Create(CultureInfo.InvariantCulture, $"{border}; --arithmetic float takes them"));
    }

    public override int Average(int sum, int count) => (sum + count / 2) / count;

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

    public override string AverageFunction => """
        static value average(total sum, unsigned count)
        {
            return (value)((sum + (total)(count / 2)) / (total)count);
        }

        """;

    private static UserException Overflow(int value, string what) => new(
        ErrorKind.Failed,
        $"layer {value}: expected weights whose {what} fits 32 bits in int8, found larger ones; --arithmetic float takes them");

    /// <summary>A sum that stays as it is.</summary>
    private sealed record Score : IFinish<int>
    {
        public int Of(int sum) => sum;

        public string Fields => ".multiplier = 1";
    }

    /// <summary>(sum · Multiplier + Offset) / 2^Shift within 0 and 255, which stands for Scale (byte - Zero).</summary>
    private sealed record Narrowing(int Multiplier, int Offset, int Shift, double Scale, int Zero) : IFinish<int>
    {
        public int Of(int sum)
        {
            int product = checked(sum * Multiplier + Offset);
            return product < 0 ? 0 : Math.Min(product >> Shift, MostByte);
        }

        public string Fields => $".multiplier = {Multiplier}, .offset = {Offset}, .shift = {Shift}";

        /// <summary>The finest for sums of a scale and bound; null where there is none.</summary>
        public static Narrowing? Of(double sumScale, long bound, double least, double most)
        {
            double range = Math.Max(most - least, sumScale);
            for (int shift = MostShift; shift >= 0; shift--)
            {
                double exact = MostByte * sumScale / range * (1 << shift);
                if (exact < 1 || exact > MostMultiplier)
                    continue;
                int multiplier = (int)exact;
                double scale = sumScale * (1 << shift) / multiplier;
                int zero = (int)Math.Clamp(Math.Round(-least / scale), 0, MostByte);
                int offset = (zero << shift) + (1 << shift >> 1);
                if (bound * multiplier + offset <= int.MaxValue)
                    return new Narrowing(multiplier, offset, shift, scale, zero);
            }
            return null;
        }
    }
}
