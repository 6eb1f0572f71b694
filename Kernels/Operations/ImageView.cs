namespace Secateurs.Kernels;

/// <summary>How <see cref="Gather"/> shows an image; the default is as it is.</summary>
/// <param name="Right">Pixels that it is moved to the right, -<see cref="Most"/> to <see cref="Most"/>.</param>
/// <param name="Down">Pixels that it is moved down.</param>
/// <param name="Mirrored">Whether left and right are changed; moved is what comes of that.</param>
/// <param name="Wraps">Whether it is moved along the raster, by a pixel at most; else zeros come in at the edges.</param>
public readonly record struct ImageView(int Right, int Down, bool Mirrored = false, bool Wraps = false)
{
    /// <summary>Pixels that an image is moved at most.</summary>
    public const int Most = 100;

    private const int Mask = 0xFF, Zero = 128, DownBit = 8, MirroredBit = 16, WrapsBit = 17;

    /// <summary>As a kernel reads it.</summary>
    public int Packed => Right + Zero | Down + Zero << DownBit | (Mirrored ? 1 << MirroredBit : 0) | (Wraps ? 1 << WrapsBit : 0);

    /// <summary>What was packed.</summary>
    public static ImageView Of(int packed) => new(RightOf(packed), DownOf(packed), Mirrors(packed) == 1, Wrapping(packed) == 1);

    internal static int RightOf(int packed) => (packed & Mask) - Zero;

    internal static int DownOf(int packed) => (packed >> DownBit & Mask) - Zero;

    /// <summary>1 or 0, so that a kernel computes without branches.</summary>
    internal static int Mirrors(int packed) => packed >> MirroredBit & 1;

    /// <inheritdoc cref="Mirrors"/>
    internal static int Wrapping(int packed) => packed >> WrapsBit & 1;
}
