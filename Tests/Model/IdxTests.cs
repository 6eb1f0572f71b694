using System.Buffers.Binary;
using Model;
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

        DataSet set = Idx.Read(images, labels);

        Assert.Equal(3, set.Count);
        Assert.Equal(pixels, set.Images);
        Assert.Equal([9, 0, 5], set.Labels);
        Assert.True(pixels.AsSpan(784, 784).SequenceEqual(set.Image(1)));
    }

    [Theory]
    [InlineData(0x801u, 1u, 28u, 28u, 784, "0x00000803")] // labels in the place of images
    [InlineData(0x504B0304u, 1u, 28u, 28u, 784, "found 0x504B0304")] // zip
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
        Assert.Contains(words, Refusal.Message(ExitCode.BadData, path, () => Idx.ReadImages(path)));
    }

    [Fact]
    public void Refuses_labels_beyond_nine_and_names_the_first()
    {
        string path = folder.Write("labels", Labels(0, 9, 10, 255));
        Assert.EndsWith("expected labels 0-9, found label 10 at position 2",
            Refusal.Message(ExitCode.BadData, path, () => Idx.ReadLabels(path)));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Refuses_images_and_labels_of_different_counts(int count)
    {
        string images = folder.Write("images", Images(Noise(3)));
        string labels = folder.Write("labels", Labels(new byte[count]));
        Assert.Contains("3 labels", Refusal.Message(ExitCode.BadData, labels, () => Idx.Read(images, labels)));
    }

    [Fact]
    public void Refuses_a_file_cut_at_any_byte()
    {
        byte[] whole = Images(Noise(1));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("images", whole[..length]);
            Refusal.Message(ExitCode.BadData, path, () => Idx.ReadImages(path));
        }
    }

    [Fact]
    public void Refuses_a_gzip_cut_at_any_byte_or_with_bytes_behind()
    {
        byte[] whole = Gzip(Labels([.. Enumerable.Range(0, 300).Select(i => (byte)(i * i % 10))]));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("labels.gz", whole[..length]);
            Refusal.Message(ExitCode.BadData, path, () => Idx.ReadLabels(path));
        }

        for (int more = 1; more < 20; more++)
        {
            string path = folder.Write("labels.gz", [.. whole, .. new byte[more]]);
            Refusal.Message(ExitCode.BadData, path, () => Idx.ReadLabels(path));
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
                    Assert.Equal(pixels, Idx.ReadImages(path));
                    harmless++;
                    Assert.InRange(position, 3, whole.Length - 9); // the checksum and the length are never harmless
                }
                catch (UserException)
                {
                    Refusal.Message(ExitCode.BadData, path, () => Idx.ReadImages(path));
                }
            }
        }

        Assert.InRange(harmless, 1, 4 * 10);
    }

    [Theory]
    [InlineData(0x803u, 0x02000000u, 0u)] // the header claims 26 GB
    [InlineData(0x803u, 0x00200000u, 16u + 0x00200000u * 784)] // header and gzip agree on 1.6 GB
    [InlineData(0x803u, 0x00000001u, 800u)] // 16 MB behind one image
    public void Takes_no_memory_for_what_a_file_only_claims(uint magic, uint count, uint claimed)
    {
        byte[] bomb = Gzip(Bytes([magic, count, 28, 28], new byte[16 << 20]));
        if (claimed > 0)
            BinaryPrimitives.WriteUInt32LittleEndian(bomb.AsSpan(bomb.Length - 4), claimed);
        string path = folder.Write("images.gz", bomb);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Refusal.Message(ExitCode.BadData, path, () => Idx.ReadImages(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Refuses_what_is_absent_or_no_file()
    {
        string path = folder.Combine("absent");
        Refusal.Message(ExitCode.BadData, path, () => Idx.ReadImages(path));
        Refusal.Message(ExitCode.BadData, folder.Path, () => Idx.ReadImages(folder.Path));
    }
}
