using Secateurs.Pruning.Coding;
using static Tests.Coding.Networks;

namespace Tests.Coding;

public class NeuronOrderTests
{
    /// <summary>Without a nonlinearity the network is one matrix: it stays the same, exactly, as all sums are of small integers.</summary>
    [Fact]
    public void The_network_computes_the_same()
    {
        var network = Pruned("", [[6, 5], [7, 6], [3, 7]], 0.4, 5, 9);
        var integers = network.Layers.Select(l => l with { Codebook = [-2, -1, 1, 2, 3], Bias = [.. l.Bias.Select((_, i) => i)] });
        network = network with { Layers = [.. integers] };
        var sorted = NeuronOrder.HeaviestFirst(network);
        Assert.Equal(Output(network), Output(sorted));
        foreach (var layer in sorted.Layers.SkipLast(1))
        {
            int[] weights = [.. layer.Indices.Chunk(layer.Shape[1]).Select(r => r.Count(i => i != 0))];
            Assert.Equal(weights.OrderDescending(), weights);
        }

        static float[] Output(CodedNetwork network)
        {
            float[] x = [1, 2, 3, 5, 7];
            foreach (var layer in network.Layers)
            {
                float Weight(int index) => index == 0 ? 0 : layer.Codebook[index - 1];
                x =
                [
                    .. layer.Indices.Chunk(x.Length)
                        .Select((row, k) => layer.Bias[k] + row.Select((index, c) => Weight(index) * x[c]).Sum()),
                ];
            }
            return x;
        }
    }

    [Fact]
    public void Columns_of_a_channel_move_together_and_the_file_gets_shorter()
    {
        var network = Lenet5Caffe(0.01, 16);
        var sorted = NeuronOrder.HeaviestFirst(network);
        Assert.Equal(network.Layers.Select(l => l.Live), sorted.Layers.Select(l => l.Live));
        int[] Blocks(SharedLayer l) => [.. l.Indices.Chunk(800).SelectMany(r => r.Chunk(16).Select(b => b.Sum()))];
        Assert.Equal(Blocks(network.Layers[2]).Order(), Blocks(sorted.Layers[2]).Order());
        Assert.InRange(RoundTrip(sorted, Coder.Range).Length, 0, RoundTrip(network, Coder.Range).Length - 1);
    }
}
