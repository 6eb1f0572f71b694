using System.Buffers.Binary;
using System.Diagnostics;
using Secateurs.Model;
using Secateurs.Model.Imaging;
using SkiaSharp;

namespace Tests.ModelTests.Imaging;

/// <summary>Formats, turns and transparency; files that are cut off or made to keep a decoder busy.</summary>
public sealed class PictureDecoderTests : IDisposable
{
    private const int Side = 40, Last = Side - 1;

    private static readonly double[,] Drawn = Drawing.Paint(Drawing.Framed('5', Side), 250, 10);

    private static readonly Dictionary<string, byte[]> Files = new()
    {
        ["PNG"] = PictureBytes.Png(Drawn),
        ["JPEG"] = PictureBytes.Encode(Drawn, SKEncodedImageFormat.Jpeg),
        ["WebP"] = PictureBytes.Encode(Drawn, SKEncodedImageFormat.Webp),
        ["GIF"] = PictureBytes.Gif(Drawn),
        ["BMP"] = PictureBytes.Bmp(Drawn),
        ["TGA, grey"] = PictureBytes.Tga(Drawn, kind: 3, depth: 8, fromTop: true),
        ["TGA, 16 bits"] = PictureBytes.Tga(Drawn, kind: 2, depth: 16, fromTop: false),
        ["TGA, 24 bits"] = PictureBytes.Tga(Drawn, kind: 2, depth: 24, fromTop: false),
        ["TGA, 32 bits in runs"] = PictureBytes.Tga(Drawn, kind: 10, depth: 32, fromTop: false),
        ["TGA, grey in runs"] = PictureBytes.Tga(Drawn, kind: 11, depth: 8, fromTop: true),
    };

    private readonly PictureFolder _folder = new();

    public static TheoryData<string> Names => [.. Files.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_format_gives_the_same_picture(string name) => AssertSame(_folder.Read(Files["PNG"]), _folder.Read(Files[name]), 12);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_truncated_file_is_refused(string name)
    {
        byte[] file = Files[name];
        foreach (int cut in (int[])[1, 2, file.Length / 10, file.Length / 2, file.Length - 30])
            Assert.Contains("truncated", _folder.Refused(file[..^cut]));
    }

    [Fact]
    public void A_picture_is_turned_as_exif_says()
    {
        byte[] upright = _folder.Read(Files["JPEG"]);
        // What a camera stores that was held in the eight ways, by the place from which each pixel is taken.
        Func<int, int, double>[] stored =
        [
            (x, y) => Drawn[y, x], (x, y) => Drawn[y, Last - x], (x, y) => Drawn[Last - y, Last - x], (x, y) => Drawn[Last - y, x],
            (x, y) => Drawn[x, y], (x, y) => Drawn[x, Last - y], (x, y) => Drawn[Last - x, Last - y], (x, y) => Drawn[Last - x, y],
        ];
        for (byte orientation = 1; orientation <= 8; orientation++)
        {
            byte[] jpeg = PictureBytes.Encode(Drawing.Map(Drawn, (x, y, _) => stored[orientation - 1](x, y)), SKEncodedImageFormat.Jpeg);
            AssertSame(upright, _folder.Read(PictureBytes.Turned(jpeg, orientation)), 12);
        }
    }

    [Theory]
    [InlineData(255)]
    [InlineData(1023)]
    [InlineData(4095)]
    [InlineData(65535)]
    public void Sixteen_bits_are_read_whatever_part_of_them_is_used(int white)
    {
        byte[] rows = new byte[2 * Side * Side];
        for (int i = 0; i < Side * Side; i++)
            BinaryPrimitives.WriteUInt16BigEndian(rows.AsSpan(2 * i), (ushort)(Drawn[i / Side, i % Side] * white / 255));
        AssertSame(_folder.Read(Files["PNG"]), _folder.Read(PictureBytes.Png(rows, Side, Side, depth: 16)), 3);
    }

    [Theory]
    [InlineData(255)]
    [InlineData(128)]
    [InlineData(0)]
    public void Ink_on_nothing_is_seen_whatever_its_grey(byte grey)
    {
        byte[] rows = [.. Drawing.Bytes(Drawing.Paint(Drawing.Framed('5', Side), 0, 255)).SelectMany(v => new[] { grey, grey, grey, v })];
        AssertSame(_folder.Read(Files["PNG"]), _folder.Read(PictureBytes.Png(rows, Side, Side, colour: PictureBytes.ColourAndAlpha)), 12);
    }

    [Fact]
    public void Paper_with_transparent_corners_stays_paper()
    {
        byte[] greys = Drawing.Bytes(Drawn);
        byte[] rows = [.. greys.SelectMany((v, i) => new[] { v, i % Side + i / Side < 8 ? (byte)0 : (byte)255 })];
        AssertSame(_folder.Read(Files["PNG"]), _folder.Read(PictureBytes.Png(rows, Side, Side, colour: PictureBytes.GreyAndAlpha)), 12);
    }

    [Fact]
    public void A_picture_of_too_many_pixels_is_refused_by_its_header()
    {
        byte[] png = [.. Files["PNG"]];
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), 8192);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), 8192);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32.Of(png.AsSpan(12, 17)));
        byte[] tga = [.. Files["TGA, grey"]];
        (tga[12], tga[13], tga[14], tga[15]) = (0, 128, 0, 128);
        long before = GC.GetTotalAllocatedBytes();
        Assert.Contains("at most 33554432 pixels, found 8192 x 8192", _folder.Refused(png));
        Assert.Contains("at most 33554432 pixels, found 32768 x 32768", _folder.Refused(tga));
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64 << 20);
    }

    [Fact]
    public void A_jpeg_that_is_no_end_of_scans_or_has_no_end_is_refused()
    {
        Assert.Contains("truncated", _folder.Refused([0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF]));
        byte[] jpeg = Files["JPEG"];
        int scan = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] many = [.. jpeg[..^2], .. Enumerable.Repeat(jpeg[scan..^2], 64).SelectMany(s => s), .. jpeg[^2..]];
        Assert.Contains("more than 64 scans", _folder.Refused(many));
    }

    [Fact]
    public void Damage_that_a_checksum_shows_is_refused()
    {
        byte[] png = [.. Files["PNG"]];
        png[^20] ^= 1;
        Assert.Contains("a damaged one", _folder.Refused(png));
    }

    [Fact]
    public void Endless_files_and_pipes_without_a_writer_are_left()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "devices and pipes of Linux");
        Assert.Contains("at most 64 MB", PictureFolder.Refused("/dev/zero"));
        string pipe = _folder.Combine("pipe");
        using (var made = Process.Start("mkfifo", [pipe]))
            made.WaitForExit();
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        Assert.Throws<OperationCanceledException>(() => Pictures.Read(pipe, Mnist.Shape, stop.Token));
        Assert.Contains("within 4 s", PictureFolder.Refused(pipe));
        // Lets the two readers go that still wait for a writer.
        File.WriteAllBytes(pipe, [0]);
    }

    private static void AssertSame(byte[] expected, byte[] found, double most) =>
        Assert.InRange(expected.Zip(found, (a, b) => Math.Abs(a - b)).Average(), 0, most);
}
