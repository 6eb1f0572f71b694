using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class CheckpointTests : IDisposable
{
    private static readonly NetworkDescription Network = NetworkDescription.Parse("conv2@5r pool2 fc10");
    private static readonly IReadOnlyList<LayerSlice> Slices = Network.Slices;
    private static readonly int Length = Network.ParameterLength;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_saved_is_loaded_bit_by_bit()
    {
        var saved = Make();
        string path = _folder.Combine("model.safetensors");
        saved.Save(path);
        var loaded = Checkpoint.Load(path);
        Assert.Equal(saved.Weights, loaded.Weights);
        Assert.Equal(saved.Mask, loaded.Mask);
        Assert.True(saved.Network.HasLayersOf(loaded.Network));
        Assert.Equal((7UL, 500), (loaded.Seed, loaded.Validation));
        Assert.Equal("because", loaded.Notes["why"]);
        Assert.Equal(50 + 2880, loaded.Total);
        Assert.Equal(Slices.Sum(l => saved.Mask.Skip(l.WeightOffset).Take(l.WeightCount).Count(m => m == 1)), loaded.Kept);
        Assert.Equal(
            ["conv1.bias", "conv1.mask", "conv1.weight", "fc1.bias", "fc1.mask", "fc1.weight"],
            SafeTensors.Read(path).Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Equal([2, 1, 5, 5], SafeTensors.Read(path).Tensors.First(t => t.Name == "conv1.weight").Shape);
    }

    [Theory]
    [InlineData("lenet-300-100")]
    [InlineData("lenet-5")]
    [InlineData("lenet-5-caffe")]
    public void A_known_network_is_loaded_by_its_name(string name)
    {
        var network = NetworkDescription.Parse(name);
        int length = network.ParameterLength;
        string path = _folder.Combine("model.safetensors");
        new Checkpoint(network, new float[length], [.. Enumerable.Repeat(1f, length)], 1, 5000, new Dictionary<string, string>())
            .Save(path);
        Assert.Equal(name, Checkpoint.Load(path).Network.Name);
    }

    /// <summary>A digest that lost its name is not there; without it nobody would see that a weight was altered.</summary>
    [Fact]
    public void A_file_without_its_digest_is_refused()
    {
        string path = _folder.Combine("model.safetensors");
        Make().Save(path);
        byte[] bytes = File.ReadAllBytes(path);
        for (int bit = 0; bit < 8; bit++)
        {
            byte[] altered = [.. bytes];
            altered[bytes.AsSpan().IndexOf("sha256"u8) + 5] ^= (byte)(1 << bit);
            altered[^1] ^= 1;
            _folder.Write("model.safetensors", altered);
            string message = Refusal.Message(ErrorKind.BadFile, path, () => Checkpoint.Load(path));
            Assert.True(
                message.Contains("the metadata 'sha256'", StringComparison.Ordinal)
                    || message.Contains("header", StringComparison.Ordinal),
                message);
        }
    }

    /// <summary>Each spoils an intact file in one way that the safetensors format itself allows.</summary>
    public static TheoryData<string, string> Spoilt { get; } = new()
    {
        { "weight NaN", "finite numbers in fc1.weight" },
        { "bias infinite", "finite numbers in conv1.bias" },
        { "mask 2", "0 or 1 in fc1.mask" },
        { "pruned weight", "zero in fc1.weight where the mask is 0" },
        { "shape", "a tensor 'fc1.weight' of F32 [10, 288]" },
        { "type", "a tensor 'fc1.weight' of F32 [10, 288]" },
        { "missing tensor", "6 tensors" },
        { "another tensor", "6 tensors" },
        { "renamed tensor", "a tensor 'fc1.bias'" },
        { "no format", "`import`" },
        { "PyTorch's format", "`import`" },
        { "other format", "format 'pruned network, version 1'" },
        { "no network", "the metadata 'network'" },
        { "unknown network", "a network of this program" },
        { "contradiction", "the layers of lenet-5" },
        { "pixel scale", "a pixel scale" },
        { "seed", "a seed" },
        { "validation", "a number of validation images" },
    };

    [Theory]
    [MemberData(nameof(Spoilt))]
    public void A_foreign_or_spoilt_file_is_refused_with_its_reason(string how, string reason)
    {
        string path = _folder.Combine("model.safetensors");
        Make().Save(path);
        var file = SafeTensors.Read(path);
        var tensors = file.Tensors.ToDictionary(t => t.Name);
        var texts = new Dictionary<string, string>(file.Metadata);
        void Floats(string name, int at, float value) => BitConverter.GetBytes(value).CopyTo(tensors[name].Data, 4 * at);
        var fc = tensors["fc1.weight"];
        switch (how)
        {
            case "weight NaN":
                Floats("fc1.weight", 3, float.NaN);
                break;
            case "bias infinite":
                Floats("conv1.bias", 1, float.PositiveInfinity);
                break;
            case "mask 2":
                tensors["fc1.mask"].Data[5] = 2;
                break;
            case "pruned weight":
                Floats("fc1.weight", 4, 0.5f);
                break;
            case "shape":
                tensors["fc1.weight"] = new SafeTensor("fc1.weight", TensorType.F32, [288, 10], fc.Data);
                break;
            case "type":
                tensors["fc1.weight"] = new SafeTensor("fc1.weight", TensorType.F64, [10, 144], fc.Data);
                break;
            case "missing tensor":
                tensors.Remove("fc1.bias");
                break;
            case "another tensor":
                tensors["extra"] = SafeTensor.Of("extra", [1], [1f]);
                break;
            case "renamed tensor":
                tensors["fc1.bias"] = SafeTensor.Of("fc2.bias", [10], tensors["fc1.bias"].ToSingles());
                break;
            case "no format":
                texts.Remove("format");
                break;
            case "PyTorch's format":
                texts["format"] = "pt";
                break;
            case "other format":
                texts["format"] = "pruned network, version 2";
                break;
            case "no network":
                texts.Remove("network");
                break;
            case "unknown network":
                (texts["network"], texts["layers"]) = ("resnet", "resnet");
                break;
            case "contradiction":
                texts["network"] = "lenet-5";
                break;
            case "pixel scale":
                texts["pixel_scale"] = "1";
                break;
            case "seed":
                texts["seed"] = "-1";
                break;
            case "validation":
                texts["validation"] = "many";
                break;
        }
        SafeTensors.Write(path, [.. tensors.Values], texts);
        Assert.Contains(reason, Refusal.Message(ErrorKind.BadFile, path, () => Checkpoint.Load(path)));
    }

    /// <summary>Seeded weights, every fifth pruned.</summary>
    private static Checkpoint Make()
    {
        var random = new Random64(1);
        float[] weights = new float[Length], mask = [.. Enumerable.Repeat(1f, Length)];
        foreach (var layer in Slices)
        {
            for (int i = 0; i < layer.WeightCount; i++)
            {
                bool live = i % 5 != 4;
                mask[layer.WeightOffset + i] = live ? 1 : 0;
                weights[layer.WeightOffset + i] = live ? random.NextSingle() - 0.5f : 0;
            }
            for (int i = 0; i < layer.BiasCount; i++)
                weights[layer.BiasOffset + i] = random.NextSingle();
        }
        return new Checkpoint(Network, weights, mask, 7, 500, new Dictionary<string, string> { ["why"] = "because" });
    }
}
