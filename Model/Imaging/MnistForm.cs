namespace Secateurs.Model.Imaging;

/// <summary>
/// The form of MNIST's images (Y. LeCun, C. Cortes, C. Burges, 1998): the digit's ink, 255 at most, fits a box of 20x20, keeping its
/// proportions, and its centre of mass lies in the middle of 28x28 pixels of pure paper, 0.
/// </summary>
internal static class MnistForm
{
    private const int Box = 20;
    private static readonly int Size = Mnist.Shape.Width, Centre = Size / 2;

    /// <exception cref="UserException">BadData: no digit is there, or several.</exception>
    public static byte[] Of(string path, Raster picture)
    {
        if (AsItIs(picture) is { } pixels)
            return pixels;
        var ink = Figure.Find(picture) ?? throw Pictures.Bad(path, "a digit", "an empty picture");
        return ink.Alone ? Fit(ink.Contrast) : throw Pictures.Bad(path, "one digit", "several figures");
    }

    /// <summary>The pixels of a picture that has the form already, be it in black on white: all 70,000 of MNIST have it.</summary>
    private static byte[]? AsItIs(Raster picture)
    {
        if (picture.Width != Size || picture.Height != Size)
            return null;
        bool white = picture.Values[0] > 127;
        byte[] pixels = [.. picture.Values.Select(v => (byte)MathF.Round(white ? 255 - v : v))];
        int[] ink = [.. Enumerable.Range(0, pixels.Length).Where(i => pixels[i] > 0)];
        if (ink.Length == 0)
            return null;
        int longer = 1 + Math.Max(ink.Max(i => i % Size) - ink.Min(i => i % Size), (ink[^1] / Size) - (ink[0] / Size));
        double mass = ink.Sum(i => pixels[i]);
        bool Centred(Func<int, int> place) => Math.Abs(ink.Sum(i => pixels[i] * place(i)) / mass - Centre) < 0.8;
        return longer is Box or Box - 1 && pixels.Max() >= 254 && Centred(i => i % Size) && Centred(i => i / Size) ? pixels : null;
    }

    private static byte[] Fit(Raster ink)
    {
        var (left, top, right, bottom) = ink.Bounds();
        double scale = (double)Math.Max(right - left, bottom - top) / Box;
        int columns = Math.Max(1, (int)Math.Round((right - left) / scale)), rows = Math.Max(1, (int)Math.Round((bottom - top) / scale));
        var small = new double[rows, columns];
        double mass = 0, massX = 0, massY = 0, peak = 0;
        for (int y = 0; y < rows; y++)
        {
            for (int x = 0; x < columns; x++)
            {
                double value = small[y, x] = ink.Mean(left + x * scale, top + y * scale, scale, right, bottom);
                (mass, massX, massY, peak) = (mass + value, massX + value * x, massY + value * y, Math.Max(peak, value));
            }
        }
        // As far as the box stays inside.
        int offsetX = Math.Clamp((int)Math.Round(Centre - massX / mass), 0, Size - columns);
        int offsetY = Math.Clamp((int)Math.Round(Centre - massY / mass), 0, Size - rows);
        var pixels = new byte[Mnist.Shape.BytesPerImage];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++)
                pixels[(y + offsetY) * Size + x + offsetX] = (byte)Math.Round(255 * small[y, x] / peak);
        return pixels;
    }
}
