using System.IO.Compression;
using Secateurs.Model;
using Secateurs.Pruning.Coding;
using static Tests.Coding.Networks;

namespace Tests.Coding;

public class CodedFileTests
{
    private const ulong Seed = 20240611;

    public static TheoryData<Coder> Coders => [Coder.Huffman, Coder.Range];

    [Theory, MemberData(nameof(Coders))]
    public void Extreme_networks_come_back_bit_by_bit(Coder coder)
    {
        int[] Full(int n, int codebook) => [.. Enumerable.Range(0, n).Select(i => 1 + i * 7 % codebook)];
        float[] Values(int n) => [.. Enumerable.Range(0, n).Select(i => (i - n / 2) * 0.37f)];

        RoundTrip(new CodedNetwork("", []), coder);
        RoundTrip(Single([1, 1], [], [0]), coder);
        RoundTrip(Single([1, 1], [0.5f], [1]), coder);
        RoundTrip(Single([7, 11], [], new int[77]), coder);
        RoundTrip(Single([7, 11], [1f, 2f], new int[77]), coder);
        RoundTrip(Single([1, 100], [1.5f], Full(100, 1)), coder);
        RoundTrip(Single([100, 1], [-1.5f], Full(100, 1)), coder);
        RoundTrip(Single([3, 5, 7, 2], Values(256), Full(210, 256)), coder);
        RoundTrip(Single([300, 300], Values(65535), Full(90000, 65535)), coder);
        RoundTrip(Single([1, CodedNetwork.MaxWeights / 16], [1f], new int[CodedNetwork.MaxWeights / 16]), coder);
        foreach (int at in new[] { 0, 38, 76 })
        {
            var indices = new int[77];
            indices[at] = 2;
            RoundTrip(Single([7, 11], [1f, 2f, 3f], indices), coder);
        }
    }

    [Theory, MemberData(nameof(Coders))]
    public void Every_finite_float_comes_back(Coder coder)
    {
        float[] odd = [-0f, 0f, float.Epsilon, -float.Epsilon, 1e-39f, float.MaxValue, float.MinValue, 1f, 1f, MathF.BitIncrement(1f), -1f];
        float[] ascending = [.. odd.OrderBy(v => v)];
        foreach (float[] codebook in (float[][])
            [odd, ascending, [-0f], [0f], [-0f, 0f], [float.MinValue, float.MaxValue], [-3f, -2f], [2f, -2f]])
        {
            int[] indices = [.. Enumerable.Range(0, 60).Select(i => i % (codebook.Length + 1))];
            RoundTrip(Single([6, 10], codebook, indices), coder);
            var layer = Single([codebook.Length, 1], [1f], new int[codebook.Length]).Layers[0];
            RoundTrip(new CodedNetwork("bias", [layer with { Bias = codebook }]), coder);
        }
    }

    [Theory, MemberData(nameof(Coders))]
    public void Random_networks_come_back(Coder coder)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {Seed}");
        for (ulong i = 0; i < 300; i++)
        {
            var random = new Random64(Seed, i);
            var shapes = new int[1 + random.NextInt(4)][];
            for (int s = 0; s < shapes.Length; s++)
            {
                int rows = 1 + random.NextInt(12);
                shapes[s] = random.NextInt(2) == 0
                    ? [rows, 1 + random.NextInt(4), 1 + random.NextInt(5), 1 + random.NextInt(5)]
                    : [rows, s > 0 && random.NextInt(2) == 0 ? shapes[s - 1][0] * (1 + random.NextInt(9)) : 1 + random.NextInt(60)];
            }
            string name = i % 3 == 0 ? "größer ✓" : "lenet-5";
            var network = Pruned(name, shapes, Math.Pow(random.NextDouble(), 3), 1 + random.NextInt(40), Seed + i);
            if (i % 2 == 0)
                network = network with { Layers = [.. network.Layers.Select(l => Shuffled(l, random))] };
            RoundTrip(network, coder);
            RoundTrip(Normalized(network), coder);
        }

