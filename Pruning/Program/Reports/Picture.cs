using System.Globalization;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace Secateurs.Program.Reports;

/// <summary>A small picture for a page, pixel by pixel, as PNG inside of it.</summary>
internal sealed class Picture(int width, int height)
{
    private readonly byte[] _pixels = new byte[width * height * 4];

    /// <summary>Sets a pixel.</summary>
    /// <param name="x">From the left.</param>
    /// <param name="y">From the top.</param>
    /// <param name="colour">Red, green, blue.</param>
    /// <param name="opacity">0 to 1: the page shows through.</param>
    public void Set(int x, int y, (byte Red, byte Green, byte Blue) colour, double opacity)
    {
        var pixel = _pixels.AsSpan(4 * (y * width + x), 4);
        (pixel[0], pixel[1], pixel[2]) = colour;
        pixel[3] = (byte)Math.Round(255 * Math.Clamp(opacity, 0, 1));
    }

    /// <summary>The element.</summary>
    /// <param name="alternative">What it shows, for who does not see it.</param>
    /// <param name="scale">Pixels of the page for one of the picture.</param>
    /// <param name="type">Class of the element.</param>
    public string Image(string alternative, double scale, string type = "pixels") => string.Create(
        CultureInfo.InvariantCulture,
        $"<img class=\"{type}\" width=\"{width * scale:F0}\" height=\"{height * scale:F0}\" alt=\"{ReportPage.Text(alternative)}\" "
        + $"src=\"data:image/png;base64,{Convert.ToBase64String(Png())}\">");

    private byte[] Png()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        Marshal.Copy(_pixels, 0, bitmap.GetPixels(), _pixels.Length);
        using var encoded = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return encoded.ToArray();
    }
}
