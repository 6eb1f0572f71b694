namespace Secateurs.Model.Imaging;

/// <summary>The ink of one figure: its contrast with the paper, 0 where there is none of it.</summary>
/// <param name="Contrast">At most 255, which full ink has.</param>
/// <param name="Mass">How much ink it is, in grey levels of the picture.</param>
/// <param name="Size">The longer side of the box around its largest part.</param>
/// <param name="Alone">Whether no other figure of its size is there.</param>
internal sealed record Ink(Raster Contrast, double Mass, int Size, bool Alone)
{
    /// <summary>Grey levels that ink differs from paper at least, and deviations of the paper's noise.</summary>
    private const double LeastContrast = 10, LeastDeviations = 5;

    /// <summary>The least part of full ink that counts as a stroke, and that counts as a stroke's soft edge.</summary>
    private const double Stroke = 0.4, Edge = 0.1;

    /// <summary>Digits have two, written in haste a few more; noise has them everywhere.</summary>
    private const int MostHoles = 8;

    /// <summary>
    /// The figure in a picture from which the paper has been taken away. Frames and lines along the border are none, what surrounds a
    /// figure neither; tables, fingers and shadows at the border only where nothing else is. Null where there is nothing but noise.
    /// </summary>
    public static Ink? Find(Paper paper, bool dark, Raster? within)
    {
        var (contrast, noise) = Shadow.Remove(paper.Contrast(dark));
        if (within is not null)
            Keep(contrast, within);
        double floor = Floor(noise);
        int longer = Math.Max(contrast.Width, contrast.Height);
        for (bool first = true; ; first = false)
        {
            double threshold = Math.Max(floor, Stroke * Full(contrast.Values.Where(c => c >= floor)));
            if (first && Border.Peel(contrast, threshold))
                continue;
            var (blobs, map) = Blob.All(contrast, threshold);
            Blob[] marks = [.. blobs.Where(b => b.Size >= Math.Max(4, longer / 50))];
            Blob[] frames = [.. marks.Where(b => IsFrame(b, longer) || marks.Any(inner => Surrounds(b, inner, map, contrast.Width)))];
            if (frames.Length == 0)
                return Choose(contrast, blobs, marks, map, noise);
            // Frames may be darker than the ink, which is looked for anew without them.
            var beside = Near(map, contrast.Width, frames, 1 + longer / 100);
            for (int i = 0; i < map.Length; i++)
                if (beside[i])
                    contrast.Values[i] = 0;
        }
    }

    /// <summary>Takes away what lies farther than a pixel from the ink that was seen from farther away.</summary>
    private static void Keep(Raster contrast, Raster seen)
    {
        for (int i = 0; i < contrast.Values.Length; i++)
        {
            int x = i % contrast.Width * seen.Width / contrast.Width, y = i / contrast.Width * seen.Height / contrast.Height;
            bool near = false;
            for (int v = Math.Max(0, y - 1); v <= Math.Min(seen.Height - 1, y + 1); v++)
                for (int u = Math.Max(0, x - 1); u <= Math.Min(seen.Width - 1, x + 1); u++)
                    near |= seen.Values[v * seen.Width + u] > 0;
            if (!near)
                contrast.Values[i] = 0;
        }
    }

    /// <summary>Along the border, and either in a corner, where no digit reaches that was cut out without paper around, or thin.</summary>
    private static bool IsFrame(Blob b, int longer) =>
        b.Contact > 0 && b.Outer > 0.8 && (b.Corners > 0 || Math.Min(b.Right - b.Left, b.Bottom - b.Top) < longer / 8);

