using System.Globalization;
using Secateurs.Model;
using Secateurs.Pruning.Export.C;
using Tests.ModelTests;

namespace Tests.PruningTests.Export.C;

/// <summary>The C code, compiled strictly and run under sanitizers, gives what the program says it gives.</summary>
public sealed class CFilesTests
{
    private const string Colour = "3x12x10:10*0.017,0.018,0.016+-1.9,-2,-1.75 ";

    /// <summary>No byte stands for zero, and the brightest is the smallest.</summary>
    private const string Reversed = "2x11x9:10*-0.02,0.01+-1.5,0.25 ";

    private const int Images = 100;

    /// <summary>PRUNING_LONG=1 tries hundreds.</summary>
    private static readonly int Lines = Environment.GetEnvironmentVariable("PRUNING_LONG") == "1" ? 400 : 6;

    private static readonly string Home = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../.."));

    public static TheoryData<string, double, double> Networks => new()
    {
        { "lenet-300-100", 0.02, 0.2 },
        { "lenet-5", 0.1, 0.1 },
        { "lenet-5-caffe", 0.02, 0.3 },
        { "conv4@5r pool2 conv5@3p1 avgpool2 conv7@2p1r fc10", 1, 0 },
        { "pool2 conv5@3p1r pool3 conv3@3r fc9 fc10", 0.5, 0.2 },
        { $"{Colour}conv5@3p1r pool2 conv7@3r conv6@3p1r fc10", 0.4, 0.1 },
        { $"{Colour}avgpool2 fc20r fc10", 0.3, 0.1 },
        { $"{Colour}fc20r fc10", 0.3, 0.1 },
        { "conv6@5s2p2r pool3s2p1 conv8@3s3p1 conv9@2r fc10", 0.5, 0.1 },
        { "conv5@3s2p1br [conv5@3p1br conv5@3p1b | ]+r [conv8@3s2p1br conv8@3p1b | conv8@1s2b]+r drop0.5 gap fc10", 0.5, 0.1 },
        { "[conv1@3p1b | | avgpool3s1p1 | pool3s1p1]+r b conv5@28 avgpool3s1p2 conv4@2r fc10", 0.8, 0 },
        { "conv4@9s9b fc6r conv5@1 avgpool3s1p1 pool2s1p1 br fc10", 1, 0 },
        { "conv3@26 [conv4@3 | conv4@3r | fc4]+ conv2@3p2 drop0.25 gap br fc10", 0.7, 0 },
        { $"{Colour}b [conv4@5p2r | conv4@1 avgpool3s1p1]+ avgpool3s2p1 conv6@1s3r gap fc10", 0.6, 0.1 },
        { $"{Colour}[conv3@3p1 | ]+r [pool3s1p1 | avgpool3s1p1 | conv3@3p1r]+ pool5s4p3 fc10", 0.6, 0 },
        { $"{Colour}avgpool5s2p2 gap fc10", 1, 0 },
        { $"{Reversed}pool3s2p1 conv5@3p1r fc10", 0.8, 0 },
        { $"{Reversed}[conv2@3p1 | ]+ conv5@5s2p1r fc10", 0.8, 0 },
        { "fc10", 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Bytes_give_the_same_bits_as_the_integer_model(string network, double density, double dead)
    {
        CCompiler.Demand();
        var (model, data) = Case(network, density, dead);
        CheckBytes(model, data, CCompiler.All[0]);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Floats_give_the_scores_of_the_network(string network, double density, double dead)
    {
        CCompiler.Demand();
        var (model, data) = Case(network, density, dead);
        CheckFloats(model, data, CCompiler.All[^1]);
    }

    /// <summary>The same bits could be the same nonsense: scores must be near those in floats.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void Bytes_are_near_the_network(string network, double density, double dead)
    {
        var (model, data) = Case(network, density, dead);
        Assert.InRange(Error(model, data), 0, 0.02);
    }

    /// <summary>The large ones of the list, with few images: a test must be quick.</summary>
    [Theory]
    [InlineData("resnet-20", 0.05, 12)]
    [InlineData("alexnet", 0.002, 4)]
    public void Networks_for_colours_agree(string network, double density, int images)
    {
        CCompiler.Demand();
        var shape = new DataShape(3, 32, 32, 10, [0.0159f, 0.0161f, 0.015f], [-1.99f, -1.98f, -1.71f]);
        var model = PlainNetwork.Random(network, density, 0.05, seed: 5, shape);
        var data = Data(shape, seed: 4, images);
        CheckBytes(model, data, CCompiler.All[^1]);
        CheckFloats(model, Data(shape, seed: 4, images: 2), CCompiler.All[0]);
        Assert.InRange(Error(model, data), 0, 0.1);
    }

    [Fact]
    public void Any_line_of_tokens_agrees()
    {
        CCompiler.Demand();
        var random = new Random64(20261201);
        for (int n = 0; n < Lines;)
        {
            string line = RandomLines.Next(random);
            var shape = random.NextInt(2) == 0 ? Mnist.Shape : new DataShape(3, 15, 17, 10, [0.01f, 0.02f, 0.015f], [-1, -2, 0.1f]);
            double density = (double)(1 + random.NextInt(4)) / 4;
            try
            {
                NetworkDescription.Parse(line, shape);
            }
            catch (UserException)
            {
                continue;
            }
            var model = PlainNetwork.Random(line, density, dead: 0.1 * random.NextInt(3), seed: n, shape);
            var data = Data(shape, seed: n, images: 30);
            try
            {
                CheckBytes(model, data, CCompiler.All[^1]);
                CheckFloats(model, data, CCompiler.All[0]);
                Assert.InRange(Error(model, data), 0, 0.1);
            }
            catch (Exception error)
            {
                Assert.Fail($"line {n}, '{shape} {line}', density {density}: {error}");
            }
            n++;
        }
    }

    /// <summary>C code in bytes gives the bits of the integer model, without floating point.</summary>
    private static void CheckBytes(Checkpoint model, ImageData data, string compiler)
    {
        var small = CFiles.Prepared(model);
        var (plan, _) = CFiles.InBytes(Plan<float>.Of(small, new FloatArithmetic()), small, data);
        int[] expected = NetworkNumbers.Scores(plan, data.Test);
        var program = CFiles.Of(model, "net", CArithmetic.Bytes, data);
        Assert.DoesNotContain("float", program.Source.Replace("(in float", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(expected, CCompiler.Run<int>(compiler, program, "net", data.Test.Images, data.Shape.Classes));
    }

    /// <summary>C code in floats gives the scores of plain loops in double, but for rounding.</summary>
    private static void CheckFloats(Checkpoint model, ImageData data, string compiler)
    {
        var program = CFiles.Of(model, "a-net.1", CArithmetic.Floats, data);
        float[] scores = CCompiler.Run<float>(compiler, program, "a-net.1", data.Test.Images, data.Shape.Classes);
        for (int n = 0; n < data.Test.Count; n++)
        {
            var (logits, bounds) = PlainNetwork.Run(model, data.Test.Image(n));
            for (int k = 0; k < logits.Length; k++)
                Assert.InRange(scores[n * logits.Length + k], logits[k] - 2 * bounds[k] - 1e-6, logits[k] + 2 * bounds[k] + 1e-6);
        }
    }

    /// <summary>Root of the mean squared difference between scores in bytes and in floats, as a share of the latter's range.</summary>
    private static double Error(Checkpoint model, ImageData data)
    {
        data = data with { Train = data.Test };
        var small = CFiles.Prepared(model);
        var real = Plan<float>.Of(small, new FloatArithmetic());
        var (plan, arithmetic) = CFiles.InBytes(real, small, data);
        float[] floats = NetworkNumbers.Scores(real, data.Test);
        int[] bytes = NetworkNumbers.Scores(plan, data.Test);
        double range = floats.Max() - floats.Min(), error = 0;
        for (int i = 0; i < floats.Length; i++)
            error += Math.Pow(bytes[i] * arithmetic.ScoreScale - floats[i], 2) / floats.Length;
        return Math.Sqrt(error) / (range + 1e-4);
    }

    [Theory]
    [InlineData("lenet-300", "lenet_300")]
    [InlineData("5 nets", "net_5_nets")]
    [InlineData("_x", "x")]
    [InlineData("é", "net_")]
    public void Names_become_identifiers(string name, string expected) => Assert.Equal(expected, CFiles.Identifier(name));

    /// <summary>What is large beside all else, and what never lives on training images, still gives sums of 32 bits.</summary>
    [Theory]
    [InlineData(1e12f, 1)]
    [InlineData(1e-12f, 1)]
    [InlineData(-1e9f, 0)]
    [InlineData(1e9f, 0)]
    public void No_sum_overflows(float bias, int layer)
    {
        CCompiler.Demand();
        var model = PlainNetwork.Random("fc20r fc12 fc10", 1, 0, seed: 1);
        var slice = model.Network.Slices[layer];
        model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount - layer).Fill(bias);
        var data = Data(model.Network.Data, 1, images: 20);
        CheckBytes(model, data, CCompiler.All[0]);
        Assert.InRange(Error(model, data), 0, 0.02);
    }

    [Fact]
    public void The_command_writes_both_files_and_says_what_they_are_worth()
    {
        using var folder = new TemporaryFolder();
        string model = folder.Combine("model.safetensors"), data = SmallSet.Write(folder.Combine("data")), c = folder.Combine("my net.c");
        PlainNetwork.Random("conv3@5r pool2 fc9r fc10", 0.3, 0.2, seed: 1).Save(model);
        string[] export = ["export", "--model", model, "--data", data, "--format", "c", "--out", c];
        var (output, _) = Cli.Done(export);
        Assert.Contains("counted with the numbers of the C code", output, StringComparison.Ordinal);
        string header = File.ReadAllText(folder.Combine("my net.h"));
        Assert.Contains("int my_net_classify(const uint8_t *image)", header, StringComparison.Ordinal);
        Assert.Contains("#include \"my net.h\"", File.ReadAllText(c), StringComparison.Ordinal);

        Assert.Equal(2, Cli.Run(export).Code);
        File.Delete(c);
        Assert.Equal(2, Cli.Run(export).Code);
        Assert.False(File.Exists(c));
        string json = Cli.Done([.. export, "--force", "--arithmetic", "float", "--json"]).Output;
        Assert.Contains("\"accuracy\":", json, StringComparison.Ordinal);
        Assert.Equal(2, Cli.Run("export", "--model", model, "--out", folder.Combine("a.onnx"), "--arithmetic", "int8").Code);
        Assert.Equal(2, Cli.Run([.. export[..^1], folder.Combine("net.h")]).Code);
    }

    /// <summary>Images at the ends of their range, noise, and MNIST's where it is there.</summary>
    private static (Checkpoint Model, ImageData Data) Case(string network, double density, double dead)
    {
        var model = PlainNetwork.Random(network, density, dead, seed: 7);
        return (model, Data(model.Network.Data, seed: 3, Images));
    }

    private static ImageData Data(DataShape shape, int seed, int images)
    {
        var random = new Random(seed);
        byte[] bytes = new byte[images * shape.BytesPerImage];
        random.NextBytes(bytes);
        // Plain ones, and ones of mostly paper.
        bytes.AsSpan(0, shape.BytesPerImage).Clear();
        bytes.AsSpan(shape.BytesPerImage, shape.BytesPerImage).Fill(255);
        for (int i = images / 5 * shape.BytesPerImage; i < bytes.Length; i++)
            bytes[i] = random.Next(5) == 0 ? bytes[i] : (byte)0;
        if (shape.Equals(Mnist.Shape) && Directory.Exists(Path.Combine(Home, "data", "mnist")))
            Mnist.Load(_ => { }, Home).Test.Images.AsSpan(0, bytes.Length / 2).CopyTo(bytes.AsSpan(bytes.Length / 2));
        var set = new DataSet(shape, bytes, new int[images]);
        return new ImageData(set, set, string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
    }
}
