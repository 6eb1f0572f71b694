namespace Secateurs.Model.Imaging;

/// <summary>One number a pixel, row by row.</summary>
internal sealed record Raster(float[] Values, int Width, int Height)
{
    /// <summary>
    /// The picture whose rows are given by <paramref name="row"/>, values and their weights, as means of squares of equal size, so that no
    /// side is longer than <paramref name="mostSide"/>. Values come multiplied by their weights, the weights as a second raster.
    /// </summary>
    public static (Raster Weighted, Raster Weights) Reduce(int width, int height, int mostSide, Action<int, float[], float[]> row)
    {
        int side = (Math.Max(width, height) + mostSide - 1) / mostSide;
        int columns = (width + side - 1) / side, rows = (height + side - 1) / side;
        float[] weighted = new float[columns * rows], weights = new float[columns * rows];
        float[] values = new float[width], parts = new float[width];
        for (int y = 0; y < height; y++)
        {
            row(y, values, parts);
            int from = y / side * columns;
            for (int x = 0; x < width; x++)
            {
                weighted[from + x / side] += values[x] * parts[x];
                weights[from + x / side] += parts[x];
            }
        }
        for (int i = 0; i < weights.Length; i++)
        {
            float area = Math.Min(side, width - i % columns * side) * Math.Min(side, height - i / columns * side);
            (weighted[i], weights[i]) = (weighted[i] / area, weights[i] / area);
        }
        return (new Raster(weighted, columns, rows), new Raster(weights, columns, rows));
    }

    /// <summary>Means of whole squares, so that no side is longer than this.</summary>
    public Raster Shrink(int mostSide) => Reduce(Width, Height, mostSide, (y, values, parts) =>
    {
        Values.AsSpan(y * Width, Width).CopyTo(values);
        Array.Fill(parts, 1);
    }).Weighted;

    /// <summary>The part that lies in a box; right and bottom are the first outside.</summary>
    public Raster Crop(int left, int top, int right, int bottom)
    {
        float[] values = new float[(right - left) * (bottom - top)];
        for (int y = top; y < bottom; y++)
            Values.AsSpan(y * Width + left, right - left).CopyTo(values.AsSpan((y - top) * (right - left)));
        return new Raster(values, right - left, bottom - top);
    }

    /// <summary>The box around all values above 0, of which there is one at least.</summary>
    public (int Left, int Top, int Right, int Bottom) Bounds()
    {
        var (left, top, right, bottom) = (Width, Height, 0, 0);
        for (int i = 0; i < Values.Length; i++)
        {
            if (Values[i] <= 0)
                continue;
            var (x, y) = (i % Width, i / Width);
            (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x + 1), Math.Max(bottom, y + 1));
        }
        return (left, top, right, bottom);
    }

    /// <summary>The value below which this part of the values lies; 0 where there are none.</summary>
    public static float Quantile(float[] values, double part)
    {
        Array.Sort(values);
        return values.Length > 0 ? values[(int)(part * (values.Length - 1))] : 0;
    }

    /// <summary>As a viewer shows it, where 1 to 8 is the orientation that EXIF gives: mirrored, turned, or both.</summary>
    public Raster Turn(int orientation)
    {
        bool swap = orientation is 5 or 6 or 7 or 8, mirrorX = orientation is 2 or 3 or 7 or 8, mirrorY = orientation is 3 or 4 or 6 or 7;
        var (width, height) = swap ? (Height, Width) : (Width, Height);
        float[] turned = new float[Values.Length];
        for (int i = 0; i < turned.Length; i++)
        {
            var (x, y) = swap ? (i / width, i % width) : (i % width, i / width);
            turned[i] = Values[(mirrorY ? Height - 1 - y : y) * Width + (mirrorX ? Width - 1 - x : x)];
        }
        return new Raster(turned, width, height);
    }

    /// <summary>Mean of the square of this side at (x, y), as far as the ends; a pixel counts by how much of it is in it.</summary>
    public double Mean(double x, double y, double side, int right, int bottom)
    {
        double sum = 0, area = 0, endX = Math.Min(x + side, right), endY = Math.Min(y + side, bottom);
        for (int j = (int)y; j < endY; j++)
        {
            double high = Math.Min(j + 1, endY) - Math.Max(j, y);
            for (int i = (int)x; i < endX; i++)
            {
                double part = high * (Math.Min(i + 1, endX) - Math.Max(i, x));
                sum += part * Values[j * Width + i];
                area += part;
            }
        }
        return area > 0 ? sum / area : 0;
    }
}
