namespace Secateurs.Model.Imaging;

/// <summary>
/// Takes from the contrast with a picture's paper what is too wide for a stroke: shadows with an edge, lamps, the table beside the paper.
/// It is the white top-hat of mathematical morphology (J. Serra, 1982); its opening leaves what a square of <see cref="Widest"/> fits in.
/// </summary>
internal static class Shadow
{
    /// <summary>The widest stroke, as a part of the longer side.</summary>
    private const double Widest = 0.4;

    private const int Cells = 64;

    /// <summary>The contrast with paper and shadow, and the deviation that it has on bare paper.</summary>
    public static (Raster Contrast, double Noise) Remove(Raster contrast)
    {
        var cells = Middle(contrast.Shrink(Cells));
        int half = Math.Max(1, (int)(Math.Max(cells.Width, cells.Height) * Widest / 2));
        // One cell more: a shadow's edge passes through cells, and what lies beside it would be a line.
        var wide = Extreme(Extreme(cells, half, Math.Min), half + 1, Math.Max);
        double scaleX = (double)cells.Width / contrast.Width, scaleY = (double)cells.Height / contrast.Height;
        float[] values = new float[contrast.Values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            double shadow = Between(wide, (i % contrast.Width + 0.5) * scaleX - 0.5, (i / contrast.Width + 0.5) * scaleY - 0.5);
            values[i] = contrast.Values[i] - (float)Math.Max(0, shadow);
        }
        return (contrast with { Values = values }, Raster.Quantile(Array.ConvertAll(values, Math.Abs), 0.25) / 0.3186);
    }

    /// <summary>The middle of each value and its eight neighbours: specks and thin lines are gone.</summary>
    private static Raster Middle(Raster raster)
    {
        float[] values = new float[raster.Values.Length];
        Span<float> around = stackalloc float[9];
        for (int i = 0; i < values.Length; i++)
        {
            for (int n = 0; n < around.Length; n++)
            {
                int x = Math.Clamp(i % raster.Width + n % 3 - 1, 0, raster.Width - 1);
                int y = Math.Clamp(i / raster.Width + n / 3 - 1, 0, raster.Height - 1);
                around[n] = raster.Values[y * raster.Width + x];
            }
            around.Sort();
            values[i] = around[4];
        }
        return raster with { Values = values };
    }

    /// <summary>The least or largest value in a square around each, along rows and then along columns.</summary>
    private static Raster Extreme(Raster raster, int half, Func<float, float, float> choose)
    {
        float[] rows = new float[raster.Values.Length], values = new float[raster.Values.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            int x = i % raster.Width, start = i - x;
            rows[i] = raster.Values[i];
            for (int u = Math.Max(0, x - half); u <= Math.Min(raster.Width - 1, x + half); u++)
                rows[i] = choose(rows[i], raster.Values[start + u]);
        }
        for (int i = 0; i < rows.Length; i++)
        {
            int x = i % raster.Width, y = i / raster.Width;
            values[i] = rows[i];
            for (int v = Math.Max(0, y - half); v <= Math.Min(raster.Height - 1, y + half); v++)
                values[i] = choose(values[i], rows[v * raster.Width + x]);
        }
        return raster with { Values = values };
    }

    private static double Between(Raster raster, double x, double y)
    {
        int left = Math.Clamp((int)Math.Floor(x), 0, raster.Width - 1), top = Math.Clamp((int)Math.Floor(y), 0, raster.Height - 1);
        int right = Math.Min(left + 1, raster.Width - 1), bottom = Math.Min(top + 1, raster.Height - 1);
        double partX = Math.Clamp(x - left, 0, 1), partY = Math.Clamp(y - top, 0, 1);
        double Row(int v) => (1 - partX) * raster.Values[v * raster.Width + left] + partX * raster.Values[v * raster.Width + right];
        return (1 - partY) * Row(top) + partY * Row(bottom);
    }
}
