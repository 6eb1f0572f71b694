using Secateurs.Kernels;

namespace Secateurs.Pruning.Export.C;

/// <summary>
/// How a value (C, H, W) of a network lies in the memory of the C code: rows, pixels, channels innermost, with a border on each side; or
/// plane after plane, as the caller gives an image.
/// </summary>
/// <param name="Border">Pixels around it that stand for zero.</param>
/// <param name="Planar">Plane after plane.</param>
internal sealed record Place(int Channels, int Height, int Width, int Border = 0, bool Planar = false)
{
    /// <summary>Numbers from a pixel to the next.</summary>
    public int Right => Planar ? 1 : Channels;

    /// <summary>Numbers from a row to the next.</summary>
    public int Down => (Width + 2 * Border) * Right;

    /// <summary>Numbers in all, border too.</summary>
    public int Length => Channels * (Height + 2 * Border) * (Width + 2 * Border);

    /// <summary>Whether a window over pixels may be read from it: where there are planes, of one alone.</summary>
    public bool HasPixels => !Planar || Channels == 1;

    /// <summary>Where channel c of pixel (h, w) lies; h and w count from the first pixel inside the border.</summary>
    public int Offset(int c, int h, int w) => Planar
        ? (c * (Height + 2 * Border) + h + Border) * (Width + 2 * Border) + w + Border
        : ((h + Border) * (Width + 2 * Border) + w + Border) * Channels + c;

    /// <summary>The channel of what lies there.</summary>
    public int ChannelOf(int offset) => Planar ? offset / (Length / Channels) : offset % Channels;

    /// <summary>All offsets inside of the border, in the order of frameworks: (C, H, W).</summary>
    public IEnumerable<int> Inside()
    {
        for (int c = 0; c < Channels; c++)
            for (int h = 0; h < Height; h++)
                for (int w = 0; w < Width; w++)
                    yield return Offset(c, h, w);
    }

    public static Place Of(TensorShape shape, int border = 0, bool planar = false) =>
        new(shape.Channels, shape.Height, shape.Width, border, planar);
}
