using Secateurs.Kernels;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class CompactionTests
{
    [Theory]
    [InlineData("fc12r fc9r fc10", 0.3, 0.3)]
    [InlineData("fc30r fc20 fc10", 0.02, 0.0)]
    [InlineData("conv6@5 avgpool2 conv5@3p1r avgpool2 fc8r fc10", 0.5, 0.4)]
    [InlineData("conv6@5 pool2 conv5@3r pool2 fc8r fc10", 0.5, 0.4)]
    [InlineData("conv6@5p2r pool2 conv8@5p1 pool3 conv7@3r fc10", 0.2, 0.4)]
    [InlineData("conv6@3s2p1br [conv6@3p1br conv6@3p1b | ]+r [conv8@3s2p1br conv8@3p1b | conv8@1s2b]+r gap fc10", 0.1, 0.3)]
    [InlineData("conv6@3r [conv5@1r pool3s1p1 | conv5@3p1 avgpool3s1p1 b]+ br drop0.5 fc8r fc10", 0.1, 0.3)]
    [InlineData("fc10", 0.02, 0.0)]
    public void The_smaller_network_gives_the_same_logits(string layers, double density, double dead)
    {
        int dropped = 0;
        for (int seed = 1; seed <= 5; seed++)
        {
            var model = PlainNetwork.Random(layers, density, dead, seed);
            var small = Compaction.Of(model);
            dropped += model.Total - small.Total;
            Assert.True(small.Kept <= model.Kept);
            byte[] image = PlainNetwork.Images(1, seed);
            var (expected, bounds) = PlainNetwork.Run(model, image);
            double[] found = PlainNetwork.Run(small, image).Logits;
            for (int k = 0; k < expected.Length; k++)
                Assert.True(
                    Math.Abs(found[k] - expected[k]) <= bounds[k],
                    $"seed {seed}, class {k}: {found[k]:R}, expected {expected[k]:R}");
        }
        Assert.Equal(layers == "fc10", dropped == 0);
    }

    [Theory]
    [InlineData("conv20@5r pool2 conv7@3r pool2 fc40r fc10")]
    [InlineData("conv18@3s2p1br [conv40@3p1br conv18@3p1b | ]+r gap fc10")]
    public void Dead_channels_that_fill_whole_vectors_may_stay(string layers)
    {
        const int Multiple = 16;
        int filled = 0;
        for (int seed = 1; seed <= 5; seed++)
        {
            var model = PlainNetwork.Random(layers, 0.1, 0.4, seed);
            Checkpoint least = Compaction.Of(model), small = Compaction.Of(model, Multiple);
            foreach (var ((whole, few), slice) in model.Network.Slices.Zip(least.Network.Slices).Zip(small.Network.Slices).SkipLast(1))
            {
                int wanted = (few.Filter.Filters + Multiple - 1) / Multiple * Multiple;
                Assert.Equal(wanted > whole.Filter.Filters ? few.Filter.Filters : wanted, slice.Filter.Filters);
                filled += slice.Filter.Filters - few.Filter.Filters;
            }
            Assert.Equal(least.Kept, small.Kept);
            byte[] image = PlainNetwork.Images(1, seed);
            var (expected, bounds) = PlainNetwork.Run(model, image);
            double[] found = PlainNetwork.Run(small, image).Logits;
            Assert.All(expected.Index(), e => Assert.InRange(found[e.Index], e.Item - bounds[e.Index], e.Item + bounds[e.Index]));
        }
        Assert.True(filled > 0);
    }

    [Fact]
    public void Dead_neurons_go_and_a_constant_moves_into_the_biases()
    {
        // fc3r: neuron 0 is read by nobody, neuron 1 hears nobody and always says max(0, 2), neuron 2 lives.
        var model = Of("fc3r fc10", (layer, row, column) => (layer, row, column) switch
        {
            (0, 0 or 2, 5) => 1,
            (1, 4, 1) => 3,
            (1, 7, 2) => 1,
            _ => 0,
        }, bias: 2);
        var small = Compaction.Of(model);
        Assert.Equal("fc1r fc10", small.Network.Name);
        Assert.Equal((2, 794), (small.Kept, small.Total));
        var last = small.Network.Slices[1];
        Assert.Equal([2, 2, 2, 2, 8, 2, 2, 2, 2, 2], small.Weights.AsSpan(last.BiasOffset, 10).ToArray());
    }

    /// <summary>The sum keeps a channel while one of its branches needs it.</summary>
    [Fact]
    public void A_channel_goes_through_a_sum_only_where_all_branches_agree()
    {
        // conv1 gives 3 channels; the second branch gives none of its own. Channel 2 is read by nobody behind the sum.
        var model = Of("conv3@5r [conv4@1r conv3@1 | ]+r fc10", (layer, row, column) => layer switch
        {
            0 => 1,
            1 => row == 0 && column == 1 ? 1 : 0,
            2 => row == 0 && column == 0 ? 1 : 0,
            _ => column / (24 * 24) < 2 ? 1 : 0,
        }, bias: 0);
        var small = Compaction.Of(model);
        Assert.Equal("[ conv1@1r conv2@1 | ]+r", small.Network.Name["conv2@5r ".Length..^" fc10".Length]);
        byte[] image = PlainNetwork.Images(1, 1);
        Assert.Equal(PlainNetwork.Run(model, image).Logits, PlainNetwork.Run(small, image).Logits);
    }

    [Fact]
    public void Normalisations_and_dropout_go_where_answers_are_given()
    {
        var model = PlainNetwork.Random("b conv4@3s2br [conv4@3p1br conv4@3p1b | drop0.5]+r br fc9 b fc10", 0.5, 0, 1);
        var folded = Folding.Of(model);
        Assert.Equal("b conv4@3s2r [ conv4@3p1r conv4@3p1 | ]+r br fc9 fc10", folded.Network.Name);
        Assert.Equal(model.Kept, folded.Kept);
        byte[] image = PlainNetwork.Images(1, 1);
        var (expected, bounds) = PlainNetwork.Run(model, image);
        double[] found = PlainNetwork.Run(folded, image).Logits, reduced = PlainNetwork.Run(
            model with { Weights = Folding.Reduced(model.Network, model.Weights) }, image).Logits;
        Assert.All(expected.Index(), e => Assert.InRange(found[e.Index], e.Item - bounds[e.Index], e.Item + bounds[e.Index]));
        Assert.All(expected.Index(), e => Assert.InRange(reduced[e.Index], e.Item - bounds[e.Index], e.Item + bounds[e.Index]));
        Assert.Same(folded, Folding.Of(folded));
    }

    [Fact]
    public void A_constant_in_front_of_a_padded_layer_stays() =>
        Assert.Equal(
            "conv2@5r conv1@3p1 fc10",
            Compaction.Of(Of("conv3@5r conv1@3p1 fc10", (layer, row, _) => layer > 0 || row == 2 ? 1 : 0, 2, negative: (0, 0)))
                .Network.Name);

    [Fact]
    public void A_network_of_constants_keeps_one_channel_a_layer()
    {
        var small = Compaction.Of(Of("conv4@5r pool2 fc6r fc10", (_, _, _) => 0, bias: 1));
        Assert.Equal("conv1@5r pool2 fc1r fc10", small.Network.Name);
        Assert.Equal(0, small.Kept);
        Assert.Equal([.. Enumerable.Repeat(1.0, 10)], PlainNetwork.Run(small, new byte[Mnist.Shape.BytesPerImage]).Logits);
    }

    [Fact]
    public void A_network_without_dead_parts_stays_what_it_is()
    {
        var model = PlainNetwork.Random("fc12r fc10", 1, 0, 1);
        Assert.Same(model, Compaction.Of(model));
    }

    /// <summary>A network of given weights; zero is pruned. All biases are the same but for one.</summary>
    private static Checkpoint Of(string layers, Func<int, int, int, float> weight, float bias, (int Layer, int Row)? negative = null)
    {
        var network = NetworkDescription.Parse(layers);
        var (slices, length) = (network.Slices, network.ParameterLength);
        float[] weights = new float[length], mask = [.. Enumerable.Repeat(1f, length)];
        for (int l = 0; l < slices.Count; l++)
        {
            FilterShape filter = slices[l].Filter;
            for (int i = 0; i < filter.Count; i++)
            {
                float w = weight(l, i / filter.FilterSize, i % filter.FilterSize);
                (weights[slices[l].WeightOffset + i], mask[slices[l].WeightOffset + i]) = (w, w == 0 ? 0 : 1);
            }
            for (int k = 0; k < filter.Filters; k++)
                weights[slices[l].BiasOffset + k] = negative == (l, k) ? -bias : bias;
        }
        return new Checkpoint(network, weights, mask, 1, 0, new Dictionary<string, string>());
    }
}
