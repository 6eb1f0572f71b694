using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class NetworkDescriptionTests
{
    private static readonly DataShape Colour = new(3, 32, 32, 10, [0.016f, 0.016f, 0.015f], [-2, -2, -1.75f]);

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
    [InlineData("fc99999r fc99999r fc10", "at most 32000000 weights, found 10079199207")]
    [InlineData("fc1٠ fc10", "'fc1٠' is no layer")]
    [InlineData("conv1@٢ fc10", "'conv1@٢' is no layer")]
    [InlineData("conv1@5p१ fc10", "'conv1@5p१' is no layer")]
    [InlineData("fc10\n", "is no layer")]
    [InlineData("[conv4@3 fc10", "'[' without the ']+' or ']+r' that ends its branches")]
    [InlineData("conv4@3]+ fc10", "without the '[' that begins branches")]
    [InlineData("conv4@3 | fc10", "without the '[' that begins branches")]
    [InlineData("[conv4@3]+ fc10", "'[...]+' has one branch")]
    [InlineData("[conv4@3 | conv5@3]+r fc10", "layer 3 adds 4x26x26 and 5x26x26 values")]
    [InlineData("[conv4@3 | conv4@3]+s fc10", "']+s' is no layer")]
    [InlineData("[fc9r | conv9@28p1 conv9@3]+ fc10", "layer 1 is fully connected to what another one pads")]
    [InlineData("conv4@3s0 fc10", "'conv4@3s0' is no layer")]
    [InlineData("conv4@3rb fc10", "'conv4@3rb' is no layer")]
    [InlineData("drop1 fc10", "'drop1' is no layer")]
    [InlineData("drop0.500 fc10", "'drop0.500' is no layer")]
    [InlineData("pool3s2p3 fc10", "layer 1 has windows that lie wholly over the edge")]
    [InlineData("fc16r conv4@1p1r pool2 fc10", "layer 2 pads the output of a fully connected layer")]
    [InlineData("conv9999@1p9 conv9999@1 fc10", "expected at most 33554432 values in all layers of an image, borders too, found 42317884")]
    public void What_is_no_network_is_refused(string text, string reason)
    {
        var error = Assert.Throws<UserException>(() => NetworkDescription.Parse(text));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains(reason, error.Message);
        Assert.True(text.Contains('\n') || !error.Message.Contains('\n'));
    }

    /// <summary>A file's line is quoted twice, in the reason and around it; both cuts leave the reason.</summary>
    [Fact]
    public void Of_a_long_line_in_a_file_the_reason_is_said()
    {
        string text = string.Join(" ", Enumerable.Repeat("conv16@1", 60)) + " fc99999r fc10";
        string message = Assert.Throws<UserException>(() => NetworkDescription.OfFile("net.onnx", text)).Message;
        Assert.StartsWith("net.onnx: expected a network of this program, found network 'conv16@1 conv16@1", message);
        Assert.EndsWith("expected at most 32000000 weights, found 1255402566", message);
        Assert.InRange(message.Length, 300, 400);
    }

    /// <summary>Halves of a character that takes two are not left behind.</summary>
    [Theory]
    [InlineData(179)]
    [InlineData(180)]
    public void A_text_is_cut_between_characters(int where)
    {
        string face = "\ud83d\ude00", text = new string('a', where) + face + new string('b', 400) + face + new string('\n', where - 61);
        string cut = BadModel.Cut(text);
        Assert.DoesNotContain(System.Text.Rune.ReplacementChar, cut.EnumerateRunes());
        Assert.DoesNotContain("\n", cut);
        Assert.InRange(cut.Length, 298, 303);
    }

    [Theory]
    [InlineData("resnet-20", 270_896, 10, 53)]
    [InlineData("alexnet", 2_471_104, 64 + 192 + 384 + 256 + 256 + 10, 9)]
    [InlineData("vgg-16", 14_977_728, 512 + 10, 33)]
    public void Known_networks_of_colour_images_have_the_weights_of_their_papers(string text, int weights, int biases, int layers)
    {
        var network = NetworkDescription.Parse(text, Colour);
        Assert.Equal((weights, biases), (network.Slices.Sum(s => s.WeightCount), network.Slices.Sum(s => s.BiasCount)));
        Assert.Equal(layers, network.Layers.Count);
        Assert.True(network.HasLayersOf(network.With(l => l.Kind)));
    }

    /// <summary>A line that a network writes of itself is read as the same network.</summary>
    [Theory]
    [InlineData("conv4@3s2p1br [conv4@3p1br conv4@3p1b | ]+r gap fc10")]
    [InlineData("[conv4@3p1 | [conv4@1b | conv4@5p2]+ pool3s1p1]+r pool3s2 b avgpool2s1p1 drop0.25 fc20r drop0.5 br fc10")]
    [InlineData("[ | conv1@3p1r | ]+ fc10")]
    public void Branches_come_back_as_they_were_written(string text)
    {
        var network = NetworkDescription.Parse(text);
        string written = network.With(l => l.Kind).Name;
        Assert.Equal(text.Replace("[", "[ ").Replace("]", " ]").Split(' ', StringSplitOptions.RemoveEmptyEntries), written.Split(' '));
        Assert.True(network.HasLayersOf(NetworkDescription.Parse(written)));
    }

    [Fact]
    public void Branches_read_what_is_in_front_of_them_and_the_sum_reads_their_ends()
    {
        var network = NetworkDescription.Parse("conv4@3r [conv4@3p1br conv4@1b | ]+r [conv2@1 | conv2@3s1p1]+ fc10");
        Assert.Equal(
            ["conv1 0", "conv2 1", "bn1 2", "conv3 3", "bn2 4", "sum6 1,5", "conv4 6", "conv5 6", "sum9 7,8", "fc1 9"],
            network.Layers.Select(l => $"{l.Name} {string.Join(',', l.Inputs.Order())}"));
        // The border is what one reader asks for; the other leaves it out.
        Assert.Equal(1, network.Shapes[6].Padding);
        Assert.Equal((1, 0), (network.Layers[6].Slice!.Filter.Inset, network.Layers[7].Slice!.Filter.Inset));
        Assert.Equal(
            ["conv2.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"],
            network.Layers.Skip(1).Take(2).SelectMany(l => l.Parameters).Select(p => p.Name));
    }

    [Fact]
    public void What_a_network_may_ask_for_is_bounded()
    {
        string many = string.Join(' ', Enumerable.Repeat("fc10", NetworkDescription.MostLayers));
        Assert.Equal(NetworkDescription.MostLayers, NetworkDescription.Parse(many).Layers.Count);
        Refused($"{many} fc10", "at most 256 layers, found 257");
        // Borders that grow with every layer, up to sizes that 32 bits do not hold.
        Refused($"{string.Join(' ', Enumerable.Repeat("conv1@1p9", 62))} conv9999@1 fc10", "at most 33554432 values");
        Refused(string.Join(' ', Enumerable.Repeat("fc99999", 11)) + " fc10", "at most");
        Assert.InRange(Refused(new string('x', 1 << 20), "is no layer").Length, 300, 1000);

        static string Refused(string text, string reason)
        {
            var error = Assert.Throws<UserException>(() => NetworkDescription.Parse(text));
            Assert.Contains(reason, error.Message);
            return error.Message;
        }
    }

    [Fact]
    public void Known_networks_say_their_images()
    {
        foreach (string name in NetworkDescription.Known.Keys)
        {
            var images = NetworkDescription.ImagesOf(name);
            Assert.Equal(NetworkDescription.Small.Contains(name) ? Mnist.Shape : Cifar10.Shape, images);
            Assert.Equal(10, NetworkDescription.Parse(name, images).Shapes[^1].Features);
        }
        Assert.Null(NetworkDescription.ImagesOf("fc10"));
    }
}