        static SharedLayer Shuffled(SharedLayer layer, Random64 random)
        {
            float[] codebook = [.. layer.Codebook], shared = [0.1f, -0.2f, 0.3f];
            random.Shuffle<float>(codebook);
            return layer with { Codebook = codebook, Bias = [.. layer.Bias.Select(b => b == 0 ? 0 : shared[random.NextInt(3)])] };
        }
    }

    [Fact]
    public void Dead_rows_columns_and_biases_cost_next_to_nothing()
    {
        // 40 weights in a corner of 20 x 30 of a layer of 1000 x 1000, against the corner alone.
        int[] corner = [.. Enumerable.Range(0, 600).Select(i => i % 15 == 0 ? 1 : 0)], large = new int[1_000_000];
        for (int i = 0; i < corner.Length; i++)
            large[i / 30 * 1000 + i % 30] = corner[i];
        int small = RoundTrip(Single([20, 30], [1f], corner), Coder.Range).Length;
        Assert.InRange(RoundTrip(Single([1000, 1000], [1f], large), Coder.Range).Length, small, small + 12);
        Assert.InRange(RoundTrip(Single([1000, 1000], [], new int[1_000_000]), Coder.Range).Length, 8, 24);
        Assert.InRange(RoundTrip(Single([1000, 1000], [], new int[1_000_000]), Coder.Huffman).Length, 8, 24);
    }

    [Fact]
    public void Few_distinct_biases_are_shared_and_short_mantissas_are_short()
    {
        float[] raw = [.. Enumerable.Range(0, 400).Select(i => MathF.Sin(i))];
        float[] shared = [.. raw.Select(b => MathF.Round(b * 4 + 0.1f) / 3)], half = [.. raw.Select(b => (float)(Half)b)];
        var layer = Single([400, 1], [1f], new int[400]).Layers[0];
        int Bytes(float[] bias) => RoundTrip(new CodedNetwork("", [layer with { Bias = bias }]), Coder.Range).Length;
        Assert.InRange(Bytes(raw), 1200, 1500);
        Assert.InRange(Bytes(half), 600, 850);
        Assert.InRange(Bytes(shared), 140, 220);
    }

    /// <summary>Layers that the description implies cost nothing, and its usual words next to nothing.</summary>
    [Theory]
    [InlineData("lenet-5-caffe", 5), InlineData("fc93r fc56r fc10", 8)]
    [InlineData("conv6@5p2r pool2 conv15@5r pool2 conv49@5r fc41r fc10", 9)]
    public void A_network_of_this_program_costs_few_bytes_of_header(string network, int bytes)
    {
        SharedLayer[] layers =
        [
            .. NetworkDescription.Parse(network).Slices.Select(s => new SharedLayer(
                s.Name, s.WeightShape, [], new int[s.WeightCount], new float[s.BiasCount])),
        ];
        var coded = new CodedNetwork(network, layers);
        int file = CodedFile.Encode(coded, Coder.Range, out var size).Length;
        Assert.True(Same(coded, CodedFile.Decode(CodedFile.Encode(coded, Coder.Range), "")));
        Assert.InRange(size.HeaderBits, 64, 8 * (8 + bytes));
        var other = coded with { Layers = [.. layers.SkipLast(1), layers[^1] with { Name = "last" }] };
        Assert.InRange(RoundTrip(other, Coder.Range).Length, file + 8, 200);
    }

    /// <summary>Stripes of one sign seven pixels wide, against the same weights with signs drawn for each.</summary>
    [Fact]
    public void Signs_of_near_weights_are_learnt()
    {
        var random = new Random64(Seed);
        int[] striped = new int[50 * 784], drawn = new int[50 * 784];
        for (int i = 0; i < striped.Length; i++)
        {
            if (random.NextInt(8) != 0)
                continue;
            striped[i] = 1 + (i % 28 + i / 784) / 7 % 2;
            drawn[i] = 1 + random.NextInt(2);
        }
        double BitsOfSigns(int[] indices)
        {
            CodedFile.Encode(Single([50, 784], [-1f, 1f], indices), Coder.Range, out var size);
            return size.Layers[0].IndexBits / size.Layers[0].Live;
        }

        Assert.InRange(BitsOfSigns(drawn), 0.99, 1.08);
        Assert.InRange(BitsOfSigns(striped), 0.2, 0.7);
    }

    [Theory]
    [InlineData(0.0033), InlineData(0.01), InlineData(0.08)]
    public void Range_is_shorter_than_Huffman_and_both_than_Brotli(double density)
    {
        foreach (var network in new[] { Lenet5Caffe(density, 16), Lenet300(density, 16) })
        {
            int huffman = RoundTrip(network, Coder.Huffman).Length, range = RoundTrip(network, Coder.Range).Length;
            int brotli = Brotli(network);
            double han = network.Layers.Sum(l => HanAccounting.Of(l).CodedBits) / 8;
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{network.Network} at {density:P2}: range {range}, huffman {huffman}, brotli {brotli} B; "
                + $"Han-style, no biases {han:F0} B; dense {FileSize.DenseBytes(network)} B");
            Assert.InRange(range, 0, 0.95 * huffman);
            Assert.InRange(huffman, 0, brotli - 1);
        }
    }

    [Fact]
    public void Networks_that_no_file_can_hold_are_refused_in_one_line()
    {
        var good = Single([2, 2], [1f, 2f], [0, 1, 2, 0]).Layers[0];
        SharedLayer[] bad =
        [
            good with { Codebook = [1f, float.NaN] },
            good with { Codebook = [1f, float.PositiveInfinity] },
            good with { Bias = [float.NaN, 0] },
            good with { Bias = [0f] },
            good with { Indices = [0, 1, 3, 0] },
            good with { Indices = [0, 1, -1, 0] },
            good with { Indices = [0, 1, 2] },
            good with { Shape = [4] },
            good with { Shape = [2, 2, 1] },
            good with { Shape = [0, 4] },
            good with { Shape = [65536, 65536] },
            good with { Name = new string('x', 256) },
            good with { Name = "\ud800" },
            good with { Codebook = new float[65536] },
        ];
        Assert.All(bad, layer => Refused(new CodedNetwork("", [layer])));
        Refused(new CodedNetwork(new string('x', CodedNetwork.MaxNetworkBytes + 1), []));
        Refused(new CodedNetwork("", [.. Enumerable.Repeat(good, 256)]));
        Refused(new CodedNetwork("", [good]) { Others = [[1f, float.NaN]] });
        Refused(new CodedNetwork("", [good]) { Others = [new float[CodedNetwork.MaxCodebook + 1]] });
        Refused(new CodedNetwork("", [good]) { Others = [.. Enumerable.Repeat<float[]>([], CodedNetwork.MaxOthers + 1)] });

        static void Refused(CodedNetwork network)
        {
            var error = Assert.Throws<UserException>(() => CodedFile.Encode(network, Coder.Range));
            Assert.Equal(ErrorKind.Failed, error.Kind);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    /// <summary>The baseline: indices as bytes, codebooks and biases in fp32, through Brotli at its best.</summary>
    private static int Brotli(CodedNetwork network)
    {
        byte[] raw = [.. network.Layers.SelectMany(l => l.Indices.Select(i => (byte)i)
            .Concat(l.Codebook.Concat(l.Bias).SelectMany(BitConverter.GetBytes)))];
        byte[] packed = new byte[raw.Length + 1000];
        Assert.True(BrotliEncoder.TryCompress(raw, packed, out int length, quality: 11, window: 24));
        return length;
    }
}
