using Secateurs.Kernels;
using Secateurs.Model.Imaging;

namespace Secateurs.Model;

/// <summary>
/// A folder of pictures for each class: train/CLASS/*.png and so on, perhaps test/CLASS, or CLASS in the folder itself. Without test a
/// sixth of each class is set aside for it, always the same images. Classes are ordered by the characters of their names. One picture in
/// colour makes the set one of colours; each channel is normalized by the training images.
/// </summary>
internal static class PictureSet
{
    private const string TrainFolder = "train", TestFolder = "test";

    /// <summary>The part of a class that becomes the test images where there is no folder of them.</summary>
    private const int TestShare = 6;

    /// <summary>Of the images that are set aside for tests ("test" in ASCII): a property of the set, whatever a run's seed.</summary>
    private const ulong TestSeed = 0x74657374;

    /// <summary>Pictures that are named one by one when they cannot be read.</summary>
    private const int MostNamed = 20;

    /// <summary>Whether the folder holds folders with pictures.</summary>
    public static bool IsIn(string path) => Guard(path, () =>
        Folders(Root(path)).Any(folder => PictureFiles.In(folder).Pictures.Count > 0));

    /// <exception cref="UserException">BadData: pictures that cannot be read or have several sizes, or too few classes.</exception>
    public static ImageData Read(string path, DataOptions options, CancellationToken cancellation)
    {
        string root = Root(path);
        bool hasTest = root != path && Directory.Exists(Path.Combine(path, TestFolder));
        var train = Guard(path, () => List(root, options));
        var test = hasTest ? Guard(path, () => List(Path.Combine(path, TestFolder), options)) : [];
        // An empty folder is no class: nothing could be learned of it.
        string[] names = ClassNames.Check(root, [.. train.Where(c => c.Pictures.Count > 0).Select(c => c.Name)]);
        foreach (var empty in train.Where(c => c.Pictures.Count == 0))
            options.Say($"{Path.Combine(root, empty.Name)}: no pictures; it is passed over");
        if (test.FirstOrDefault(c => c.Pictures.Count > 0 && !names.Contains(c.Name)) is { } foreign)
            throw Bad(Path.Combine(path, TestFolder, foreign.Name), $"a class that {root} has", "another one");
        int passedOver = train.Concat(test).Sum(c => c.Others);
        if (passedOver > 0)
            options.Say($"{path}: {passedOver} files that have no picture's ending are passed over");

        var all = new Decoding(Jobs(train, names), Jobs(test, names), names.Length);
        var decoded = PictureCache.Get(path, all, options, () => all.Run(path, options, cancellation));
        Report(path, decoded.Broken, options);
        foreach (int lost in Enumerable.Range(0, names.Length).Where(c => !decoded.TrainLabels.Contains(c)))
            throw Bad(Path.Combine(root, names[lost]), "a picture that can be read", "none");
        var data = Set(path, decoded, names, hasTest);
        if (data.Test.Count == 0)
            throw Bad(hasTest ? Path.Combine(path, TestFolder) : root, "test images, of 6 pictures at least one", "none");
        return data with { PassedOver = passedOver, Broken = decoded.Broken };
    }

    private static ImageData Set(string path, DecodedPictures decoded, string[] names, bool hasTest)
    {
        // A shape without normalization until it is known what is learned from.
        var image = decoded.Image;
        float[] ones = [.. Enumerable.Repeat(1f, image.Channels)];
        var raw = new DataShape(image.Channels, image.Height, image.Width, names.Length, ones, ones, names);
        var all = new DataSet(raw, decoded.Train, decoded.TrainLabels) { InProportion = true };
        var (train, test) = hasTest ? (all, new DataSet(raw, decoded.Test, decoded.TestLabels))
            : all.Split(TestCount(decoded.TrainLabels, names.Length), TestSeed);
        byte[] images = train.Images;
        var shape = DataShape.Normalized(image, names.Length, names, images);
        return new ImageData(
            new DataSet(shape, images, train.Labels) { InProportion = true }, new DataSet(shape, test.Images, test.Labels), path);
    }

