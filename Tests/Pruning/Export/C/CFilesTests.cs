using System.Globalization;
using Secateurs.Model;
using Secateurs.Pruning.Export.C;
using Tests.ModelTests;

namespace Tests.PruningTests.Export.C;

/// <summary>The C code, compiled strictly and run under sanitizers, gives what the program says it gives.</summary>
public sealed class CFilesTests
{
    private const string Colour = "3x12x10:10*0.017,0.018,0.016+-1.9,-2,-1.75 ";
    private const int Images = 500;

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
        { "fc10", 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Bytes_give_the_same_bits_as_the_integer_model(string network, double density, double dead)
    {
        CCompiler.Demand();
        var (model, data) = Case(network, density, dead);
        var small = Compaction.Of(model);
        var (plan, _) = CFiles.InBytes(Plan<float>.Of(small, new FloatArithmetic()), small, data);
        int[] expected = NetworkNumbers.Scores(plan, data.Test);
        var program = CFiles.Of(model, "net", CArithmetic.Bytes, data);
        Assert.DoesNotContain("float", program.Source.Replace("(in float", "", StringComparison.Ordinal), StringComparison.Ordinal);
        foreach (string compiler in CCompiler.All)
            Assert.Equal(expected, CCompiler.Run<int>(compiler, program, "net", data.Test.Images, data.Shape.Classes));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Floats_give_the_classes_of_the_network(string network, double density, double dead)
    {
        CCompiler.Demand();
        var (model, data) = Case(network, density, dead);
        var program = CFiles.Of(model, "a-net.1", CArithmetic.Floats, data);
        float[] scores = CCompiler.Run<float>(CCompiler.All[0], program, "a-net.1", data.Test.Images, data.Shape.Classes);
        for (int n = 0; n < data.Test.Count; n++)
        {
            var (logits, bounds) = PlainNetwork.Run(model, data.Test.Image(n));
            for (int k = 0; k < logits.Length; k++)
                Assert.InRange(scores[n * logits.Length + k], logits[k] - 2 * bounds[k] - 1e-6, logits[k] + 2 * bounds[k] + 1e-6);
        }
    }

    /// <summary>The same bits could be the same nonsense: scores must be near those in floats.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void Bytes_are_near_the_network(string network, double density, double dead)
    {
        var (model, data) = Case(network, density, dead);
        data = data with { Train = data.Test };
        var small = Compaction.Of(model);
        var real = Plan<float>.Of(small, new FloatArithmetic());
        var (plan, arithmetic) = CFiles.InBytes(real, small, data);
        float[] floats = NetworkNumbers.Scores(real, data.Test);
        int[] bytes = NetworkNumbers.Scores(plan, data.Test);
        double range = floats.Max() - floats.Min(), error = 0;
        for (int i = 0; i < floats.Length; i++)
            error += Math.Pow(bytes[i] * arithmetic.ScoreScale - floats[i], 2) / floats.Length;
        Assert.InRange(Math.Sqrt(error), 0, 0.02 * range + 1e-6);
    }

    [Theory]
    [InlineData("lenet-300", "lenet_300")]
    [InlineData("5 nets", "net_5_nets")]
    [InlineData("_x", "x")]
    [InlineData("é", "net_")]
    public void Names_become_identifiers(string name, string expected) => Assert.Equal(expected, CFiles.Identifier(name));

    [Fact]
    public void Sums_that_could_overflow_are_refused()
    {
        var model = PlainNetwork.Random("fc20r fc10", 1, 0, seed: 1);
        var slice = model.Network.Slices[1];
        model.Weights[slice.BiasOffset] = 1e12f;
        string message = Assert.Throws<UserException>(
            () => CFiles.Of(model, "net", CArithmetic.Bytes, Data(model.Network.Data, 1))).Message;
        Assert.Contains("fits 32 bits", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
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
        return (model, Data(model.Network.Data, seed: 3));
    }

    private static ImageData Data(DataShape shape, int seed)
    {
        var random = new Random(seed);
        byte[] images = new byte[Images * shape.BytesPerImage];
        random.NextBytes(images);
        // Plain ones, and ones of mostly paper.
        images.AsSpan(0, shape.BytesPerImage).Clear();
        images.AsSpan(shape.BytesPerImage, shape.BytesPerImage).Fill(255);
        for (int i = 100 * shape.BytesPerImage; i < images.Length; i++)
            images[i] = random.Next(5) == 0 ? images[i] : (byte)0;
        if (shape.Equals(Mnist.Shape) && Directory.Exists(Path.Combine(Home, "data", "mnist")))
            Mnist.Load(_ => { }, Home).Test.Images.AsSpan(0, images.Length / 2).CopyTo(images.AsSpan(images.Length / 2));
        var set = new DataSet(shape, images, new int[Images]);
        return new ImageData(set, set, string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
    }
}
