using System.Text.Json;
using Secateurs.Model;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>What eval says of classes and images.</summary>
public sealed class EvalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cpu", 1.0)]
    [InlineData("cpu", 0.05)]
    public void Classes_confusions_and_wrong_images_add_up_to_the_accuracy(string device, double density)
    {
        string data = SmallSet.Write(_folder.Combine("data")), model = _folder.Combine("model.safetensors");
        PlainNetwork.Random("fc16r fc10", density, 0, seed: 1).Save(model);
        string[] eval = ["eval", "--model", model, "--data", data, "--device", device, "--workers", Cli.Workers];
        using var json = JsonDocument.Parse(Cli.Done([.. eval, "--json"]).Output);
        var root = json.RootElement;
        int correct = root.GetProperty("correct").GetInt32();
        int[] labels = SmallSet.Make(SmallSet.TestCount, 2).Labels;
        // A network of random weights is wrong most often.
        Assert.InRange(correct, 0, SmallSet.TestCount - 10);
        int[][] confusion =
        [
            .. root.GetProperty("confusion").EnumerateArray().Select(r => r.EnumerateArray().Select(n => n.GetInt32()).ToArray()),
        ];
        Assert.Equal(labels.CountBy(l => l).OrderBy(p => p.Key).Select(p => p.Value), confusion.Select(r => r.Sum()).Where(n => n > 0));
        Assert.Equal(correct, confusion.Select((r, i) => r[i]).Sum());
        var classes = root.GetProperty("classes").EnumerateArray().ToArray();
        Assert.Equal(correct, classes.Sum(c => c.GetProperty("correct").GetInt32()));

        using var predicted = JsonDocument.Parse(Cli.Done(
            "predict", "--model", model, "--device", device, "--json", Path.Combine(data, "t10k-images-idx3-ubyte")).Output);
        int[] answers =
            [.. predicted.RootElement.GetProperty("predictions").EnumerateArray().Select(p => p.GetProperty("class").GetInt32())];
        Assert.Equal(
            Enumerable.Range(0, labels.Length).Where(i => answers[i] != labels[i]).Select(i => (i, labels[i], answers[i])),
            root.GetProperty("wrong").EnumerateArray().Select(w => (
                w.GetProperty("image").GetInt32(), w.GetProperty("label").GetInt32(), w.GetProperty("answer").GetInt32())));

        string text = Cli.Done(eval).Output;
        Assert.Contains("class  images  right  accuracy %  most often taken for", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n')[1..], l => Assert.InRange(l.Length, 0, 80));
    }

    [Fact]
    public void A_confusion_counts_what_was_taken_for_what()
    {
        var images = SmallSet.Make(6, 1);
        int[] answers = [.. images.Labels];
        answers[2] = (answers[2] + 1) % 10;
        var confusion = new Confusion(images, answers);
        Assert.Equal(5, confusion.Correct);
        Assert.Equal((2, images.Labels[2], answers[2]), Assert.Single(confusion.Wrong));
        Assert.Equal((answers[2], 1), confusion.MostOften(images.Labels[2]));
        Assert.Equal(1, confusion.Count(images.Labels[2], answers[2]));
        int absent = Enumerable.Range(0, 10).First(c => !images.Labels.Contains(c));
        Assert.Equal((double.NaN, 0, null), (confusion.Accuracy(absent), confusion.Images(absent), confusion.MostOften(absent)));
        Assert.Throws<ArgumentException>(() => new Confusion(images, answers[1..]));
    }
}