    /// <summary>No more than leaves every class one to learn from.</summary>
    private static int TestCount(int[] labels, int classes) => Math.Min(labels.Length / TestShare, labels.Length - classes);

    private static string Root(string path) =>
        Directory.Exists(Path.Combine(path, TrainFolder)) ? Path.Combine(path, TrainFolder) : path;

    private static IEnumerable<string> Folders(string root) => Directory.EnumerateDirectories(root)
        .Where(f => !PictureFiles.IsHidden(f)).Order(StringComparer.Ordinal);

    private static PictureFiles[] List(string root, DataOptions options)
    {
        int beside = Directory.EnumerateFiles(root).Count(PictureFiles.IsPicture);
        if (beside > 0)
            options.Say($"{root}: {beside} pictures lie beside the folders of classes and are passed over");
        return [.. Folders(root).Select(PictureFiles.In)];
    }

    private static PictureJob[] Jobs(PictureFiles[] classes, string[] names) =>
        [.. classes.SelectMany(c => c.Pictures.Select(p => new PictureJob(p, Array.IndexOf(names, c.Name))))];

    private static void Report(string path, IReadOnlyList<string> broken, DataOptions options)
    {
        if (broken.Count == 0)
            return;
        foreach (string line in broken.Take(MostNamed))
            options.Say(line);
        string what = $"{broken.Count} {(broken.Count == 1 ? "picture that cannot be read" : "pictures that cannot be read")}";
        if (!options.SkipBroken)
        {
            throw new UserException(
                ErrorKind.BadData, $"{path}: expected pictures, found {what}, the first being {broken[0]}")
            { Parameter = "skip" };
        }
        options.Say($"{path}: {what}{(broken.Count == 1 ? " is" : " are")} left out");
    }

    private static UserException Bad(string path, string expected, string found) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}");

    private static T Guard<T>(string folder, Func<T> look)
    {
        try
        {
            return look();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.BadData, $"{folder}: expected a readable folder, found {error.Message}", error);
        }
    }
}

/// <summary>The files of a class.</summary>
/// <param name="Name">Of the class.</param>
/// <param name="Pictures">Paths, in the order of their characters.</param>
/// <param name="Others">Files and folders that are passed over.</param>
internal sealed record PictureFiles(string Name, IReadOnlyList<string> Pictures, int Others)
{
    private static readonly string[] Endings = [".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tga"];

    public static bool IsPicture(string path) =>
        !IsHidden(path) && Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether it is kept by a system or a program beside what a user sees.</summary>
    public static bool IsHidden(string path) => Path.GetFileName(path) is ['.', ..] or "__MACOSX";

    public static PictureFiles In(string folder)
    {
        string[] entries = [.. Directory.EnumerateFileSystemEntries(folder)];
        string[] pictures = [.. entries.Where(e => IsPicture(e) && !Directory.Exists(e)).Order(StringComparer.Ordinal)];
        return new PictureFiles(Path.GetFileName(folder), pictures, entries.Length - pictures.Length);
    }
}

/// <summary>A picture to read, and its class.</summary>
internal sealed record PictureJob(string Path, int Label);

/// <summary>Pictures of one size, (N, C, H, W), and why others could not be read.</summary>
internal sealed record DecodedPictures(
    TensorShape Image, byte[] Train, int[] TrainLabels, byte[] Test, int[] TestLabels, IReadOnlyList<string> Broken);

/// <summary>Decodes pictures on all cores.</summary>
internal sealed class Decoding(PictureJob[] train, PictureJob[] test, int classes)
{
    public IReadOnlyList<PictureJob> Jobs { get; } = [.. train, .. test];

    public int Training => train.Length;

    public int Classes => classes;

