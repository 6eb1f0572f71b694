using Secateurs.Kernels;
using Secateurs.Model;
using static Tests.ModelTests.IdxFiles;

namespace Tests.ModelTests;

public sealed class IdxTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reads_any_set_of_the_form_plain_or_gzip_whatever_the_name(bool gzip)
    {
        byte[] pixels = Noise(3);
        string images = folder.Write("a", gzip ? Gzip(Images(pixels)) : Images(pixels));
        string labels = folder.Write("b.gz", gzip ? Gzip(Labels(9, 0, 5)) : Labels(9, 0, 5));

        DataSet set = Idx.Read(images, labels, Mnist.Shape);

        Assert.Equal(3, set.Count);
        Assert.Equal(pixels, set.Images);
        Assert.Equal([9, 0, 5], set.Labels);
        Assert.True(pixels.AsSpan(784, 784).SequenceEqual(set.Image(1)));
    }

    [Theory]
    [InlineData(0x801u, 1u, 28u, 28u, 784, "0x00000803")] // labels in the place of images
    [InlineData(0x504B0304u, 1u, 28u, 28u, 784, "found a zip archive")]
    [InlineData(0xFFFFFFFFu, 1u, 28u, 28u, 784, "found 0xFFFFFFFF")]
    [InlineData(0x803u, 0u, 28u, 28u, 0, "a count of 0")]
    [InlineData(0x803u, 1u, 27u, 28u, 756, "rows")]
    [InlineData(0x803u, 1u, 28u, 29u, 812, "columns")]
    [InlineData(0x803u, 1u, 28u, 0x8000001Cu, 784, "columns")]
    [InlineData(0x803u, 2u, 28u, 28u, 784, "1584 bytes for 2 images, found 800")]
    [InlineData(0x803u, 1u, 28u, 28u, 785, "800 bytes for 1 images, found 801")]
    [InlineData(0x803u, 0xFFFFFFFFu, 28u, 28u, 784, "for 4294967295 images")]
    public void Refuses_images_of_another_form(uint magic, uint count, uint rows, uint columns, int elements, string words)
    {
        string path = folder.Write("images", Bytes([magic, count, rows, columns], new byte[elements]));
        Assert.Contains(words, Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape)));
    }

    [Fact]
    public void Refuses_labels_beyond_nine_and_names_the_first()
    {
        string path = folder.Write("labels", Labels(0, 9, 10, 255));
        Assert.EndsWith("expected labels 0-9, found label 10 at position 2",
            Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadLabels(path, 10)));
    }

    [Theory]
    [InlineData(0xB01u, 2)]
    [InlineData(0xC01u, 4)]
    public void Labels_of_more_than_256_classes_have_16_or_32_bits(uint magic, int width)
    {
        int[] labels = [0, 255, 256, 999, 3];
        byte[] elements = [.. labels.SelectMany(l => Enumerable.Range(0, width).Select(i => (byte)(l >> 8 * (width - 1 - i))))];
        string path = folder.Write("labels", Bytes([magic, 5], elements));
        Assert.Equal(labels, Idx.ReadLabels(path));
        Assert.EndsWith("labels 0-998, found label 999 at position 3",
            Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadLabels(path, 999)));
        elements[0] = 0xFF; // negative
        path = folder.Write("labels", Bytes([magic, 5], elements));
        Assert.Contains("at position 0", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadLabels(path)));
    }

    [Fact]
    public void Images_may_have_any_size_and_three_colours_first_or_last()
    {
        byte[] first = [.. Enumerable.Range(0, 2 * 3 * 2 * 5).Select(i => (byte)i)];
        byte[] last = [.. Enumerable.Range(0, first.Length).Select(i => (byte)(i / 30 * 30 + i % 3 * 10 + i % 30 / 3))];
        var shape = new TensorShape(3, 2, 5);
        var (image, pixels) = Idx.ReadImages(folder.Write("first", Bytes([0x804, 2, 3, 2, 5], first)));
        Assert.Equal(shape, image);
        Assert.Equal(first, pixels);
        (image, pixels) = Idx.ReadImages(folder.Write("last", Bytes([0x804, 2, 2, 5, 3], last)));
        Assert.Equal(shape, image);
        Assert.Equal(first, pixels);
        (image, _) = Idx.ReadImages(folder.Write("grey", Bytes([0x803, 2, 6, 5], first)));
        Assert.Equal(new TensorShape(1, 6, 5), image);
        foreach (uint[] header in new uint[][] { [0x804, 2, 2, 6, 5], [0x803, 1, 0, 5], [0x803, 1, 2, 1025], [0x804, 1, 3, 2, 70000] })
        {
            string path = folder.Write("other", Bytes(header, first));
            Assert.Contains("1 or 3 channels", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path)));
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Refuses_images_and_labels_of_different_counts(int count)
    {
        string images = folder.Write("images", Images(Noise(3)));
        string labels = folder.Write("labels", Labels(new byte[count]));
        Assert.Contains("3 labels", Refusal.Message(ErrorKind.BadData, labels, () => Idx.Read(images, labels, Mnist.Shape)));
    }

    [Fact]
    public void Refuses_a_file_cut_at_any_byte()
    {
        byte[] whole = Images(Noise(1));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("images", whole[..length]);
            Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape));
        }
    }

    [Fact]
    public void Refuses_a_gzip_cut_at_any_byte()
    {
        byte[] whole = Gzip(Labels([.. Enumerable.Range(0, 300).Select(i => (byte)(i * i % 10))]));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("labels.gz", whole[..length]);
            Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadLabels(path, 10));
        }
    }

    /// <summary>Some bits of a gzip say nothing about its content: time and system in the header, padding in the deflate stream.</summary>
    [Fact]
    public void A_gzip_damaged_at_any_byte_is_refused_or_still_says_the_same()
    {
        byte[] pixels = Noise(1), whole = Gzip(Images(pixels));
        int harmless = 0;
        for (int position = 0; position < whole.Length; position++)
        {
            foreach (byte change in new byte[] { 0x01, 0x10, 0x80, 0xFF })
            {
                byte[] damaged = (byte[])whole.Clone();
                damaged[position] ^= change;
                string path = folder.Write("images.gz", damaged);
                try
                {
                    Assert.Equal(pixels, Idx.ReadImages(path, Mnist.Shape));
                    harmless++;
                    Assert.InRange(position, 3, whole.Length - 9); // the checksum and the length are never harmless
                }
                catch (UserException)
                {
                    Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape));
                }
            }
        }

        Assert.InRange(harmless, 1, 4 * 10);
    }

    [Theory]
    [InlineData(0x02000000u)] // 26 GB
    [InlineData(280_000u)] // as many as are allowed, but a gzip of 16 KB cannot hold them
    [InlineData(1u)] // 16 MB behind one image
    public void Takes_no_memory_for_what_a_file_only_claims(uint count)
    {
        string path = folder.Write("images.gz", Gzip(Bytes([0x803, count, 28, 28], new byte[16 << 20])));

        long before = GC.GetAllocatedBytesForCurrentThread();
        Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Refuses_more_images_than_a_set_may_have()
    {
        string images = folder.Combine("images"), labels = folder.Write("labels", Labels(1, 2, 3));
        using (FileStream file = File.Create(images))
        {
            file.Write(Bytes([0x803, 280_001, 28, 28], []));
            file.SetLength(16 + 280_001L * 784); // zeros that take no room on the disk
        }

        Assert.Contains("at most 280000 images", Refusal.Message(ErrorKind.BadData, images, () => Idx.ReadImages(images, Mnist.Shape)));
        Assert.Contains("at most 2 labels", Refusal.Message(ErrorKind.BadData, labels, () => Idx.ReadLabels(labels, 10, most: 2)));
        Assert.Equal([1, 2, 3], Idx.ReadLabels(labels, 10, most: 3));
    }

    [Fact]
    public void Refuses_a_gzip_longer_than_any_of_its_content_without_reading_it()
    {
        string path = folder.Write("labels.gz", [.. Gzip(Labels(1, 2, 3)), .. new byte[2 << 20]]);
        Assert.Contains("too long", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadLabels(path, 10, most: 3)));
        path = folder.Write("labels.gz", [.. Gzip(Labels(1, 2, 3)), .. new byte[1 << 19]]);
        Assert.Equal([1, 2, 3], Idx.ReadLabels(path, 10, most: 3));
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "git lfs pull")]
    [InlineData("<!DOCTYPE html>", "web page")]
    [InlineData("\x93NUMPY", "NumPy")]
    [InlineData("no", "text")]
    [InlineData("\0\0", "2 bytes")]
    public void Says_what_else_a_file_is_in_a_gzip_too(string start, string words)
    {
        byte[] bytes = [.. start.Select(c => (byte)c)];
        foreach (byte[] content in new[] { bytes, Gzip(bytes) })
        {
            string path = folder.Write("images", content);
            Assert.Contains(words, Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape)));
        }
    }

    [Fact]
    public void Refuses_what_is_absent_or_no_file()
    {
        string path = folder.Combine("absent");
        Assert.EndsWith("no file", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape)));
        Assert.EndsWith("a folder", Refusal.Message(ErrorKind.BadData, folder.Path, () => Idx.ReadImages(folder.Path, Mnist.Shape)));
        Refusal.Message(ErrorKind.BadData, "", () => Idx.ReadImages("", Mnist.Shape));
        path = folder.Write("empty", []);
        Assert.Contains("an empty file", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape)));
    }

    [Fact]
    public void Follows_a_link_to_a_file_and_refuses_one_to_nothing_or_to_itself()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        byte[] pixels = Noise(1);
        folder.Write("images", Images(pixels));
        string path = Link("near", "images");
        Assert.Equal(pixels, Idx.ReadImages(Link("far", path), Mnist.Shape));
        path = Link("broken", "absent");
        Assert.EndsWith("a link to no file", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape)));
        path = Link("self", "self");
        Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape));

        string Link(string name, string target) => File.CreateSymbolicLink(folder.Combine(name), target).FullName;
    }

    [Fact]
    public void Never_waits_for_a_pipe_nor_reads_a_device()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pipes and devices are no files there");
        string pipe = folder.Combine("pipe");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            mkfifo.WaitForExit();
        foreach (string path in new[] { pipe, "/dev/zero", "/dev/null" })
        {
            Assert.EndsWith(
                "an empty file, a pipe or a device", Refusal.Message(ErrorKind.BadData, path, () => Idx.ReadImages(path, Mnist.Shape)));
        }
    }

    [Fact]
    public void Reading_can_be_broken_off()
    {
        string path = folder.Write("images", Images(Noise(2)));
        Assert.Throws<OperationCanceledException>(
            () => Idx.ReadImages(path, Mnist.Shape, cancellation: new CancellationToken(canceled: true)));
    }
}
