namespace Secateurs.Model.Imaging;

/// <summary>Takes away a drawn frame that a digit may touch: lines of ink along two sides of the picture or more.</summary>
internal static class Border
{
    /// <summary>How much of a row or column a line covers, and the part of the picture that it is thick at most.</summary>
    private const double Covered = 0.8, Thick = 0.12;

    /// <summary>Whether there was one.</summary>
    public static bool Peel(Raster contrast, double threshold)
    {
        int width = contrast.Width, height = contrast.Height;
        // A side is given by its first pixel, the step along it, the step inwards, and how long both ways are.
        (int Start, int Along, int Inwards, int Length, int Depth)[] sides =
        [
            (0, 1, width, width, height), (width * (height - 1), 1, -width, width, height),
            (0, width, 1, height, width), (width - 1, width, -1, height, width),
        ];
        int[] lines =
            [.. sides.Select(s => Thickness(contrast.Values, threshold, s.Start, s.Along, s.Inwards, s.Length, (int)(s.Depth * Thick)))];
        if (lines.Count(t => t > 0) < 2)
            return false;
        foreach (var (side, line) in sides.Zip(lines))
        {
            // With the soft edge of the line.
            int end = line == 0 ? 0 : line + 1 + Math.Max(width, height) / 100;
            for (int depth = 0; depth < Math.Min(end, side.Depth); depth++)
                for (int i = 0; i < side.Length; i++)
                    contrast.Values[side.Start + i * side.Along + depth * side.Inwards] = 0;
        }
        return true;
    }

    /// <summary>How many rows from the side are a line's; 0 where there is none or no end to it.</summary>
    private static int Thickness(float[] values, double threshold, int start, int along, int inwards, int length, int most)
    {
        for (int depth = 0; depth <= most; depth++)
        {
            int ink = Enumerable.Range(0, length).Count(i => values[start + i * along + depth * inwards] >= threshold);
            if (ink < Covered * length)
                return depth;
        }
        return 0;
    }
}
