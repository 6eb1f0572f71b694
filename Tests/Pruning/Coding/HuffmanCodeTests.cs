using Secateurs.Model;
using Secateurs.Pruning.Coding;

namespace Tests.Coding;

public class HuffmanCodeTests
{
    /// <summary>The total length is the sum of all merged pairs; the fourth case is the textbook's (Cormen et al.).</summary>
    [Theory]
    [InlineData(new long[] { 1, 1 }, 2)]
    [InlineData(new long[] { 5, 0, 0 }, 0)]
    [InlineData(new long[] { 0, 0 }, 0)]
    [InlineData(new long[] { 45, 13, 12, 16, 9, 5 }, 224)]
    [InlineData(new long[] { 1, 2, 4, 8, 16 }, 56)]
    public void Lengths_are_optimal(long[] frequencies, long bits) => Assert.Equal(bits, HuffmanCode.Build(frequencies).Cost(frequencies));

    [Fact]
    public void Tables_and_symbols_come_back()
    {
        var random = new Random64(7);
        for (int round = 0; round < 200; round++)
        {
            int symbols = 1 + random.NextInt(round < 190 ? 40 : 3000);
            long[] frequencies = new long[symbols];
            int[] text = [.. Enumerable.Range(0, random.NextInt(500)).Select(_ => random.NextInt(1 + random.NextInt(symbols)))];
            foreach (int symbol in text)
                frequencies[symbol]++;
            var code = HuffmanCode.Build(frequencies);
            var encoder = new BitEncoder();
            HuffmanCode.CodeTable(encoder, code, symbols, "");
            double table = encoder.Bits;
            foreach (int symbol in text)
                code.Code(encoder, symbol);
            Assert.Equal(code.Cost(frequencies), encoder.Bits - table, 1e-6);
            var decoder = new BitDecoder(encoder.Finish(), "");
            var read = HuffmanCode.CodeTable(decoder, null, symbols, "");
            Assert.Equal(text, text.Select(_ => read.Code(decoder, 0)));
            decoder.Finish();
        }
    }

    /// <summary>
    /// Fibonacci frequencies ask for the deepest tree, 39 bits for 40 symbols; lengths stay within 24 and near the entropy.
    /// </summary>
    [Fact]
    public void Depth_is_limited()
    {
        long[] fibonacci = new long[40];
        for (int i = 0; i < 40; i++)
            fibonacci[i] = i < 2 ? 1 : fibonacci[i - 1] + fibonacci[i - 2];
        var code = HuffmanCode.Build(fibonacci);
        double total = fibonacci.Sum(), entropy = fibonacci.Sum(f => -f * Math.Log2(f / total));
        Assert.InRange(code.Cost(fibonacci), entropy, 1.05 * entropy);

        var encoder = new BitEncoder();
        HuffmanCode.CodeTable(encoder, code, 40, "");
        for (int symbol = 0; symbol < 40; symbol++)
        {
            double before = encoder.Bits;
            code.Code(encoder, symbol);
            Assert.InRange(encoder.Bits - before, 1, 24.0001);
        }
        var decoder = new BitDecoder(encoder.Finish(), "");
        var read = HuffmanCode.CodeTable(decoder, null, 40, "");
        Assert.Equal(Enumerable.Range(0, 40), Enumerable.Range(0, 40).Select(_ => read.Code(decoder, 0)));
    }
}
