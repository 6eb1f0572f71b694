using Secateurs.Model;
using Secateurs.Model.Imaging;
using Tests.ModelTests.Imaging;

namespace Tests.ModelTests;

/// <summary>A folder of pictures for each class: sizes, colours, what is no picture, what cannot be read.</summary>
public sealed class PictureSetTests : IDisposable
{
    /// <summary>8x8 of pure cyan in four inks, as printers have it.</summary>
    private const string Inks =
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBtUVdfYmdoZz5NcXlwZH"
        + "hcZWdj/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBL"
        + "AAA/AD8gEAgP/9k=";

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _said = [];

    public void Dispose() => _folder.Dispose();

    private ImageData Load(DataOptions? options = null) =>
        DataFolder.Load(_folder.Path, (options ?? new DataOptions()) with { Say = _said.Add });

    /// <summary>A PNG of one colour.</summary>
    private static byte[] Plain(int height, int width, byte red, byte green, byte blue, byte alpha = 255) => PictureBytes.Png(
        [.. Enumerable.Repeat(new[] { red, green, blue, alpha }, height * width).SelectMany(p => p)], width, height,
        colour: PictureBytes.ColourAndAlpha);

    private void Put(string path, byte[] content)
    {
        Directory.CreateDirectory(_folder.Combine(Path.GetDirectoryName(path)!));
        _folder.Write(path, content);
    }

    /// <summary>So many pictures of a class whose grey tells which one it is.</summary>
    private void PutGrey(string folder, int count, int first = 0)
    {
        for (int i = 0; i < count; i++)
            Put($"{folder}/{i:D3}.png", PictureBytes.Png([.. Enumerable.Repeat((byte)(first + i), 12)], 4, 3));
    }

    [Fact]
    public void Folders_are_classes_in_the_order_of_their_names()
    {
        PutGrey("train/zebra", 7);
        PutGrey("train/Äpfel & Birnen", 5, 100);
        PutGrey("train/red cars", 6, 200);
        PutGrey("test/red cars", 2, 50);
        PutGrey("test/zebra", 1, 60);
        var data = Load();
        Assert.Equal(["red cars", "zebra", "Äpfel & Birnen"], data.Shape.Names);
        Assert.Equal((1, 3, 4), (data.Shape.Channels, data.Shape.Height, data.Shape.Width));
        Assert.Equal([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2], data.Train.Labels);
        Assert.Equal(205, data.Train.Image(5)[0]);
        Assert.Equal([0, 0, 1], data.Test.Labels);
        Assert.Equal([50, 51, 60], Enumerable.Range(0, 3).Select(i => (int)data.Test.Image(i)[11]));
        // Normalized by the training images alone.
        double[] pixels = [.. data.Train.Images.Select(p => p * (double)data.Shape.Scale[0] + data.Shape.Shift[0])];
        Assert.Equal(0, pixels.Average(), 1e-5);
        Assert.Equal(1, pixels.Average(p => p * p), 1e-5);
        Assert.Equal(data.Shape, DataShape.Read($"{data.Shape}"));
        Assert.DoesNotContain(' ', $"{data.Shape}");
        Assert.Empty(_said);
    }

    [Fact]
    public void Without_a_test_folder_a_sixth_of_each_class_is_set_aside_always_the_same()
    {
        PutGrey("many", 60);
        PutGrey("few", 6, 100);
        PutGrey("one", 1, 200);
        var data = Load();
        int[] Counts(DataSet set) => [.. Enumerable.Range(0, 3).Select(c => set.Labels.Count(l => l == c))];
        Assert.Equal([5, 50, 1], Counts(data.Train));
        Assert.Equal([1, 10, 0], Counts(data.Test));
        var greys = data.Train.Images.Concat(data.Test.Images).Distinct().Order();
        Assert.Equal(67, greys.Count());
        Assert.Equal(data.Test.Images, Load().Test.Images);
        // Validation images go in proportion too, and every class keeps one to learn from.
        var (training, validation) = data.Train.Split(10, seed: 3);
        Assert.Equal([1, 9, 0], Counts(validation));
        Assert.Equal([4, 41, 1], Counts(training));
        Assert.Equal([4, 49, 0], Counts(data.Train.Split(53, seed: 3).Validation));
        Assert.Throws<UserException>(() => data.Train.Split(54, seed: 3));
    }