    /// <summary>The heaviest figure, with the parts of it that a pen set apart.</summary>
    private static Ink? Choose(Raster contrast, List<Blob> blobs, Blob[] marks, int[] map, double noise)
    {
        bool Leans(Blob b) => b.Contact > 0.3 * (contrast.Width + contrast.Height);
        var free = marks.Where(b => !Leans(b)).MaxBy(b => b.Mass);
        var leaning = marks.Where(Leans).MaxBy(b => b.Mass);
        if ((free?.Mass >= 0.04 * (leaning?.Mass ?? 0) ? free : leaning) is not { } main
            || marks.Any(b => b.Mass >= main.Mass && Blob.Holes(map, contrast.Width, b) > MostHoles))
        {
            return null;
        }
        Blob[] parts = [.. blobs.Where(b => b == main || (Leans(b) == Leans(main) && BelongsTo(b, main)))];
        Blob[] others = [.. blobs.Except(parts).Where(b => !Leans(b))];
        bool alone = !others.Any(b => IsFigure(b, main));
        if (alone && others.Sum(b => b.Mass) > parts.Sum(b => b.Mass))
            return null;
        bool[] near = Near(map, contrast.Width, parts, 1 + main.Size / 20);
        HashSet<int> labels = [.. parts.Select(b => b.Label)];
        double full = Full(contrast.Values.Where((_, i) => labels.Contains(map[i]))), edge = Math.Max(Edge * full, Floor(noise));
        float[] values = [.. contrast.Values.Select((c, i) => near[i] && c >= edge ? (float)(255 * Math.Min(1, c / full)) : 0)];
        var ink = new Ink(contrast with { Values = values }, parts.Sum(b => b.Mass), main.Size, alone);
        return ink.IsBlot() ? null : ink;
    }

    /// <summary>About as wide as high, and full; hardly an image of MNIST is.</summary>
    private bool IsBlot()
    {
        var (left, top, right, bottom) = Contrast.Bounds();
        int width = right - left, height = bottom - top;
        return Math.Min(width, height) > 0.7 * Math.Max(width, height) && Contrast.Values.Sum() > 0.72 * 255 * width * height;
    }

    /// <summary>Pens leave gaps: a large part may lie farther off than a small one, which may be a speck.</summary>
    private static bool BelongsTo(Blob part, Blob main)
    {
        bool beside = part.Left >= main.Right || part.Right <= main.Left;
        double reach = part.Mass > 0.05 * main.Mass ? beside && IsFigure(part, main) ? 0.1 : 0.2 : part.Mass > 0.01 * main.Mass ? 0.06 : 0;
        return main.Gap(part) <= 1 + reach * main.Size;
    }

    private static bool IsFigure(Blob b, Blob main) => b.Size > main.Size / 2 && b.Mass > main.Mass / 5;

    /// <summary>Whether the inner one, not much smaller, is seen nowhere from outside: a box or a circle around a digit.</summary>
    private static bool Surrounds(Blob outer, Blob inner, int[] map, int width)
    {
        bool inside = inner.Left > outer.Left && inner.Top > outer.Top && inner.Right < outer.Right && inner.Bottom < outer.Bottom;
        if (!inside || inner.Size < outer.Size / 3)
            return false;
        int x = (inner.Left + inner.Right) / 2, y = (inner.Top + inner.Bottom) / 2;
        bool Seen(int fromX, int toX, int fromY, int toY)
        {
            for (int v = fromY; v < toY; v++)
                for (int u = fromX; u < toX; u++)
                    if (map[v * width + u] == outer.Label)
                        return true;
            return false;
        }
        return Seen(outer.Left, x, y, y + 1) && Seen(x, outer.Right, y, y + 1)
            && Seen(x, x + 1, outer.Top, y) && Seen(x, x + 1, y, outer.Bottom);
    }

    /// <summary>Which pixels lie within this many of one of these blobs, to each side.</summary>
    private static bool[] Near(int[] map, int width, Blob[] blobs, int distance)
    {
        bool[] wanted = new bool[blobs.Max(b => b.Label) + 1];
        foreach (var blob in blobs)
            wanted[blob.Label] = true;
        bool[] rows = new bool[map.Length], near = new bool[map.Length];
        Spread(i => map[i] < wanted.Length && wanted[map[i]], rows, 1, width, width);
        Spread(i => rows[i], near, width, map.Length / width, 1);
        return near;

        // Along lines of this many pixels, which lie a stride apart.
        void Spread(Func<int, bool> from, bool[] to, int stride, int length, int lineStride)
        {
            for (int line = 0; line < map.Length / length; line++)
            {
                for (int i = 0, until = -1; i < length + distance; i++)
                {
                    if (i < length && from(line * lineStride + i * stride))
                        until = i + distance;
                    int behind = i - distance;
                    if (behind >= 0 && until >= behind)
                        to[line * lineStride + behind * stride] = true;
                }
            }
        }
    }

    /// <summary>What no noise reaches.</summary>
    private static double Floor(double noise) => Math.Max(LeastContrast, LeastDeviations * noise);

    /// <summary>The contrast of full ink: nine of ten pixels have less.</summary>
    private static double Full(IEnumerable<float> contrasts) => Raster.Quantile([.. contrasts], 0.9);
}
