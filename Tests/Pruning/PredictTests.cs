using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Tests.ModelTests;
using Tests.ModelTests.Imaging;

namespace Tests.PruningTests;

public sealed class PredictTests : IDisposable
{
    private static readonly byte[] Five = PictureBytes.Png(Drawing.Paint(Drawing.Framed('5', 60), 200, 20));

    private readonly TemporaryFolder _folder = new();
    private readonly Checkpoint _network = PlainNetwork.Random("fc12r fc10", 1, 0, seed: 3);
    private readonly string _model;

    public PredictTests()
    {
        _model = _folder.Combine("model.safetensors");
        _network.Save(_model);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Probabilities_are_those_of_the_networks_answers_for_every_image_of_several_batches()
    {
        const int count = 1030;
        byte[] pixels = PlainNetwork.Images(count, seed: 4);
        string idx = _folder.Write("images", IdxFiles.Images(pixels)), picture = _folder.Write("5.png", Five);
        var (output, error) = Cli.Done("predict", "--model", _model, "--device", "cpu", "--workers", Cli.Workers, "--json", idx, picture);
        var predictions = JsonDocument.Parse(output).RootElement.GetProperty("predictions");
        var names = predictions.EnumerateArray().Select(p => p.GetProperty("image").GetString());
        Assert.Equal([.. Enumerable.Range(0, count).Select(i => $"{idx}#{i}"), picture], names);
        foreach (int n in (int[])[0, 1, 1023, 1024, count - 1])
        {
            double[] logits = PlainNetwork.Run(_network, pixels.AsSpan(n * 784, 784)).Logits;
            double[] powers = Array.ConvertAll(logits, l => Math.Exp(l - logits.Max()));
            double[] probabilities = [.. predictions[n].GetProperty("probabilities").EnumerateArray().Select(p => p.GetDouble())];
            Assert.All(powers.Zip(probabilities), pair => Assert.Equal(pair.First / powers.Sum(), pair.Second, 1e-4));
            int best = Array.IndexOf(logits, logits.Max());
            Assert.Equal(best, predictions[n].GetProperty("class").GetInt32());
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"{idx}#{n} "), error);
        }
    }

    [Fact]
    public void What_cannot_be_answered_is_one_line()
    {
        string blank = _folder.Write("blank.png", PictureBytes.Png([.. Enumerable.Repeat((byte)255, 784)], 28, 28));
        string good = _folder.Write("good.png", Five);
        AssertRefused(ExitCode.Usage, "IMAGES: expected a path, found an empty one", good, "");
        AssertRefused(ExitCode.Usage, "IMAGES: expected at least one picture or IDX file, found none");
        AssertRefused(ExitCode.BadData, $"{_folder.Path}: expected a readable picture or IDX file, found a folder", _folder.Path);
        AssertRefused(ExitCode.BadData, $"{blank}: expected a digit, found an empty picture", good, blank);
    }

    [Fact]
    public void It_ends_when_it_is_asked_to()
    {
        string idx = _folder.Write("images", IdxFiles.Images(PlainNetwork.Images(3, seed: 4)));
        var (code, output, _) = Cli.Run(new CancellationToken(canceled: true), "predict", "--model", _model, "--device", "cpu", idx);
        Assert.Equal((int)ExitCode.Interrupted, code);
        Assert.Equal("", output);
    }

    private void AssertRefused(ExitCode expected, string message, params string[] images)
    {
        var (code, output, error) = Cli.Run(["predict", "--model", _model, "--device", "cpu", .. images]);
        Assert.Equal((int)expected, code);
        Assert.Equal("", output);
        Assert.Equal($"error: {message}", error.TrimEnd());
    }
}