    [Fact]
    public void One_picture_in_colour_makes_the_set_one_of_colours()
    {
        PutGrey("a", 6);
        PutGrey("b", 6, 100);
        Assert.Equal(1, Load().Shape.Channels);
        Put("b/x.png", Plain(3, 4, 10, 20, 30));
        Put("test/a/none", []);
        var data = Load();
        Assert.Equal(3, data.Shape.Channels);
        byte[] planes = [.. new byte[] { 10, 20, 30 }.SelectMany(v => Enumerable.Repeat(v, 12))];
        Assert.Contains(data.Train.Images.Chunk(36).Concat(data.Test.Images.Chunk(36)), i => i.SequenceEqual(planes));
        Assert.Contains(data.Train.Images.Chunk(36), i => i.Distinct().Count() == 1);
    }

    [Fact]
    public void Pictures_of_several_sizes_want_one_to_be_named()
    {
        PutGrey("a", 6);
        PutGrey("b", 6);
        Put("b/x.png", Plain(30, 20, 255, 255, 255));
        var error = Refusal.Of(ErrorKind.BadData, _folder.Path, () => Load());
        Assert.Equal("size", error.Parameter);
        Assert.Contains("3x4 in", error.Message);
        Assert.Contains("30x20 in", error.Message);
        Assert.Equal((6, 2), Size(Load(new DataOptions { Size = (6, 2) })));
        Put("b/x.png", Plain(1025, 1, 255, 255, 255));
        File.Delete(_folder.Combine("a", "000.png"));
        Put("a/000.png", Plain(1025, 1, 255, 255, 255));
        Assert.Contains("at most 1024x1024", Refusal.Message(ErrorKind.BadData, _folder.Path, () => Load()));

        static (int, int) Size(ImageData data) => (data.Shape.Height, data.Shape.Width);
    }

