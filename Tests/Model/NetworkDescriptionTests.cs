using Model;

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
        var slices = Parameters.Slices(NetworkDescription.Parse(text), out int length);
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
    public void What_is_no_network_is_refused(string text, string reason)
    {
        var error = Assert.Throws<UserException>(() => NetworkDescription.Parse(text));
        Assert.Equal(ExitCode.Usage, error.Code);
        Assert.Contains(reason, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
