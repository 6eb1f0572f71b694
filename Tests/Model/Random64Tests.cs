using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class Random64Tests
{
    /// <summary>Figures of the authors' C code (xoshiro256starstar.c seeded by splitmix64.c).</summary>
    [Theory]
    [InlineData(0ul, 0ul, new ulong[] { 11091344671253066420, 13793997310169335082, 1900383378846508768, 7684712102626143532 })]
    [InlineData(1234567ul, 0ul, new ulong[] { 3504822795582309479, 1819558768956484042, 1250851346055027673, 16940231675099994102 })]
    [InlineData(1234567ul, 7ul, new ulong[] { 8463230865564928460, 1082192957812641933, 17909201071504068519, 9140882729214715536 })]
    public void Gives_the_published_sequence(ulong seed, ulong stream, ulong[] expected)
    {
        var random = new Random64(seed, stream);
        Assert.Equal(expected, expected.Select(_ => random.NextUInt64()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(97)]
    public void Integers_are_even_over_their_range(int bound)
    {
        var random = new Random64(1);
        int[] counts = new int[bound];
        for (int i = 0; i < 1000 * bound; i++)
            counts[random.NextInt(bound)]++;
        AssertEven(counts, 1000);
    }

    [Fact]
    public void Integers_of_the_widest_range_reach_both_ends()
    {
        var random = new Random64(1);
        int[] drawn = [.. Enumerable.Range(0, 10_000).Select(_ => random.NextInt(int.MaxValue))];
        Assert.InRange(drawn.Min(), 0, 1_000_000);
        Assert.InRange(drawn.Max(), int.MaxValue - 1_000_000, int.MaxValue - 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void An_empty_range_is_refused(int bound) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Random64(1).NextInt(bound));

    [Fact]
    public void Fractions_are_even_multiples_of_their_unit_below_one()
    {
        var random = new Random64(1);
        int[] single = new int[64], wide = new int[64];
        for (int i = 0; i < 64_000; i++)
        {
            float f = random.NextSingle();
            double d = random.NextDouble();
            Assert.True(f is >= 0 and < 1 && f * (1 << 24) % 1 == 0);
            Assert.True(d is >= 0 and < 1 && d * (1L << 53) % 1 == 0);
            single[(int)(f * 64)]++;
            wide[(int)(d * 64)]++;
        }

        AssertEven(single, 1000);
        AssertEven(wide, 1000);
    }

    [Fact]
    public void Normal_deviates_have_the_moments_and_tails_of_the_bell()
    {
        const int n = 200_000;
        var random = new Random64(1);
        double[] x = [.. Enumerable.Range(0, n).Select(_ => random.NextGaussian())];

        // Five standard errors each.
        Assert.InRange(x.Average(), -5 / Math.Sqrt(n), 5 / Math.Sqrt(n));
        Assert.InRange(x.Average(v => v * v), 1 - 5 * Math.Sqrt(2.0 / n), 1 + 5 * Math.Sqrt(2.0 / n));
        Assert.InRange(x.Average(v => v * v * v), -5 * Math.Sqrt(15.0 / n), 5 * Math.Sqrt(15.0 / n));
        Assert.InRange(x.Average(v => v * v * v * v), 3 - 5 * Math.Sqrt(96.0 / n), 3 + 5 * Math.Sqrt(96.0 / n));
        Assert.InRange(x.Count(v => Math.Abs(v) > 3) / (double)n, 0.0027 - 0.0006, 0.0027 + 0.0006);
    }

    [Fact]
    public void Normal_deviates_are_the_polar_method_to_the_last_digits()
    {
        Random64 random = new(3), uniform = new(3);
        for (int i = 0; i < 10_000; i++)
        {
            double u, r;
            do
            {
                u = 2 * uniform.NextDouble() - 1;
                double v = 2 * uniform.NextDouble() - 1;
                r = u * u + v * v;
            }
            while (r is >= 1 or 0);
            double expected = u * Math.Sqrt(-2 * Math.Log(r) / r);

            // The logarithm loses digits near r = 1 in relation to itself, in both computations alike.
            Assert.Equal(expected, random.NextGaussian(), 1e-15 * (1 + Math.Abs(expected)));
        }
    }

    [Fact]
    public void Shuffling_makes_every_order_equally_likely()
    {
        var random = new Random64(1);
        var counts = new Dictionary<string, int>();
        for (int i = 0; i < 24_000; i++)
        {
            char[] items = ['a', 'b', 'c', 'd'];
            random.Shuffle(items.AsSpan());
            string order = new(items);
            counts[order] = counts.GetValueOrDefault(order) + 1;
        }

        Assert.Equal(24, counts.Count);
        Assert.All(counts.Keys, order => Assert.Equal("abcd", string.Concat(order.Order())));
        AssertEven([.. counts.Values], 1000);
    }

    /// <summary>Chi-squared within five deviations of its mean, the number of free bins.</summary>
    private static void AssertEven(int[] counts, double expected)
    {
        double free = counts.Length - 1;
        double chi = counts.Sum(count => (count - expected) * (count - expected) / expected);
        Assert.InRange(chi, free - 5 * Math.Sqrt(2 * free), free + 5 * Math.Sqrt(2 * free));
    }
}
