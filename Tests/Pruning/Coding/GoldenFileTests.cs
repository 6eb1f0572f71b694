using System.Runtime.CompilerServices;
using Secateurs.Pruning.Coding;
using static Tests.Coding.Networks;

namespace Tests.Coding;

/// <summary>
/// Files of each format version, written when it was fixed: what they say must never change, and neither must the bytes of a file that says
/// the same. A change of the model that moves a single bit belongs into a version of its own.
/// </summary>
public class GoldenFileTests
{
    [Theory, InlineData(Coder.Huffman), InlineData(Coder.Range)]
    public void Version_1_stays_readable(Coder coder) => Check(Golden(), version: 1, coder);

    /// <summary>Layers without biases, and numbers of other layers.</summary>
    [Theory, InlineData(Coder.Huffman), InlineData(Coder.Range)]
    public void Version_2_stays_readable(Coder coder) => Check(Normalized(Golden()), version: 2, coder);

    private static void Check(CodedNetwork network, int version, Coder coder)
    {
        byte[] file = File.ReadAllBytes(PathOf(version, coder));
        Assert.Equal(version, file[3] >> 4);
        Assert.True(Same(network, CodedFile.Decode(file, "golden")), "the golden file says something else now");
        Assert.Equal(file, CodedFile.Encode(network, coder));
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

    private static string PathOf(int version, Coder coder, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, $"golden-v{version}-{(coder == Coder.Huffman ? "huffman" : "range")}.dcn");
}
