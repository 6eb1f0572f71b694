using Secateurs.Model;

namespace Secateurs.Pruning.Compression;

/// <summary>Fewer different numbers: what a file need not tell apart costs no bits.</summary>
internal static class Rounding
{
    private const int MantissaBits = 23;

    /// <summary>The nearest float with so many mantissa bits, ties to even; 7 is bfloat16's precision.</summary>
    public static float Of(float value, int bits)
    {
        int drop = MantissaBits - bits, word = BitConverter.SingleToInt32Bits(value);
        if (drop == 0)
            return value;
        int half = (1 << (drop - 1)) - 1, odd = (word >> drop) & 1;
        return BitConverter.Int32BitsToSingle((word + half + odd) & -(1 << drop));
    }

    /// <summary>Biases as at most so many shared values; a bias that is zero stays so.</summary>
    public static float[] Shared(float[] biases, int count)
    {
        var shared = Clustering.Of(biases, Array.ConvertAll(biases, b => b == 0 ? 0f : 1f), count);
        return Array.ConvertAll(shared.Indices, i => i == 0 ? 0f : shared.Codebook[i - 1]);
    }
}
