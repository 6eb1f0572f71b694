using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class Cifar10Tests : IDisposable
{
    private const string Names = "cat\ndog\n\n";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Records whose pixels count up from the first.</summary>
    private static byte[] Records(params byte[] labels) =>
        [.. labels.SelectMany((label, n) => Enumerable.Range(0, 3072).Select(i => (byte)(i / 1024 * 50 + n)).Prepend(label))];

    private static readonly (string Name, byte[] Content)[] Files =
    [
        ("data_batch_1.bin", Records(1, 0, 1)), ("data_batch_2.bin", Records(0)), ("test_batch.bin", Records(1, 1)),
        ("batches.meta.txt", Encoding.UTF8.GetBytes(Names)), ("readme.html", [1]),
    ];

    private string Write(string folder)
    {
        string path = Directory.CreateDirectory(_folder.Combine(folder)).FullName;
        foreach (var (name, content) in Files)
            File.WriteAllBytes(Path.Combine(path, name), content);
        return path;
    }

    private string Archive(string name)
    {
        Directory.CreateDirectory(_folder.Combine(name[..1]));
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
            foreach (var (file, content) in Files)
            {
                var entry = new PaxTarEntry(TarEntryType.RegularFile, $"cifar-10-batches-bin/{file}");
                entry.DataStream = new MemoryStream(content);
                tar.WriteEntry(entry);
            }
        return _folder.Write(name, packed.ToArray());
    }

    [Theory]
    [InlineData("folder")]
    [InlineData("folder in a folder")]
    [InlineData("archive")]
    public void Records_are_read_from_a_folder_and_from_an_archive(string form)
    {
        string path = form switch
        {
            "folder" => Write("mine"),
            "archive" => Archive("mine.tar.gz"),
            _ => Path.GetDirectoryName(Write(Path.Combine("outer", "cifar-10-batches-bin")))!,
        };
        var data = DataFolder.Load(path, new DataOptions());
        Assert.Equal([1, 0, 1, 0], data.Train.Labels);
        Assert.Equal([1, 1], data.Test.Labels);
        Assert.Equal(["cat", "dog"], data.Shape.Names);
        Assert.Equal("3x32x32 in 2 classes", data.Shape.Description);
        Assert.Equal((1, 51, 101), (data.Train.Image(1)[0], data.Train.Image(1)[1024], data.Train.Image(1)[2048]));
        for (int c = 0; c < 3; c++)
        {
            var channel = data.Train.Images.Where((_, i) => i / 1024 % 3 == c);
            double mean = channel.Average(p => p * (double)data.Shape.Scale[c] + data.Shape.Shift[c]);
            Assert.Equal(0, mean, 1e-4);
        }
    }

    [Fact]
    public void What_claims_to_be_the_original_must_be_it()
    {
        string path = Archive(Cifar10.Archive.Name);
        Assert.Contains(Cifar10.Archive.Sha256, Refusal.Message(ErrorKind.BadData, path, () => DataFolder.Load(path, new DataOptions())));
        Assert.Contains(
            Cifar10.Archive.Sha256, Refusal.Message(ErrorKind.BadData, path, () => DataFolder.Load(_folder.Path, new DataOptions())));
    }

    [Fact]
    public void An_archive_is_kept_as_it_comes()
    {
        byte[] packed = IdxFiles.Gzip([1, 2, 3]);
        string sha = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(packed));
        var known = new KnownFile("a.tar.gz", packed.Length, sha) { AsItIs = true };
        new KnownFiles(_folder.Path, [known], [new FakeSource("good", ("a.tar.gz", packed))]).Complete(_ => { });
        Assert.Equal(packed, File.ReadAllBytes(_folder.Combine("a.tar.gz")));
        new KnownFiles(_folder.Path, [known], []).Complete(_ => { });
        _folder.Write("a.tar.gz", packed[..^1]);
        Assert.Throws<UserException>(() => new KnownFiles(_folder.Path, [known], []).Complete(_ => { }));
    }

    [Theory]
    [InlineData("data_batch_1.bin", 3072, "records of 3073 bytes, found 3072 bytes")]
    [InlineData("test_batch.bin", 0, "an empty file")]
    [InlineData("test_batch.bin", -1, "data_batch_1.bin and so on, and test_batch.bin")]
    public void A_file_that_is_torn_or_missing_is_named(string name, int length, string words)
    {
        string path = Write("mine"), file = Path.Combine(path, name);
        if (length < 0)
            File.Delete(file);
        else
            File.WriteAllBytes(file, new byte[length]);
        var error = Assert.Throws<UserException>(() => DataFolder.Load(path, new DataOptions()));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(words, error.Message);
    }

    [Fact]
    public void A_label_beyond_the_names_is_named()
    {
        string path = Write("mine");
        File.WriteAllBytes(Path.Combine(path, "data_batch_2.bin"), Records(0, 2));
        Assert.Contains("found label 2 in record 1", Refusal.Message(
            ErrorKind.BadData, Path.Combine(path, "data_batch_2.bin"), () => DataFolder.Load(path, new DataOptions())));
    }

    [Fact]
    public void It_comes_from_its_author() =>
        Assert.Equal(["www.cs.toronto.edu"], Cifar10.Sources.Select(source => source.Name));
}
