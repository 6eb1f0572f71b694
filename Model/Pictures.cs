using StbImageSharp;

namespace Model;

/// <summary>An image in the form of MNIST and what to call it.</summary>
public sealed record NamedImage(string Name, byte[] Pixels);

/// <summary>
/// Reads pictures of a single digit as MNIST has them: 28x28, 0 = paper, 255 = ink. A picture whose border is bright is dark ink on
/// paper and is inverted. One of another size is treated as MNIST's were (LeCun et al. 1998): the ink's box is scaled to fit 20x20, keeping
/// its proportions, and placed so that its centre of mass is the image's centre. IDX files give all their images as they are.
/// </summary>
public static class Pictures
{
    private const int Size = DataSet.Width, Box = 20, MaxSide = 8192;

    /// <summary>Below this an inverted picture's grey counts as paper.</summary>
    private const float Ink = 32;

    /// <exception cref="UserException">BadData: missing, unreadable, no picture, or empty paper.</exception>
    public static IEnumerable<NamedImage> Read(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Bad(path, "a readable picture or IDX file", e.Message, e);
        }
        if (bytes is [0, 0, ..] or [0x1f, 0x8b, ..])
        {
            byte[] pixels = Idx.ReadImages(path);
            return pixels.Chunk(DataSet.PixelsPerImage).Select((image, i) => new NamedImage($"{path}#{i}", image));
        }
        var (grey, width, height) = Decode(path, bytes);
        return [new NamedImage(path, width == Size && height == Size ? [.. grey.Select(g => (byte)MathF.Round(g))] : Fit(path, grey, width, height))];
    }

    /// <summary>Grey values, 0 = paper.</summary>
    private static (float[] Grey, int Width, int Height) Decode(string path, byte[] bytes)
    {
        ImageResult image;
        try
        {
            if (ImageInfo.FromStream(new MemoryStream(bytes)) is not { Width: <= MaxSide, Height: <= MaxSide } info)
                throw new InvalidDataException($"neither that nor one of at most {MaxSide}x{MaxSide} pixels");
            image = ImageResult.FromMemory(bytes, ColorComponents.GreyAlpha);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The decoder meets hostile bytes with exceptions of many kinds.
            throw Bad(path, "a picture (PNG, JPEG, BMP, GIF, TGA) or an IDX file", e.Message, e);
        }
        var grey = new float[image.Width * image.Height];
        for (int i = 0; i < grey.Length; i++)
        {
            float alpha = image.Data[2 * i + 1] / 255f;
            grey[i] = alpha * image.Data[2 * i] + (1 - alpha) * 255;
        }
        int last = image.Height - 1;
        var border = Enumerable.Range(0, image.Width).SelectMany(x => new[] { grey[x], grey[last * image.Width + x] })
            .Concat(Enumerable.Range(0, image.Height).SelectMany(y => new[] { grey[y * image.Width], grey[(y + 1) * image.Width - 1] }));
        if (border.Average() > 127)
            grey = Array.ConvertAll(grey, g => 255 - g);
        return (grey, image.Width, image.Height);
    }

    private static byte[] Fit(string path, float[] grey, int width, int height)
    {
        int[] ink = [.. Enumerable.Range(0, grey.Length).Where(i => grey[i] >= Ink)];
        if (ink.Length == 0)
            throw Bad(path, "a digit", "an empty picture");
        int left = ink.Min(i => i % width), right = ink.Max(i => i % width) + 1, top = ink[0] / width, bottom = ink[^1] / width + 1;
        double scale = (double)Math.Max(right - left, bottom - top) / Box;
        int columns = Math.Max(1, (int)Math.Round((right - left) / scale)), rows = Math.Max(1, (int)Math.Round((bottom - top) / scale));
        var small = new double[rows, columns];
        double mass = 0, massX = 0, massY = 0, peak = 0;
        for (int y = 0; y < rows; y++)
        {
            for (int x = 0; x < columns; x++)
            {
                double value = small[y, x] = Mean(grey, width, left + x * scale, top + y * scale, scale, right, bottom);
                (mass, massX, massY, peak) = (mass + value, massX + value * x, massY + value * y, Math.Max(peak, value));
            }
        }
        // The centre of mass goes to the middle between pixels 13 and 14, as far as the box stays inside.
        int offsetX = Math.Clamp((int)Math.Round((Size - 1) / 2.0 - massX / mass), 0, Size - columns);
        int offsetY = Math.Clamp((int)Math.Round((Size - 1) / 2.0 - massY / mass), 0, Size - rows);
        var pixels = new byte[DataSet.PixelsPerImage];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++)
                pixels[(y + offsetY) * Size + x + offsetX] = (byte)Math.Round(255 * small[y, x] / peak);
        return pixels;
    }

    /// <summary>Mean of the square of side <paramref name="side"/> at (x, y); pixels count by how much of them lies in it; pale ones are paper.</summary>
    private static double Mean(float[] grey, int width, double x, double y, double side, int right, int bottom)
    {
        double sum = 0, area = 0, endX = Math.Min(x + side, right), endY = Math.Min(y + side, bottom);
        for (int j = (int)y; j < endY; j++)
        {
            double high = Math.Min(j + 1, endY) - Math.Max(j, y);
            for (int i = (int)x; i < endX; i++)
            {
                double part = high * (Math.Min(i + 1, endX) - Math.Max(i, x));
                sum += part * (grey[j * width + i] >= Ink ? grey[j * width + i] : 0);
                area += part;
            }
        }
        return area > 0 ? sum / area : 0;
    }

    private static UserException Bad(string path, string expected, string found, Exception? inner = null) =>
        new(ExitCode.BadData, $"{path}: expected {expected}, found {found}", inner);
}
