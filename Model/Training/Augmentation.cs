using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// What training shows of its images besides what they are: crops of an image with a margin of zeros, which is the image moved, and
/// mirrored ones. The order of images says which view comes where, so that a seed gives the same on every device.
/// </summary>
/// <param name="Shift">Pixels that an image is moved at most, in both directions; the views must not be more than 256.</param>
/// <param name="Mirror">
/// Whether each is mirrored in every other epoch, which shows both sides sooner than chance does (Jordan, arXiv
/// 2404.00498).
/// </param>
public sealed record Augmentation(int Shift, bool Mirror)
{
    /// <summary>Of the order of views ("views" in ASCII).</summary>
    private const ulong Seed = 0x7669657773;

    /// <summary>Views that a teacher answers for, where training shows many.</summary>
    private const int UsuallyTaught = 8;

    /// <summary>
    /// Images as they are. A teacher answers for their four neighbours as well, moved by a pixel along the raster, and every other image is
    /// one of these while it teaches.
    /// </summary>
    public static Augmentation None { get; } = new(0, false);

    /// <summary>
    /// Pixels that images of a shape are usually moved: a sixteenth of their side, 2 of 32, which suits the few epochs of dense training
    /// better than 4 (Results/experiments.md), and no more than there may be views of.
    /// </summary>
    public static int UsualShift(DataShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Math.Min(5, Math.Min(shape.Height, shape.Width) / 16);
    }

    /// <summary>Whether anything but the images themselves is shown to all training.</summary>
    public bool IsOn => Shift > 0 || Mirror;

    /// <summary>
    /// Every view that there is; the first is the image itself, the others come in an order that says nothing, each mirrored one behind
    /// the same that is not.
    /// </summary>
    public IReadOnlyList<ImageView> Views { get; } = Shift > 0 || Mirror ? All(Shift, Mirror)
        : [default, new(1, 0, Wraps: true), new(-1, 0, Wraps: true), new(0, 1, Wraps: true), new(0, -1, Wraps: true)];

    /// <summary>Of the views, how many training shows while nobody teaches.</summary>
    public int Shown => IsOn ? Views.Count : 1;

    /// <summary>Of the views, how many a teacher answers for at most.</summary>
    public int Taught => IsOn ? Math.Min(UsuallyTaught, Views.Count) : Views.Count;

    private static ImageView[] All(int shift, bool mirror)
    {
        var side = Enumerable.Range(-shift, 2 * shift + 1);
        ImageView[] others = [.. from right in side from down in side where (right, down) != default select new ImageView(right, down)];
        new Random64(Seed).Shuffle(others.AsSpan());
        ImageView[] moved = [default, .. others];
        return mirror ? [.. moved.SelectMany(v => (ImageView[])[v, v with { Mirrored = true }])] : moved;
    }
}