    [Fact]
    public void What_is_no_picture_is_passed_over_and_counted_and_what_cannot_be_read_is_named()
    {
        PutGrey("a", 6);
        PutGrey("b", 6);
        Put("a/notes.txt", [1]);
        Put("a/.hidden.png", [1]);
        Put("a/deeper/x.png", [1]);
        Directory.CreateDirectory(_folder.Combine("empty"));
        Assert.Equal(3, Load().PassedOver);
        Assert.Contains(_said, s => s.Contains("empty: no pictures", StringComparison.Ordinal));
        byte[] png = PictureBytes.Png(new byte[12], 4, 3);
        Put("b/torn.png", png[..40]);
        Put("b/text.JPG", "no picture"u8.ToArray());
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(_folder.Combine("b", "gone.png"), "nowhere.png");
            File.CreateSymbolicLink(_folder.Combine("b", "link.png"), "000.png");
            using var mkfifo = System.Diagnostics.Process.Start("mkfifo", [_folder.Combine("b", "pipe.png")]);
            mkfifo.WaitForExit();
        }
        int broken = OperatingSystem.IsWindows() ? 2 : 4;
        var error = Refusal.Of(ErrorKind.BadData, _folder.Path, () => Load());
        Assert.Equal("skip", error.Parameter);
        Assert.Contains($"found {broken} pictures that cannot be read", error.Message);
        Assert.Contains(_said, s => s.StartsWith(_folder.Combine("b", "torn.png"), StringComparison.Ordinal));
        var data = Load(new DataOptions { SkipBroken = true });
        Assert.Equal(broken, data.Broken.Count);
        Assert.Equal(12 + (OperatingSystem.IsWindows() ? 0 : 1), data.Train.Count + data.Test.Count);
    }

    [Theory]
    [InlineData(1, "found 1")]
    [InlineData(1001, "found 1001")]
    public void Classes_are_2_to_1000(int classes, string words)
    {
        for (int c = 0; c < classes; c++)
            Put($"{c}/x.bmp", [1]);
        Assert.Contains(words, Refusal.Message(ErrorKind.BadData, _folder.Path, () => Load()));
    }

    [Fact]
    public void Test_images_of_a_class_that_is_not_learned_are_refused()
    {
        PutGrey("train/a", 2);
        PutGrey("train/b", 2);
        PutGrey("test/c", 1);
        Refusal.Message(ErrorKind.BadData, _folder.Combine("test", "c"), () => Load());
        Directory.Delete(_folder.Combine("test", "c"), recursive: true);
        Assert.Contains("test images", Refusal.Message(ErrorKind.BadData, _folder.Combine("test"), () => Load()));
    }

    [Fact]
    public void Decoded_pictures_are_kept_until_something_changes()
    {
        using var elsewhere = new TemporaryFolder();
        PutGrey("a", 6);
        PutGrey("b", 6, 100);
        var options = new DataOptions { Cache = elsewhere.Path };
        var first = Load(options);
        string file = Assert.Single(Directory.GetFiles(elsewhere.Path));
        Assert.Empty(_said);
        Assert.Equal(first.Sha256(), Load(options).Sha256());
        Assert.Contains("decoded before", Assert.Single(_said));
        Assert.Equal(first.Shape, Load(options).Shape);
        // Another picture, a damaged file.
        Put("b/000.png", PictureBytes.Png([.. Enumerable.Repeat((byte)250, 12)], 4, 3));
        File.SetLastWriteTimeUtc(_folder.Combine("b", "000.png"), new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.NotEqual(first.Sha256(), Load(options).Sha256());
        byte[] kept = File.ReadAllBytes(file);
        kept[^40] ^= 1;
        File.WriteAllBytes(file, kept);
        _said.Clear();
        Assert.Contains((byte)250, Load(options).Train.Images.Concat(Load(options).Test.Images));
        Assert.Single(_said); // the first of both decoded anew
        Assert.Single(Directory.GetFiles(elsewhere.Path));
    }

    [Fact]
    public void Reading_can_be_broken_off_and_tells_how_far_it_is()
    {
        PutGrey("a", 6);
        PutGrey("b", 6);
        Assert.Throws<OperationCanceledException>(
            () => DataFolder.Load(_folder.Path, new DataOptions(), new CancellationToken(canceled: true)));
        int most = 0;
        Load(new DataOptions { Decoded = (done, all) => most = Math.Max(most, done * 100 + all) });
        Assert.Equal(1212, most);
    }

    [Fact]
    public void A_picture_of_the_size_keeps_its_bytes_and_another_is_scaled_and_cut_around_its_middle()
    {
        byte[] noise = [.. Enumerable.Range(0, 5 * 7 * 4).Select(i => (byte)(i % 4 == 3 ? 255 : i * 37))];
        var picture = new Picture(7, 5, noise);
        byte[] planes = picture.Planes(3, (5, 7));
        for (int i = 0; i < planes.Length; i++)
            Assert.Equal(noise[i % 35 * 4 + i / 35], planes[i]);
        // Left half black, right half white; 4 rows of 12: the middle 4 columns of 12 are half and half.
        byte[] halves = [.. Enumerable.Range(0, 48).SelectMany(i => Enumerable.Repeat((byte)(i % 12 < 6 ? 0 : 255), 3).Append((byte)255))];
        Assert.Equal([0, 255, 0, 255], new Picture(12, 4, halves).Planes(1, (2, 2)).Select(v => v < 128 ? 0 : 255));
        // Means: a board of single pixels becomes grey.
        byte[] board = [.. Enumerable.Range(0, 64).SelectMany(i => Enumerable.Repeat((byte)((i + i / 8) % 2 * 255), 3).Append((byte)255))];
        Assert.All(new Picture(8, 8, board).Planes(1, (2, 2)), v => Assert.InRange(v, 120, 135));
        // Larger: in between.
        byte[] two = [0, 0, 0, 255, 200, 200, 200, 255];
        byte[] wide = new Picture(2, 1, two).Planes(1, (2, 4));
        Assert.Equal([0, 50, 150, 200], wide[..4]);
    }

    [Fact]
    public void Alpha_depth_inks_and_turns_are_as_a_viewer_shows_them()
    {
        byte[] half = PictureDecoder.Open("", Plain(1, 1, 255, 0, 0, 128)).Planes(3, (1, 1));
        Assert.Equal([255, 127, 127], half);
        byte[] deep = PictureBytes.Png([0xFF, 0xFF, 0x80, 0x00], 2, 1, depth: 16);
        var picture = PictureDecoder.Open("", deep);
        Assert.True(picture.IsGrey());
        Assert.Equal([255, 128], picture.Planes(1, (1, 2)));
        Assert.Equal([255, 128, 255, 128, 255, 128], picture.Planes(3, (1, 2)));
        byte[] cyan = PictureDecoder.Open("", Convert.FromBase64String(Inks)).Planes(3, (1, 1));
        Assert.All(cyan.Zip([0, 255, 255]), p => Assert.InRange(p.First, p.Second - 30, p.Second + 30));
        // Turned by a quarter: what is stored on the left is shown on top.
        byte[] sides = [0, 0, 0, 255, 255, 255, 255, 255];
        Assert.Equal([0, 255], (new Picture(2, 1, sides) { Orientation = 6 }).Planes(1, (2, 1)));
        Assert.Equal((2, 1), (new Picture(2, 1, sides) { Orientation = 6 }).Size);
        Assert.Equal([255, 0], (new Picture(2, 1, sides) { Orientation = 2 }).Planes(1, (1, 2)));
    }
}