    /// <exception cref="UserException">BadData: several sizes, or more pixels than a set may have.</exception>
    public DecodedPictures Run(string path, DataOptions options, CancellationToken cancellation)
    {
        var pictures = new byte[Jobs.Count][];
        var faults = new string?[Jobs.Count];
        var sizes = new (int Height, int Width)[Jobs.Count];
        bool[] grey = new bool[Jobs.Count];
        int done = 0, first = 0;
        // The first picture that can be read says what size is wanted, where nobody else does.
        var wanted = options.Size;
        for (; wanted is null && first < Jobs.Count; first++)
        {
            Decode(first, null);
            wanted = faults[first] is null ? sizes[first] : null;
        }
        if (wanted is not { } size)
            throw Bad(path, "a picture that can be read", $"{Jobs.Count} that cannot, the first being {faults.FirstOrDefault()}");
        Check(path, size, first == 0 ? "size" : Jobs[first - 1].Path);
        var parallel = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.For(first, Jobs.Count, parallel, i => Decode(i, size));
        }
        catch (AggregateException error) when (error.InnerExceptions is [.., UserException inner])
        {
            throw inner;
        }
        if (options.Size is null && Enumerable.Range(0, Jobs.Count).FirstOrDefault(i => faults[i] is null && sizes[i] != size, -1) is >= 0
            and var other)
        {
            throw new UserException(ErrorKind.BadData, $"{path}: expected pictures of one size, found {size.Height}x{size.Width} in "
                + $"{Jobs[first - 1].Path} and {sizes[other].Height}x{sizes[other].Width} in {Jobs[other].Path}")
            { Parameter = "size" };
        }
        int channels = Enumerable.Range(0, Jobs.Count).All(i => faults[i] is not null || grey[i]) ? 1 : 3;
        var image = new TensorShape(channels, size.Height, size.Width);
        int[] good = [.. Enumerable.Range(0, Jobs.Count).Where(i => faults[i] is null)];
        int[] training = [.. good.Where(i => i < Training)], testing = [.. good.Where(i => i >= Training)];
        return new DecodedPictures(
            image, Joined(training), [.. training.Select(i => Jobs[i].Label)], Joined(testing), [.. testing.Select(i => Jobs[i].Label)],
            [.. faults.OfType<string>()]);

        void Decode(int i, (int Height, int Width)? to)
        {
            try
            {
                var picture = PictureDecoder.Open(Jobs[i].Path, Content(Jobs[i].Path));
                sizes[i] = picture.Size;
                if (to is null)
                    Check(path, picture.Size, Jobs[i].Path);
                if (options.Size is not null || to is null || picture.Size == to)
                {
                    grey[i] = picture.IsGrey();
                    pictures[i] = picture.Planes(grey[i] ? 1 : 3, options.Size ?? picture.Size);
                }
            }
            catch (UserException error) when (error is { Kind: ErrorKind.BadData, Parameter: null })
            {
                faults[i] = error.Message;
            }
            options.Decoded(Interlocked.Increment(ref done), Jobs.Count);
        }

        byte[] Joined(int[] which)
        {
            int pixels = size.Height * size.Width;
            var joined = new byte[which.Length * image.Features];
            for (int n = 0; n < which.Length; n++)
            {
                var target = joined.AsSpan(n * image.Features, image.Features);
                for (int at = 0; at < target.Length; at += pictures[which[n]].Length)
                    pictures[which[n]].CopyTo(target[at..]);
            }
            return joined;
        }
    }

    private void Check(string path, (int Height, int Width) size, string where)
    {
        if (size.Height > DataShape.MostSide || size.Width > DataShape.MostSide)
        {
            throw new UserException(ErrorKind.BadData, $"{path}: expected pictures of at most {DataShape.MostSide}x{DataShape.MostSide}, "
                + $"found {size.Height}x{size.Width} in {where}")
            { Parameter = "size" };
        }
        if (3L * size.Height * size.Width * Jobs.Count > DataSet.MostBytes)
        {
            throw new UserException(ErrorKind.BadData, $"{path}: expected at most {DataSet.MostBytes} bytes of pixels, found "
                + $"{Jobs.Count} pictures of {size.Height}x{size.Width}")
            { Parameter = "size" };
        }
    }

    /// <summary>The bytes of a file, whatever its content; a pipe or a device, which may never end, is not opened.</summary>
    private static byte[] Content(string path)
    {
        if (FileStatus.Of(path) is { IsRegular: false })
            throw Bad(path, "a picture", "a pipe or a device");
        return PictureFile.Read(path) ?? throw Bad(path, "a picture", "an IDX or gzip file");
    }

    private static UserException Bad(string path, string expected, string found) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}");
}
