using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class NetworkDescriptionTests
{
    [Theory]
    [InlineData("lenet-300-100", 266_200, 410)]
    [InlineData("lenet-5", 61_470, 236)]
    [InlineData("lenet-5-caffe", 430_500, 580)]
    [InlineData("conv8@5p2r pool2 conv4@3 pool3 fc10", 200 + 288 + 640, 8 + 4 + 10)]
    public void Networks_have_the_parameters_of_their_layers(string text, int weights, int biases)
    {
        var network = NetworkDescription.Parse(text);
        var (slices, length) = (network.Slices, network.ParameterLength);
        Assert.Equal(weights, slices.Sum(s => s.WeightCount));
        Assert.Equal(biases, slices.Sum(s => s.BiasCount));
        Assert.True(length >= weights + biases);
        Assert.All(slices, s => Assert.Equal(s.WeightCount, s.WeightShape.Aggregate((a, b) => a * b)));
    }

    [Theory]
    [InlineData("", "the last layer must be fc10")]
    [InlineData("fc300r fc11", "the last layer must be fc10")]
    [InlineData("fc10r", "the last layer must be fc10")]
    [InlineData("lenet", "'lenet' is no layer")]
    [InlineData("conv0@5 fc10", "'conv0@5' is no layer")]
    [InlineData("conv4@5 pool0 fc10", "'pool0' is no layer")]
    [InlineData("conv4@40 fc10", "layer 1 gives")]
    [InlineData("pool9 pool9 fc10", "layer 2 gives")]
    [InlineData("fc99999r fc99999r fc10", "at most 20000000 weights, found 10079199207")]
    [InlineData("fc1٠ fc10", "'fc1٠' is no layer")]
    [InlineData("conv1@٢ fc10", "'conv1@٢' is no layer")]
    [InlineData("conv1@5p१ fc10", "'conv1@5p१' is no layer")]
    [InlineData("fc10\n", "is no layer")]
    [InlineData("fc16r conv4@1p1r pool2 fc10", "layer 2 pads the output of a fully connected layer")]
    [InlineData("conv9999@1 pool9 fc10", "at most 1048576 values in all layers of an image, borders too, found 7840000 up to layer 1")]
    public void What_is_no_network_is_refused(string text, string reason)
    {
        var error = Assert.Throws<UserException>(() => NetworkDescription.Parse(text));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains(reason, error.Message);
        Assert.True(text.Contains('\n') || !error.Message.Contains('\n'));
    }

    [Fact]
    public void What_a_network_may_ask_for_is_bounded()
    {
        string many = string.Join(' ', Enumerable.Repeat("fc10", NetworkDescription.MostLayers));
        Assert.Equal(NetworkDescription.MostLayers, NetworkDescription.Parse(many).Layers.Count);
        Refused($"{many} fc10", "at most 64 layers, found 65");
        // Borders that grow with every layer, up to sizes that 32 bits do not hold.
        Refused($"{string.Join(' ', Enumerable.Repeat("conv1@1p9", 62))} conv9999@1 fc10", "at most 1048576 values");
        Refused(string.Join(' ', Enumerable.Repeat("fc99999", 11)) + " fc10", "at most");
        Assert.InRange(Refused(new string('x', 1 << 20), "is no layer").Length, 300, 1000);

        static string Refused(string text, string reason)
        {
            var error = Assert.Throws<UserException>(() => NetworkDescription.Parse(text));
            Assert.Contains(reason, error.Message);
            return error.Message;
        }
    }
}
