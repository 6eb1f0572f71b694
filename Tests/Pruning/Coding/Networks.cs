using Secateurs.Model;
using Secateurs.Pruning.Coding;

namespace Tests.Coding;

/// <summary>Made-up networks with the structure of pruned ones, and bit-exact comparison.</summary>
internal static class Networks
{
    /// <summary>
    /// Layers of the given shapes. Rows and columns draw an importance (many none at all), a weight lives with the product of both, scaled
    /// to the density; weights are Gaussian beyond a threshold, shared linearly. Dead rows have no bias.
    /// </summary>
    public static CodedNetwork Pruned(string name, int[][] shapes, double density, int shared, ulong seed)
    {
        var random = new Random64(seed);
        var layers = new List<SharedLayer>();
        for (int i = 0; i < shapes.Length; i++)
        {
            int rows = shapes[i][0], columns = shapes[i].Skip(1).Aggregate((a, b) => a * b);
            double[] row = Importance(rows, density), column = Importance(columns, density);
            double scale = density * rows * columns / (row.Sum() * column.Sum());
            var indices = new int[rows * columns];
            for (int j = 0; j < indices.Length; j++)
            {
                if (density >= 1 || random.NextDouble() < scale * row[j / columns] * column[j % columns])
                    indices[j] = 1 + Math.Clamp((int)((random.NextGaussian() / 6 + 0.5) * shared), 0, shared - 1);
            }
            float[] codebook = [.. Enumerable.Range(0, shared).Select(s => (s - shared / 2f + 0.3f) * 0.07f)];
            float[] bias = [.. Enumerable.Range(0, rows).Select(r =>
                indices.AsSpan(r * columns, columns).ContainsAnyExcept(0) ? (float)random.NextGaussian() / 10 : 0f)];
            layers.Add(new SharedLayer($"{(shapes[i].Length == 4 ? "conv" : "fc")}{i + 1}", shapes[i], codebook, indices, bias));
        }
        return new CodedNetwork(name, layers);

        double[] Importance(int count, double density)
        {
            double dead = density < 0.05 ? 0.6 : density < 0.2 ? 0.2 : 0;
            double[] values =
                [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() < dead ? 0 : Math.Pow(random.NextDouble(), 2))];
            values[0] += 0.1;
            return values;
        }
    }

    public static CodedNetwork Lenet5Caffe(double density, int shared) =>
        Pruned("lenet-5-caffe", [[20, 1, 5, 5], [50, 20, 5, 5], [500, 800], [10, 500]], density, shared, 5);

    public static CodedNetwork Lenet300(double density, int shared) =>
        Pruned("lenet-300-100", [[300, 784], [100, 300], [10, 100]], density, shared, 300);

    /// <summary>One layer whose biases are zero.</summary>
    public static CodedNetwork Single(int[] shape, float[] codebook, int[] indices) =>
        new("n", [new SharedLayer("l", shape, codebook, indices, new float[shape[0]])]);

    public static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);

    /// <summary>Whether every bit is the same.</summary>
    public static bool Same(CodedNetwork a, CodedNetwork b) =>
        a.Network == b.Network && a.Layers.Count == b.Layers.Count && a.Layers.Zip(b.Layers).All(p =>
            p.First.Name == p.Second.Name
            && p.First.Shape.SequenceEqual(p.Second.Shape)
            && Bits(p.First.Codebook).SequenceEqual(Bits(p.Second.Codebook))
            && p.First.Indices.SequenceEqual(p.Second.Indices)
            && Bits(p.First.Bias).SequenceEqual(Bits(p.Second.Bias)))
        && a.Others.Count == b.Others.Count && a.Others.Zip(b.Others).All(p => Bits(p.First).SequenceEqual(Bits(p.Second)));

    /// <summary>One with layers without biases, and lists of scales and shifts.</summary>
    public static CodedNetwork Normalized(CodedNetwork network) => network with
    {
        Layers = [.. network.Layers.Select((l, i) => i % 2 == 0 ? l with { Bias = [] } : l)],
        Others =
        [
            .. network.Layers.Where((_, i) => i % 2 == 0).SelectMany(l => (float[][])
            [
                [.. Enumerable.Range(0, l.Rows).Select(k => 0.5f + k * k % 7 * 0.125f)],
                [.. Enumerable.Range(0, l.Rows).Select(k => k % 3 == 1 ? 0 : (k - 2) * 0.3710937f)],
            ]),
            [], [-0f],
        ],
    };

    /// <summary>Encodes, decodes, compares, and checks that the sizes by layer add up; returns the file.</summary>
    public static byte[] RoundTrip(CodedNetwork network, Coder coder)
    {
        var copy = network with { Layers = [.. network.Layers.Select(l => l with { Indices = [.. l.Indices] })] };
        byte[] file = CodedFile.Encode(network, coder, out var size);
        Assert.True(Same(copy, network), "encoding changed the network");
        Assert.True(Same(network, CodedFile.Decode(file, "test.dcn")), "decoding gave another network");
        Assert.Equal(file.Length, size.Bytes);
        // Numbers of other layers count as header.
        Assert.InRange(
            size.HeaderBits, 60, 120 + 8 * (network.Network.Length * 3 + network.Layers.Sum(l => 16 + 3 * l.Name.Length))
            + network.Others.Sum(o => 48 + 34 * o.Length));
        return file;
    }
}
