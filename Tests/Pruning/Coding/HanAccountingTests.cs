using Secateurs.Pruning.Coding;
using static Tests.Coding.Networks;

namespace Tests.Coding;

public class HanAccountingTests
{
    /// <summary>The paper's figure 2: weights at 1, 4 and 15 with gaps of 3 bits need one filler, 8 behind the second.</summary>
    [Fact]
    public void Figure_2_is_counted_as_in_the_paper()
    {
        var indices = new int[16];
        (indices[1], indices[4], indices[15]) = (1, 2, 3);
        var size = HanAccounting.Of(Single([1, 16], [3.4f, 0.9f, 1.7f], indices).Layers[0], gapBits: 3);
        Assert.Equal((3, 4, 2, 3), (size.Live, size.Entries, size.WeightBits, size.GapBits));
        Assert.Equal(3 * 32 + 4 * (2 + 3), size.Bits);
        // Four different indices: 2 bits each. Gaps 2, 3, 8, 3: lengths 2, 1, 2, 1.
        Assert.Equal(3 * 32 + 4 * 2 + 6, size.CodedBits, 1e-9);
    }

    [Fact]
    public void Full_empty_and_single_layers()
    {
        var full = HanAccounting.Of(Single([4, 8], [1f, 2f], [.. Enumerable.Range(0, 32).Select(i => 1 + i % 2)]).Layers[0]);
        Assert.Equal((32, 1, 64.0 + 32 * 6, 64.0 + 32), (full.Entries, full.WeightBits, full.Bits, full.CodedBits));
        var empty = HanAccounting.Of(Single([4, 8], [], new int[32]).Layers[0]);
        Assert.Equal((0, 0.0, 0.0), (empty.Entries, empty.Bits, empty.CodedBits));
    }

    /// <summary>
    /// At the paper's own densities and bits (6 and 5) LeNet-300-100 comes to its 32x before and 40x after Huffman coding.
    /// </summary>
    [Fact]
    public void Deep_Compression_at_its_own_density()
    {
        (int[] Shape, double Density)[] table2 = [([300, 784], 0.08), ([100, 300], 0.09), ([10, 100], 0.26)];
        var layers = table2.Select(t => Pruned("", [t.Shape], t.Density, 63, 1).Layers[0]).ToArray();
        double dense = 32.0 * layers.Sum(l => l.Indices.Length);
        Assert.InRange(dense / layers.Sum(l => HanAccounting.Of(l).Bits), 28, 36);
        Assert.InRange(dense / layers.Sum(l => HanAccounting.Of(l).CodedBits), 34, 48);
    }
}
