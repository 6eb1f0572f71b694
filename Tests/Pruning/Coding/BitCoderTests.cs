using System.Text;
using Secateurs.Model;
using Secateurs.Pruning.Coding;

namespace Tests.Coding;

public class BitCoderTests
{
    [Fact]
    public void Bits_of_any_probability_come_back_at_their_ideal_length()
    {
        for (ulong seed = 0; seed < 50; seed++)
        {
            var random = new Random64(seed);
            int count = random.NextInt(20_000);
            double Skewed() => Math.Pow(random.NextDouble(), 4);
            int[] probabilities = [.. Enumerable.Range(0, count).Select(_ => Math.Clamp((int)(65536 * Skewed()), 1, 65535))];
            int[] bits = [.. probabilities.Select(p => random.NextInt(65536) < p ? 1 : 0)];
            var encoder = new BitEncoder();
            for (int i = 0; i < count; i++)
                encoder.Code(bits[i], probabilities[i]);
            byte[] bytes = encoder.Finish();
            Assert.InRange(8.0 * bytes.Length, encoder.Bits - 8, encoder.Bits + 9);
            var decoder = new BitDecoder(bytes, "");
            Assert.Equal(bits, probabilities.Select(p => decoder.Code(0, p)));
            decoder.Finish();
        }
    }

    [Fact]
    public void Unlikely_bits_in_a_row_come_back()
    {
        foreach (int probability in new[] { 1, 65535 })
        {
            var encoder = new BitEncoder();
            for (int i = 0; i < 3000; i++)
                encoder.Code(i % 7 == 0 ? 1 : 0, probability);
            var decoder = new BitDecoder(encoder.Finish(), "");
            for (int i = 0; i < 3000; i++)
                Assert.Equal(i % 7 == 0 ? 1 : 0, decoder.Code(0, probability));
        }
    }

    [Fact]
    public void Reading_far_behind_the_end_is_refused()
    {
        var decoder = new BitDecoder([], "short");
        var error = Assert.Throws<UserException>(() => decoder.Raw(0, 30) + decoder.Raw(0, 30) + decoder.Raw(0, 30));
        Assert.Equal("short: expected more data, found the end of the file", error.Message);
    }

    /// <summary>The check value of the CRC catalogue.</summary>
    [Fact]
    public void Checksum_is_the_common_one() => Assert.Equal(0xCBF43926, Crc32.Of(Encoding.ASCII.GetBytes("123456789")));
}
