namespace Secateurs.Model.Imaging;

/// <summary>Pixels of ink that hang together, also over corners.</summary>
/// <param name="Label">Their number on the map, from 1.</param>
/// <param name="Mass">Sum of their contrast.</param>
/// <param name="Left">The box around them; right and bottom are the first outside.</param>
/// <param name="Top"></param>
/// <param name="Right"></param>
/// <param name="Bottom"></param>
/// <param name="Contact">How many lie on the picture's border.</param>
/// <param name="Corners">How many of the picture's corners they cover.</param>
/// <param name="Outer">The part of the mass that lies in the border's band, an eighth of the picture on each side.</param>
internal sealed record Blob(int Label, double Mass, int Left, int Top, int Right, int Bottom, int Contact, int Corners, double Outer)
{
    public int Size => Math.Max(Right - Left, Bottom - Top);

    /// <summary>Pixels between two boxes, the longer way.</summary>
    public int Gap(Blob other) => Math.Max(
        Math.Max(other.Left - Right, Left - other.Right), Math.Max(Math.Max(other.Top - Bottom, Top - other.Bottom), 0));

    /// <summary>All blobs of pixels with this contrast or more, and the map of their labels, 0 = none.</summary>
    public static (List<Blob> Blobs, int[] Map) All(Raster contrast, double threshold)
    {
        var (width, height) = (contrast.Width, contrast.Height);
        var (blobs, map, open) = (new List<Blob>(), new int[contrast.Values.Length], new Stack<int>());
        for (int start = 0; start < map.Length; start++)
        {
            if (map[start] != 0 || contrast.Values[start] < threshold)
                continue;
            double mass = 0, outer = 0;
            int left = width, top = height, right = 0, bottom = 0, contact = 0, corners = 0;
            map[start] = blobs.Count + 1;
            open.Push(start);
            while (open.TryPop(out int i))
            {
                var (x, y) = (i % width, i / width);
                (left, right, top, bottom) = (Math.Min(left, x), Math.Max(right, x + 1), Math.Min(top, y), Math.Max(bottom, y + 1));
                mass += contrast.Values[i];
                bool atSide = x == 0 || x == width - 1, atEnd = y == 0 || y == height - 1;
                (contact, corners) = (contact + (atSide || atEnd ? 1 : 0), corners + (atSide && atEnd ? 1 : 0));
                if (Math.Min(x, width - 1 - x) < width / 8 || Math.Min(y, height - 1 - y) < height / 8)
                    outer += contrast.Values[i];
                for (int v = Math.Max(0, y - 1); v <= Math.Min(height - 1, y + 1); v++)
                {
                    for (int u = Math.Max(0, x - 1); u <= Math.Min(width - 1, x + 1); u++)
                    {
                        int next = v * width + u;
                        if (map[next] != 0 || contrast.Values[next] < threshold)
                            continue;
                        map[next] = blobs.Count + 1;
                        open.Push(next);
                    }
                }
            }
            blobs.Add(new Blob(blobs.Count + 1, mass, left, top, right, bottom, contact, corners, outer / mass));
        }
        return (blobs, map);
    }

    /// <summary>How many holes a blob has: its squares of 2x2 pixels tell its Euler number (S. Gray, 1971).</summary>
    public static int Holes(int[] map, int width, Blob blob)
    {
        int ends = 0;
        for (int y = blob.Top; y <= blob.Bottom; y++)
        {
            for (int x = blob.Left; x <= blob.Right; x++)
            {
                var (a, b, c, d) = (Is(x - 1, y - 1), Is(x, y - 1), Is(x - 1, y), Is(x, y));
                ends += (a + b + c + d) switch { 1 => 1, 3 => -1, 2 when a == d => -2, _ => 0 };
            }
        }
        return 1 - ends / 4;

        int Is(int x, int y) =>
            x >= blob.Left && x < blob.Right && y >= blob.Top && y < blob.Bottom && map[y * width + x] == blob.Label ? 1 : 0;
    }
}
