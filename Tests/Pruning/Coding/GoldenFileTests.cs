using System.Runtime.CompilerServices;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;
using static Tests.Coding.Networks;

namespace Tests.Coding;

/// <summary>
/// Files of each format version, written when it was fixed: what they say must never change, and neither must the bytes that the newest
/// writes for the same. A change of the model that moves a single bit belongs into a version of its own.
/// </summary>
public class GoldenFileTests
{
    [Theory, InlineData(Coder.Huffman), InlineData(Coder.Range)]
    public void Version_1_stays_readable(Coder coder) => Check(Golden(), "v1", coder);

    /// <summary>Layers without biases, and numbers of other layers.</summary>
    [Theory, InlineData(Coder.Huffman), InlineData(Coder.Range)]
    public void Version_2_stays_readable(Coder coder) => Check(Normalized(Golden()), "v2", coder);

    [Theory, InlineData(Coder.Huffman), InlineData(Coder.Range)]
    public void Version_3_stays_as_it_is(Coder coder)
    {
        Assert.Equal(Check(Normalized(Golden()), "v3", coder), CodedFile.Encode(Normalized(Golden()), coder));
        Assert.Equal(Check(GoldenNetwork(), "v3-network", coder), CodedFile.Encode(GoldenNetwork(), coder));
        Assert.Equal(Check(GoldenBranches(), "v3-branches", coder), CodedFile.Encode(GoldenBranches(), coder));
        Assert.Equal("üb er", SharedNetwork.Decode(Check(GoldenBranches(), "v3-branches", coder), "golden").Network.Data.NameOf(3));
    }

    /// <summary>Files of old versions, with what they say.</summary>
    internal static (byte[] File, CodedNetwork Network)[] Old() =>
    [
        (File.ReadAllBytes(PathOf("v1", Coder.Range)), Golden()),
        (File.ReadAllBytes(PathOf("v2", Coder.Huffman)), Normalized(Golden())),
    ];

    private static byte[] Check(CodedNetwork network, string name, Coder coder)
    {
        byte[] file = File.ReadAllBytes(PathOf(name, coder));
        Assert.Equal(name[1] - '0', file[3] >> 4);
        Assert.True(Same(network, CodedFile.Decode(file, "golden")), "the golden file says something else now");
        return file;
    }

    /// <summary>
    /// Every feature once: convolutions, dead rows and columns, an unsorted codebook, raw, shared and no biases, an empty layer.
    /// Integers and IEEE products only.
    /// </summary>
    public static CodedNetwork Golden()
    {
        return new CodedNetwork("conv6@5p2r pool2 fc20r fc9 µ",
        [
            Layer("conv1", [6, 1, 5, 5], 7, 3, i => (i - 3) * 0.15f, k => k == 2 ? 0 : k * 0.3710937f - 1),
            Layer("fc1", [20, 24], 31, 11, i => i * i * 0.01f - 0.33f, k => k % 3 * 0.25f),
            Layer("fc2", [9, 20], 4, 2, i => i % 2 == 0 ? -0f - i : i * 1e-39f, _ => 0),
            new SharedLayer("fc3", [4, 9], [], new int[36], new float[4]),
        ]);

        static SharedLayer Layer(string name, int[] shape, int shared, int spacing, Func<int, float> value, Func<int, float> bias)
        {
            int columns = shape.Skip(1).Aggregate((a, b) => a * b);
            var indices = new int[shape[0] * columns];
            for (int i = 0; i < indices.Length; i++)
            {
                int row = i / columns, column = i % columns;
                if (row % 5 != 2 && column % 7 != 3 && (i * 2654435761 >> 7) % spacing == 0)
                    indices[i] = 1 + (int)((i * 40503L >> 3) % shared);
            }
            float[] codebook = [.. Enumerable.Range(0, shared).Select(value)], biases = [.. Enumerable.Range(0, shape[0]).Select(bias)];
            return new SharedLayer(name, shape, codebook, indices, biases);
        }
    }

    /// <summary>A network of this program: a patch of either sign in each row, sorted codebooks, short mantissas.</summary>
    public static CodedNetwork GoldenNetwork()
    {
        return new CodedNetwork("fc20r fc10", [Layer("fc1", 20, 784, 6, 0.25f), Layer("fc2", 10, 20, 3, 0.125f)]);

        static SharedLayer Layer(string name, int rows, int columns, int shared, float bias)
        {
            var indices = new int[rows * columns];
            for (int i = 0; i < indices.Length; i++)
            {
                int row = i / columns, column = i % columns;
                if ((i * 2654435761 >> 7) % 9 == 0 && (column / 28 + row) % 14 < 7)
                    indices[i] = 1 + (int)(((column % 28 + row) / 5 % 2 * shared + (i * 40503L >> 3) % shared) / 2);
            }
            float[] codebook = [.. Enumerable.Range(0, shared).Select(i => (2 * i + 1 - shared) * 0.125f)];
            return new SharedLayer(name, [rows, columns], codebook, indices, [.. Enumerable.Range(0, rows).Select(k => k % 4 * bias)]);
        }
    }

    /// <summary>A network of this program for colours: named classes, normalisations, a sum of branches, a layer without biases.</summary>
    public static CodedNetwork GoldenBranches()
    {
        const string text =
            "3x8x8:4*0.0125,0.015625,0.03125+-1.5,-2,-2.25=ash,birch,fir,üb%20er conv6@3p1br [conv6@3p1br conv6@3p1b | ]+r gap fc4";
        return new CodedNetwork(text,
        [
            Layer("conv1", [6, 3, 3, 3], 7, 2, 0), Layer("conv2", [6, 6, 3, 3], 15, 3, 0), Layer("conv3", [6, 6, 3, 3], 3, 5, 0),
            Layer("fc1", [4, 6], 5, 2, 4),
        ])
        {
            Others = [.. Enumerable.Range(0, 6).Select(i => Enumerable.Range(0, 6).Select(k => Other(i, k)).ToArray())],
        };

        static float Other(int list, int index) => (list % 2 - 0.25f) * (index * index % 7 + list);

        static SharedLayer Layer(string name, int[] shape, int shared, int spacing, int biases)
        {
            var indices = new int[shape.Aggregate((a, b) => a * b)];
            for (int i = 0; i < indices.Length; i++)
                if ((i * 2654435761 >> 7) % spacing == 0)
                    indices[i] = 1 + (int)((i * 40503L >> 3) % shared);
            float[] codebook = [.. Enumerable.Range(0, shared).Select(i => (i - shared / 2) * 0.125f + 0.0625f)];
            return new SharedLayer(name, shape, codebook, indices, [.. Enumerable.Range(0, biases).Select(k => k * 0.25f - 0.5f)]);
        }
    }

    private static string PathOf(string name, Coder coder, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, $"golden-{name}-{(coder == Coder.Huffman ? "huffman" : "range")}.dcn");
}
