using System.Buffers.Binary;
using System.IO.Compression;
using Model;

namespace Tests.ModelTests;

public sealed class PicturesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_picture_of_the_right_size_is_taken_as_it_is()
    {
        byte[] pixels = new byte[784];
        for (int i = 0; i < 200; i++)
            pixels[290 + i] = (byte)i;
        Assert.Equal(pixels, Read(pixels, 28, 28));
    }

    [Fact]
    public void Ink_on_paper_is_inverted()
    {
        byte[] pixels = [.. Enumerable.Repeat((byte)255, 784)];
        pixels[300] = 10;
        byte[] read = Read(pixels, 28, 28);
        Assert.Equal(245, read[300]);
        Assert.Equal(245, read.Sum(p => p));
    }

    [Theory]
    [InlineData(100, 60, 40, 20, 20, 30)]
    [InlineData(50, 200, 5, 100, 40, 80)]
    [InlineData(10, 10, 2, 3, 4, 5)]
    [InlineData(300, 300, 0, 0, 10, 250)]
    public void A_picture_of_another_size_is_fitted_into_20x20_and_centred_by_mass(int width, int height, int left, int top, int boxWidth, int boxHeight)
    {
        byte[] pixels = [.. Enumerable.Repeat((byte)230, width * height)];
        for (int y = top; y < top + boxHeight; y++)
            for (int x = left; x < left + boxWidth; x++)
                pixels[y * width + x] = 40;
        byte[] read = Read(pixels, width, height);

        int[] ink = [.. Enumerable.Range(0, 784).Where(i => read[i] > 0)];
        int longer = Math.Max(boxWidth, boxHeight);
        int columns = ink.Max(i => i % 28) - ink.Min(i => i % 28) + 1, rows = ink.Max(i => i / 28) - ink.Min(i => i / 28) + 1;
        Assert.Equal((int)Math.Round(20.0 * boxWidth / longer), columns);
        Assert.Equal((int)Math.Round(20.0 * boxHeight / longer), rows);
        Assert.All(ink, i => Assert.Equal(255, read[i]));
        Assert.InRange(ink.Average(i => i % 28), 13, 14);
        Assert.InRange(ink.Average(i => i / 28), 13, 14);
    }

    [Fact]
    public void Idx_files_give_all_their_images()
    {
        byte[] pixels = IdxFiles.Noise(3);
        foreach (byte[] content in new[] { IdxFiles.Images(pixels), IdxFiles.Gzip(IdxFiles.Images(pixels)) })
        {
            string path = _folder.Write("images", content);
            var images = Pictures.Read(path).ToArray();
            Assert.Equal([$"{path}#0", $"{path}#1", $"{path}#2"], images.Select(i => i.Name));
            Assert.Equal(pixels, images.SelectMany(i => i.Pixels));
        }
    }

    [Fact]
    public void What_is_no_picture_is_refused()
    {
        byte[] intact = Png(IdxFiles.Noise(1), 28, 28);
        AssertRefused(_folder.Combine("absent"), "a readable picture");
        AssertRefused(_folder.Write("text", "hello"u8.ToArray()), "a picture");
        AssertRefused(_folder.Write("empty", []), "a picture");
        AssertRefused(_folder.Write("cut.png", intact[..60]), "a picture");
        AssertRefused(_folder.Write("labels", IdxFiles.Labels(new byte[100])), "IDX images");
        AssertRefused(_folder.Write("blank.png", Png([.. Enumerable.Repeat((byte)255, 100)], 10, 10)), "a digit");
        byte[] vast = [.. intact];
        BinaryPrimitives.WriteInt32BigEndian(vast.AsSpan(16), 60000);
        BinaryPrimitives.WriteInt32BigEndian(vast.AsSpan(20), 60000);
        AssertRefused(_folder.Write("vast.png", vast), "a picture");
    }

    private static void AssertRefused(string path, string expected) =>
        Assert.Contains(expected, Refusal.Message(ExitCode.BadData, path, () => _ = Pictures.Read(path).ToArray()));

    private byte[] Read(byte[] pixels, int width, int height) =>
        Assert.Single(Pictures.Read(_folder.Write("picture.png", Png(pixels, width, height)))).Pixels;

    /// <summary>An 8-bit grey PNG.</summary>
    private static byte[] Png(byte[] pixels, int width, int height)
    {
        using var file = new MemoryStream();
        file.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        Chunk("IHDR"u8, header);
        using (var packed = new MemoryStream())
        {
            using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            {
                for (int y = 0; y < height; y++)
                {
                    zlib.WriteByte(0);
                    zlib.Write(pixels, y * width, width);
                }
            }
            Chunk("IDAT"u8, packed.ToArray());
        }
        Chunk("IEND"u8, []);
        return file.ToArray();

        void Chunk(ReadOnlySpan<byte> type, byte[] data)
        {
            Span<byte> word = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
            file.Write(word);
            file.Write(type);
            file.Write(data);
            uint crc = ~0u;
            foreach (byte b in (byte[])[.. type, .. data])
            {
                crc ^= b;
                for (int bit = 0; bit < 8; bit++)
                    crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
            }
            BinaryPrimitives.WriteUInt32BigEndian(word, ~crc);
            file.Write(word);
        }
    }
}
