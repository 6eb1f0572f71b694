namespace Secateurs.Model.Imaging;

/// <summary>A decoded picture.</summary>
/// <param name="Width">Columns as they are stored.</param>
/// <param name="Height">Rows as they are stored.</param>
/// <param name="Pixels">
/// Red, green, blue and alpha, a byte each; where <paramref name="White"/> is not 0, grey values of 16 bits, their high bytes in the place
/// of red, their low ones in that of alpha.
/// </param>
/// <param name="White">Of grey values of 16 bits the largest; 0 where colours are bytes.</param>
/// <param name="Orientation">1 to 8, as EXIF tells how a viewer turns it.</param>
internal sealed record Picture(int Width, int Height, byte[] Pixels, int White = 0, int Orientation = 1)
{
    private bool Turned => Orientation is >= 5 and <= 8;

    /// <summary>Rows and columns as a viewer shows it.</summary>
    public (int Height, int Width) Size => Turned ? (Width, Height) : (Height, Width);

    /// <summary>A grey value of 16 bits.</summary>
    public int Deep(int pixel) => Pixels[4 * pixel] << 8 | Pixels[4 * pixel + 3];

    /// <summary>Whether no pixel that shows has a colour.</summary>
    public bool IsGrey()
    {
        for (int i = 0; White == 0 && i < Pixels.Length; i += 4)
            if ((Pixels[i] != Pixels[i + 1] || Pixels[i] != Pixels[i + 2]) && Pixels[i + 3] > 0)
                return false;
        return true;
    }

    /// <summary>
    /// As a viewer shows it on white, (channels, height, width): scaled until it covers the size, keeping its proportions, and cut to it
    /// around its middle. A pixel is the mean of those around it, weighted by a triangle as wide as two of the coarser pixels, so that a
    /// picture of that size keeps its bytes.
    /// </summary>
    /// <param name="channels">3, or 1 for brightness.</param>
    /// <param name="size">Rows and columns.</param>
    public byte[] Planes(int channels, (int Height, int Width) size)
    {
        var (height, width) = Turned ? (size.Width, size.Height) : size;
        double scale = Math.Min((double)Width / width, (double)Height / height);
        var columns = Weights(Width, width, scale);
        var rows = Weights(Height, height, scale);
        float[] line = new float[Width * channels], narrow = new float[Height * width * channels];
        int top = rows[0].First, bottom = rows[^1].First + rows[^1].Weights.Length;
        for (int y = top; y < bottom; y++)
        {
            Shown(y, channels, line);
            for (int x = 0; x < width; x++)
                for (int c = 0; c < channels; c++)
                    narrow[(y * width + x) * channels + c] = Sum(line, columns[x], c, channels);
        }
        var planes = new byte[channels * height * width];
        for (int c = 0; c < channels; c++)
        {
            var values = new float[height * width];
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    values[y * width + x] = Sum(narrow, rows[y], x * channels + c, width * channels);
            float[] shown = new Raster(values, width, height).Turn(Orientation).Values;
            for (int i = 0; i < shown.Length; i++)
                planes[c * shown.Length + i] = (byte)Math.Clamp(shown[i] + 0.5f, 0, 255);
        }
        return planes;
    }

    /// <summary>A row on white, 0 to 255.</summary>
    private void Shown(int y, int channels, float[] line)
    {
        for (int x = 0; x < Width; x++)
        {
            int at = 4 * (y * Width + x);
            if (White > 0)
            {
                for (int c = 0; c < channels; c++)
                    line[x * channels + c] = Deep(y * Width + x) * 255f / White;
                continue;
            }
            float part = Pixels[at + 3] / 255f, white = 255 * (1 - part);
            if (channels == 1)
                line[x] = part * Brightness(at) + white;
            else
                for (int c = 0; c < channels; c++)
                    line[x * channels + c] = part * Pixels[at + c] + white;
        }
    }

    /// <summary>By ITU-R BT.601, in integers: grey stays what it is.</summary>
    public float Brightness(int at) => (77 * Pixels[at] + 150 * Pixels[at + 1] + 29 * Pixels[at + 2]) / 256f;

    private static float Sum(float[] values, (int First, float[] Weights) part, int offset, int step)
    {
        float sum = 0;
        for (int i = 0; i < part.Weights.Length; i++)
            sum += part.Weights[i] * values[(part.First + i) * step + offset];
        return sum;
    }

    /// <summary>Of each pixel along a side: the first that it is made of, and the weights of that and those behind it.</summary>
    /// <param name="length">Pixels there are.</param>
    /// <param name="wanted">Pixels that are made.</param>
    /// <param name="scale">Pixels there are to one that is made.</param>
    private static (int First, float[] Weights)[] Weights(int length, int wanted, double scale)
    {
        double begin = (length - wanted * scale) / 2, reach = Math.Max(scale, 1);
        return [.. Enumerable.Range(0, wanted).Select(i =>
        {
            double centre = begin + (i + 0.5) * scale;
            int first = Math.Clamp((int)Math.Floor(centre - reach + 0.5), 0, length - 1);
            int last = Math.Clamp((int)Math.Ceiling(centre + reach - 0.5), first + 1, length);
            double[] weights = [.. Enumerable.Range(first, last - first).Select(j => Math.Max(0, 1 - Math.Abs(j + 0.5 - centre) / reach))];
            double sum = weights.Sum();
            return (first, sum > 0 ? Array.ConvertAll(weights, w => (float)(w / sum)) : [1f]);
        })];
    }
}
