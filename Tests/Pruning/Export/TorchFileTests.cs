using Secateurs.Model;
using Secateurs.Pruning.Export;
using Tests.ModelTests;

namespace Tests.PruningTests.Export;

public sealed class TorchFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// Live weights of zero, pruned ones, dense layers, numbers of weights that are no multiple of 8: the checkpoint comes back byte by
    /// byte.
    /// </summary>
    [Theory]
    [InlineData("lenet-300-100", 0.1)]
    [InlineData("lenet-5", 1)]
    [InlineData("conv3@5p2r pool2 fc9r fc10", 0.3)]
    [InlineData("conv1@5 fc10", 0)]
    public void What_was_exported_comes_back_as_it_was(string network, double density)
    {
        var model = Example(network, density);
        string path = _folder.Combine("net.safetensors");
        TorchFile.Write(path, model);
        var file = SafeTensors.Read(path);
        Assert.True(TorchFile.IsOne(file));
        var back = TorchFile.Read(file);
        model.Save(_folder.Combine("saved"));
        back.Save(_folder.Combine("back"));
        Assert.Equal(File.ReadAllBytes(_folder.Combine("saved")), File.ReadAllBytes(_folder.Combine("back")));
        Assert.Equal(model.Network.Name, back.Network.Name);
        Assert.Equal((7UL, 500), (back.Seed, back.Validation));
    }

    [Fact]
    public void Tensors_are_those_of_pytorch_and_the_metadata_say_the_rest()
    {
        var model = Example("fc2r fc10", 0.5);
        var slice = model.Network.Slices[1];
        string path = _folder.Combine("net.safetensors");
        TorchFile.Write(path, model);
        var file = SafeTensors.Read(path);
        Assert.Equal(["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"], file.Tensors.Select(t => t.Name));
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal("0", file.Metadata["pixel_shift"]);
        Assert.Equal(
            1 / (255 * 0.3081),
            double.Parse(file.Metadata["pixel_scale"], System.Globalization.CultureInfo.InvariantCulture), 1e-8);
        byte[] bits = Convert.FromBase64String(file.Metadata["fc2.mask"]);
        Assert.Equal(3, bits.Length);
        Assert.Equal(
            model.Mask[slice.WeightOffset..(slice.WeightOffset + 20)],
            Enumerable.Range(0, 20).Select(i => (float)(bits[i / 8] >> 7 - i % 8 & 1)));
        TorchFile.Write(path, PlainNetwork.Random("fc2r fc10", 1, 0, 1));
        Assert.DoesNotContain("fc2.mask", SafeTensors.Read(path).Metadata.Keys);
    }

    [Theory]
    [InlineData("checkpoint", "pruned network, version 2", "checkpoint 'pruned network, version 1'")]
    [InlineData("pixel_scale", "1", "a pixel scale")]
    [InlineData("pixel_shift", "-0.42", "a pixel shift of 0")]
    [InlineData("layers", "fc3r fc10", "the layers of")]
    [InlineData("network", "fc3r fc10", "the layers of")]
    [InlineData("fc1.mask", "AAAA", "base64 of 196 bytes")]
    [InlineData("fc1.mask", "?", "base64 of 196 bytes")]
    [InlineData("fc2.mask", "AAAA", "zero in fc2.weight where its mask is 0")]
    [InlineData("seed", null, "the metadata 'seed'")]
    public void What_contradicts_itself_is_refused(string key, string? text, string reason)
    {
        string path = _folder.Combine("net.safetensors");
        TorchFile.Write(path, Example("fc2r fc10", 0.5));
        var file = SafeTensors.Read(path);
        var texts = new Dictionary<string, string>(file.Metadata);
        if (text is null)
            texts.Remove(key);
        else
            texts[key] = text;
        SafeTensors.Write(path, file.Tensors, texts);
        Assert.Contains(reason, Refusal.Message(ErrorKind.BadFile, path, () => TorchFile.Read(SafeTensors.Read(path))));
    }

    /// <summary>Seeded weights; the first live one is zero.</summary>
    private static Checkpoint Example(string network, double density)
    {
        var model = PlainNetwork.Random(network, Math.Max(density, 1e-9), 0, seed: 1);
        if (Array.FindIndex(model.Weights, w => w != 0) is var first and >= 0)
            model.Weights[first] = 0;
        return model with { Seed = 7, Validation = 500, Notes = new Dictionary<string, string> { ["why"] = "because" } };
    }
}
