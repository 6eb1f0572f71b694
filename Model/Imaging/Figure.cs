namespace Model.Imaging;

/// <summary>Looks for the one figure in a picture: from farther away where noise hides it, and closer where it is small.</summary>
internal static class Figure
{
    /// <summary>A view's longer side has this many pixels at most; from farther away half of them, but no digit is seen in fewer than the least.</summary>
    private const int Most = 256, Least = 48;

    /// <summary>Its ink, be it dark on light or light on dark; null where there is nothing but paper and noise.</summary>
    public static Ink? Find(Raster picture)
    {
        Raster? within = null;
        for (Ink? found = null; ;)
        {
            var seen = Look(picture, within);
            found = seen is not null && found is not null ? seen with { Alone = found.Alone } : seen ?? found;
            if (seen is null || seen.Contrast.Width == picture.Width)
                return found;
            (var closer, within) = Around(picture, seen.Contrast);
            if (closer.Values.Length == picture.Values.Length)
                return found;
            picture = closer;
        }
    }

    private static Ink? Look(Raster picture, Raster? within)
    {
        Ink? found = null;
        for (int side = Most; ; side /= 2)
        {
            var view = picture.Shrink(side);
            foreach (var paper in Paper.Of(view))
            {
                var (dark, light) = (Ink.Find(paper, dark: true, within), Ink.Find(paper, dark: false, within));
                var ink = dark?.Mass >= (light?.Mass ?? 0) ? dark : light;
                if (ink is { Alone: true })
                    return ink;
                found ??= ink;
            }
            if (Math.Max(view.Width, view.Height) < 2 * Least)
                return found;
        }
    }

    /// <summary>The part of the picture with the figure that was seen in a view of it, half as much on each side, and the same part of the view.</summary>
    private static (Raster Picture, Raster Seen) Around(Raster picture, Raster seen)
    {
        int scale = (picture.Width + seen.Width - 1) / seen.Width;
        var (left, top, right, bottom) = seen.Bounds();
        int margin = Math.Max(right - left, bottom - top) / 2;
        (left, top, right, bottom) = (Math.Max(0, left - margin), Math.Max(0, top - margin), Math.Min(seen.Width, right + margin), Math.Min(seen.Height, bottom + margin));
        var part = picture.Crop(left * scale, top * scale, Math.Min(picture.Width, right * scale), Math.Min(picture.Height, bottom * scale));
        return (part, seen.Crop(left, top, right, bottom));
    }
}
