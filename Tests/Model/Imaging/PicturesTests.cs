namespace Tests.ModelTests.Imaging;

/// <summary>Which files are read and which refused, and that what has MNIST's form keeps its pixels.</summary>
public sealed class PicturesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(20, 20)]
    [InlineData(20, 9)]
    [InlineData(19, 14)]
    public void An_image_in_the_form_of_mnist_keeps_its_pixels_in_either_polarity(int rows, int columns)
    {
        byte[] pixels = Form(rows, columns, 255);
        Assert.Equal(pixels, Read(PictureBytes.Png(pixels, 28, 28)));
        Assert.Equal(pixels, Read(PictureBytes.Png([.. pixels.Select(p => (byte)(255 - p))], 28, 28)));
        Assert.Equal(pixels, Read(PictureBytes.Png([.. pixels.SelectMany(p => new byte[] { 0, p })], 28, 28, depth: 16)));
    }

    [Fact]
    public void An_image_of_28x28_without_the_form_of_mnist_gets_it()
    {
        byte[] small = Form(14, 9, 255), pale = Form(20, 9, 200), aside = [.. Form(20, 9, 255).Skip(3), 0, 0, 0];
        foreach (byte[] pixels in (byte[][])[small, pale, aside])
        {
            byte[] read = Read(PictureBytes.Png(pixels, 28, 28));
            Assert.NotEqual(pixels, read);
            AssertForm(read);
        }
    }

    [Fact]
    public void Every_drawing_gets_the_form_of_mnist()
    {
        foreach (char digit in Drawing.Digits)
            foreach (int side in (int[])[24, 50, 300])
                AssertForm(Read(PictureBytes.Png(Drawing.Paint(Drawing.Framed(digit, side), 255, 0))));
    }

    [Fact]
    public void Idx_files_give_all_their_images()
    {
        byte[] pixels = IdxFiles.Noise(3);
        foreach (byte[] content in new[] { IdxFiles.Images(pixels), IdxFiles.Gzip(IdxFiles.Images(pixels)) })
        {
            string path = _folder.Write("images", content);
            var images = PictureFolder.Read(path);
            Assert.Equal([$"{path}#0", $"{path}#1", $"{path}#2"], images.Select(i => i.Name));
            Assert.Equal(pixels, images.SelectMany(i => i.Pixels.ToArray()));
        }
    }

    [Fact]
    public void What_is_no_picture_is_refused()
    {
        AssertRefused(_folder.Combine("absent"), "a readable picture", "none");
        AssertRefused(_folder.Combine("absent", "file"), "a readable picture", "none");
        AssertRefused(_folder.Path, "a readable picture", "a folder");
        AssertRefused(_folder.Write("text", "hello"u8.ToArray()), "a picture", "none of them");
        AssertRefused(_folder.Write("empty", []), "a picture", "an empty file");
        AssertRefused(_folder.Write("zeros", new byte[1000]), "a picture", "none of them");
        AssertRefused(_folder.Write("phone", [0, 0, 0, 24, .. "ftypheic"u8, 0, 0, 0, 0]), "a picture", "HEIC");
        AssertRefused(_folder.Write("labels", IdxFiles.Labels(new byte[100])), "IDX images", "");
        byte[] many = IdxFiles.Gzip(IdxFiles.Bytes([0x803, 100_001, 28, 28], new byte[784]));
        AssertRefused(_folder.Write("many", many), "at most 100000 images", "100001");
    }

    [Fact]
    public void A_file_without_permission_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "root may read everything");
        string path = _folder.Write("secret", PictureBytes.Png(new byte[784], 28, 28));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.None);
        AssertRefused(path, "a readable picture", "no permission");
    }

    private byte[] Read(byte[] file) => Assert.Single(PictureFolder.Read(_folder.Write("picture", file))).Pixels.ToArray();

    private static void AssertRefused(string path, string expected, string found)
    {
        string message = PictureFolder.Refused(path);
        Assert.Contains($": expected {expected}", message);
        Assert.Contains(found, message[message.IndexOf(", found ", StringComparison.Ordinal)..]);
    }

    /// <summary>A hollow shape, a little shaded, of this height and width in the middle of 28x28.</summary>
    private static byte[] Form(int rows, int columns, byte ink)
    {
        byte[] pixels = new byte[784];
        int top = 14 - rows / 2, left = 14 - columns / 2;
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++)
                if (y is < 3 || x is < 3 || y >= rows - 3 || x >= columns - 3)
                    pixels[(top + y) * 28 + left + x] = (byte)(ink - x - y % 2);
        return pixels;
    }

    /// <summary>A box of 20 around the ink, its centre of mass in the middle, full ink somewhere.</summary>
    private static void AssertForm(byte[] pixels)
    {
        int[] ink = [.. Enumerable.Range(0, 784).Where(i => pixels[i] > 0)];
        int columns = ink.Max(i => i % 28) - ink.Min(i => i % 28) + 1, rows = ink.Max(i => i / 28) - ink.Min(i => i / 28) + 1;
        Assert.Equal(20, Math.Max(columns, rows));
        Assert.Equal(255, pixels.Max());
        double mass = ink.Sum(i => pixels[i]);
        Assert.InRange(ink.Sum(i => pixels[i] * (i % 28)) / mass, 13.4, 14.6);
        Assert.InRange(ink.Sum(i => pixels[i] * (i / 28)) / mass, 13.4, 14.6);
    }
}
