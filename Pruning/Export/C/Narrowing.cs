using System.Globalization;

namespace Secateurs.Pruning.Export.C;

/// <summary>
/// (sum · Multiplier + Offset) / 2^Shift, rounded down, within 0 and 255: a byte that stands for Scale (byte - Zero).
/// </summary>
internal sealed record Narrowing(int Multiplier, int Offset, int Shift, double Scale, int Zero) : IFinish<int>
{
    public const int MostByte = byte.MaxValue, MostShift = 22;

    /// <summary>Of a sum before it is multiplied, so that products and what comes to them fit 32 bits.</summary>
    public const int MostSum = 1 << 28;

    private const int MostMultiplier = ushort.MaxValue;

    /// <summary>Bytes are no finer than this part of what sums might be at most, whatever is seen in training.</summary>
    private const double FinestPart = 1.0 / (1 << 20);

    public int Of(int sum)
    {
        int product = checked(sum * Multiplier + Offset);
        return product < 0 ? 0 : Math.Min(product >> Shift, MostByte);
    }

    public string Fields => string.Create(
        CultureInfo.InvariantCulture, $".multiplier = {Multiplier}, .offset = {Offset}, .shift = {Shift}");

    /// <summary>The finest for sums of a scale and bound.</summary>
    /// <param name="sumScale">What a sum of 1 stands for.</param>
    /// <param name="bound">Of the magnitude of any sum.</param>
    /// <param name="least">Smallest number that bytes must stand for, at most 0.</param>
    /// <param name="most">Largest, at least 0.</param>
    /// <param name="shift">Of sums, so that 0 stands for zero: what comes to a sum before it is multiplied.</param>
    public static Narrowing Of(double sumScale, long bound, double least, double most, double shift = 0)
    {
        double range = Math.Max(most - least, FinestPart * sumScale * bound);
        for (int bits = MostShift; bits >= 0; bits--)
        {
            double exact = MostByte * sumScale / range * (1 << bits);
            if (exact < 1 || exact > MostMultiplier)
                continue;
            int multiplier = (int)exact;
            double scale = sumScale * (1 << bits) / multiplier;
            int zero = ZeroOf(least, scale);
            double offset = Math.Round(shift * multiplier) + OffsetOf(zero, bits);
            if ((double)bound * multiplier + Math.Abs(offset) <= int.MaxValue)
                return new Narrowing(multiplier, (int)offset, bits, scale, zero);
        }
        throw new InvalidOperationException($"no bytes of {least} to {most} for sums of {sumScale} and at most {bound}");
    }

    /// <summary>The byte that stands for zero where <paramref name="least"/> is the smallest number.</summary>
    public static int ZeroOf(double least, double scale) => (int)Math.Clamp(Math.Round(-least / scale), 0, MostByte);

    /// <summary>What makes a product round to the nearest byte, and zero become its byte.</summary>
    public static int OffsetOf(int zero, int shift) => (zero << shift) + (1 << shift >> 1);
}
