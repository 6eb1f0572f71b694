using SkiaSharp;

namespace Secateurs.Model.Imaging;

/// <summary>
/// Turns the bytes of a picture into pixels. Skia decodes, from a list of formats that is closed here; the size is known and bounded before
/// pixels are.
/// </summary>
internal static class PictureDecoder
{
    /// <summary>Eight times four million, for the cameras of phones; takes 400 MB at most.</summary>
    public const int MostPixels = 1 << 25;

    /// <summary>Longer sides are averaged down to this, beyond which a digit gains nothing.</summary>
    private const int MostSide = 1024;

    private const string Formats = "a picture (PNG, JPEG, WebP, GIF, BMP, TGA) or an IDX file";

    /// <summary>Grey values, 0 = black and 255 = white, as a viewer shows them, of sides of <see cref="MostSide"/> at most.</summary>
    /// <exception cref="UserException">As <see cref="Open"/>.</exception>
    public static Raster Decode(string path, byte[] bytes)
    {
        var picture = Open(path, bytes);
        return (picture.White > 0 ? ComposeDeep(picture) : Compose(picture)).Turn(picture.Orientation);
    }

    /// <exception cref="UserException">BadData: none of these formats, damaged, truncated or too large.</exception>
    public static Picture Open(string path, byte[] bytes)
    {
        if (PictureFormat.Of(bytes) is not { } format)
            return Targa.Read(path, bytes) is { } image ? new Picture(image.Width, image.Height, image.Pixels)
                : throw Pictures.Bad(path, Formats, PictureFormat.Other(bytes));
        if (format.Fault(bytes) is { } fault)
            throw Pictures.Bad(path, $"a whole {format.Name} file", fault);
        try
        {
            return Open(path, bytes, format.Name);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            string expected = $"Skia's native library, which reads {format.Name}";
            throw new UserException(ErrorKind.Failed, $"{path}: expected {expected}, found none for this system; TGA and IDX need none", e);
        }
    }

    private static Picture Open(string path, byte[] bytes, string format)
    {
        bool deep = Png.IsDeepGrey(bytes);
        using var data = SKData.CreateCopy(deep ? Png.AsPairs(bytes) : bytes);
        using var codec = SKCodec.Create(data) ?? throw Pictures.Bad(path, $"an intact {format} file", "a damaged or truncated header");
        var size = codec.Info.Size;
        CheckSize(path, size.Width, size.Height);
        byte[] pixels = new byte[4 * size.Width * size.Height];
        SKCodecResult result;
        unsafe
        {
            // Without a colour space: as the bytes are, and equal on every machine.
            fixed (byte* start = pixels)
                result = codec.GetPixels(new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul), (nint)start);
        }
        if (result == SKCodecResult.IncompleteInput)
            throw Pictures.Bad(path, $"an intact {format} file", "a truncated one");
        if (result != SKCodecResult.Success)
            throw Pictures.Bad(path, $"an intact {format} file", $"a damaged one ({result})");
        var picture = new Picture(size.Width, size.Height, pixels, 0, (int)codec.EncodedOrigin);
        return deep ? picture with { White = White(picture) } : picture;
    }

    /// <summary>
    /// White of grey values of 16 bits, high byte first, as <see cref="Png.AsPairs"/> has them decoded: the end of the range of the fewest
    /// bits, 8 at least, that hold them all. Many tools write 8, 10 or 12 bits in 16.
    /// </summary>
    private static int White(Picture picture)
    {
        int white = 255;
        for (int i = 0; i < picture.Width * picture.Height; i++)
            while (picture.Deep(i) > white)
                white = 2 * white + 1;
        return white;
    }

    private static Raster Compose(Picture picture)
    {
        var (weighted, alpha) = Raster.Reduce(picture.Width, picture.Height, MostSide, (y, values, parts) =>
        {
            for (int x = 0, at = 4 * y * picture.Width; x < picture.Width; x++, at += 4)
                (values[x], parts[x]) = (picture.Brightness(at), picture.Pixels[at + 3] / 255f);
        });
        float backdrop = Backdrop(weighted, alpha);
        for (int i = 0; i < weighted.Values.Length; i++)
            weighted.Values[i] += (1 - alpha.Values[i]) * backdrop;
        return weighted;
    }

    /// <summary>
    /// What shows through: where the opaque part has paper of its own, that one's grey, else what its ink is seen on. White ink on nothing
    /// would vanish on white.
    /// </summary>
    private static float Backdrop(Raster weighted, Raster alpha)
    {
        float most = alpha.Values.Max();
        var seen = alpha.Values.Zip(weighted.Values).Where(p => p.First > 0 && p.First >= 0.9f * most);
        float[] opaque = [.. seen.Select(p => p.Second / p.First).Order()];
        if (opaque.Length == 0)
            return 255;
        float middle = opaque[opaque.Length / 2];
        int unlike = opaque.Count(v => Math.Abs(v - middle) > 80);
        return unlike >= opaque.Length / 50 + 1 ? middle : middle > 127 ? 0 : 255;
    }

    private static Raster ComposeDeep(Picture picture) =>
        Raster.Reduce(picture.Width, picture.Height, MostSide, (y, values, parts) =>
        {
            for (int x = 0; x < picture.Width; x++)
                (values[x], parts[x]) = (picture.Deep(y * picture.Width + x) * 255f / picture.White, 1);
        }).Weighted;

    internal static void CheckSize(string path, long width, long height)
    {
        if (width * height > MostPixels)
            throw Pictures.Bad(path, $"a picture of at most {MostPixels} pixels", $"{width} x {height}");
    }
}
