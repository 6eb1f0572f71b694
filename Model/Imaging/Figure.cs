namespace Secateurs.Model.Imaging;

/// <summary>Looks for the one figure in a picture: from farther away where noise hides it, and closer where it is small.</summary>
internal static class Figure
{
    /// <summary>Pixels of a view's longer side, halved from farther away; no digit is seen in fewer than the least.</summary>
    private const int Most = 256, Least = 48;

    /// <summary>Specks of noise are smaller than this part of a view.</summary>
    private const int Speck = 8;

    /// <summary>Its ink, be it dark on light or light on dark; null where there is nothing but paper and noise.</summary>
    public static Ink? Find(Raster picture)
    {
        Raster? within = null;
        for (Ink? found = null; ;)
        {
            var seen = Look(picture, within);
            if (seen is null)
                return found;
            found = seen with { Alone = seen.Alone && found?.Alone != false };
            if (seen.Contrast.Width == picture.Width)
                return found;
            (var closer, within) = Around(picture, seen.Contrast);
            if (closer.Values.Length == picture.Values.Length)
                return found;
            picture = closer;
        }
    }

    /// <summary>On what is likely to be the paper, from near and far; only where nothing is on it on what else may be.</summary>
    private static Ink? Look(Raster picture, Raster? within) => Look(picture, within, 0) ?? Look(picture, within, 1);

    private static Ink? Look(Raster picture, Raster? within, int rank)
    {
        Ink? found = null;
        for (int side = Most; ; side /= 2)
        {
            var view = picture.Shrink(side);
            int longer = Math.Max(view.Width, view.Height);
            if (Paper.Of(view).ElementAtOrDefault(rank) is { } paper)
            {
                var (dark, light) = (Ink.Find(paper, dark: true, within), Ink.Find(paper, dark: false, within));
                var ink = dark?.Mass >= (light?.Mass ?? 0) ? dark : light;
                if (ink is not null && (ink.Alone || ink.Size > longer / Speck))
                    return ink;
                found ??= ink;
            }
            if (longer < 2 * Least)
                return found;
        }
    }

    /// <summary>
    /// The part of the picture with the figure that was seen in a view of it, half as much on each side, and the same part of the view.
    /// </summary>
    private static (Raster Picture, Raster Seen) Around(Raster picture, Raster seen)
    {
        int longer = Math.Max(seen.Width, seen.Height), scale = (Math.Max(picture.Width, picture.Height) + longer - 1) / longer;
        var (left, top, right, bottom) = seen.Bounds();
        int margin = Math.Max(right - left, bottom - top) / 2;
        (left, top) = (Math.Max(0, left - margin), Math.Max(0, top - margin));
        (right, bottom) = (Math.Min(seen.Width, right + margin), Math.Min(seen.Height, bottom + margin));
        var closer = picture.Crop(
            left * scale, top * scale, Math.Min(picture.Width, right * scale), Math.Min(picture.Height, bottom * scale));
        return (closer, seen.Crop(left, top, right, bottom));
    }
}
