using System.Numerics;

namespace Secateurs.Model;

/// <summary>
/// The project's only source of random numbers: xoshiro256** 1.0 (D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number
/// Generators", ACM TOMS 47, 2021), its 256 bits of state filled by SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014). Every
/// method uses integers, IEEE + - * / and square root only, so one seed gives the same bits on every platform and .NET version, which
/// neither System.Random nor the C library's logarithm promises. Not for secrets.
/// </summary>
public sealed class Random64
{
    private ulong s0, s1, s2, s3;

    /// <summary>Starts the sequence of a seed. Different streams of one seed are unrelated sequences: one for each purpose.</summary>
    public Random64(ulong seed, ulong stream = 0)
    {
        ulong state = seed ^ Mix(stream);
        s0 = Mix(state += Golden);
        s1 = Mix(state += Golden);
        s2 = Mix(state += Golden);
        s3 = Mix(state + Golden);
    }

    private const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>64 even bits.</summary>
    public ulong NextUInt64()
    {
        ulong result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        ulong t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>
    /// An integer of [0, <paramref name="bound"/>), each equally likely: the high half of a 128-bit product, redrawn where the low half
    /// falls into the uneven rest (D. Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29, 2019).
    /// </summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        ulong range = (ulong)bound;
        ulong high = Math.BigMul(NextUInt64(), range, out ulong low);
        if (low < range)
        {
            ulong rest = unchecked(0 - range) % range; // 2^64 mod range
            while (low < rest)
                high = Math.BigMul(NextUInt64(), range, out low);
        }

        return (int)high;
    }

    /// <summary>A multiple of 2^-24 in [0, 1).</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1f / (1 << 24));

    /// <summary>A multiple of 2^-53 in [0, 1).</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1L << 53));

    /// <summary>A normal deviate, mean 0 and deviation 1, by the polar method (G. Marsaglia, T. Bray, SIAM Review 6, 1964).</summary>
    public double NextGaussian()
    {
        double u, radius;
        do
        {
            u = 2 * NextDouble() - 1;
            double v = 2 * NextDouble() - 1;
            radius = u * u + v * v;
        }
        while (radius is >= 1 or 0);

        return u * Math.Sqrt(-2 * Log(radius) / radius);
    }

    /// <summary>Puts the items into a random order, every order equally likely (Fisher-Yates, R. Durstenfeld 1964).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>SplitMix64's finaliser; it maps 0 to 0, so stream 0 is the seed's plain sequence.</summary>
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>
    /// The natural logarithm of a positive normal number to about 1 ulp, from exact operations only: x = m 2^e with m in
    /// [sqrt(1/2), sqrt(2)), ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| under 0.172.
    /// </summary>
    private static double Log(double x)
    {
        int exponent = Math.ILogB(x);
        double m = Math.ScaleB(x, -exponent);
        if (m >= 1.4142135623730951)
        {
            m /= 2;
            exponent++;
        }

        double s = (m - 1) / (m + 1), square = s * s, sum = 0;
        for (int k = 23; k >= 1; k -= 2)
            sum = sum * square + 1.0 / k;
        return exponent * 0.6931471805599453 + 2 * s * sum;
    }
}
