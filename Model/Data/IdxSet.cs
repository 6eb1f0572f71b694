using System.Text;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Four IDX files, named as MNIST's are. Grey images keep MNIST's scale, without a shift, so that zero stays zero; colours are normalized
/// by their training images. There are as many classes as the largest label asks for, of grey 28x28 ten at least, as MNIST has; a file
/// classes.txt beside them, a name on a line, says more.
/// </summary>
internal static class IdxSet
{
    private const string NamesFile = "classes.txt";

    private static IReadOnlyList<KnownFile> Files => Mnist.Files;

    /// <summary>The folder of the set: the folder itself or one in it, as torchvision has it.</summary>
    public static string Locate(string folder) => SetFolder.Locate(folder, Files);

    /// <summary>Whether the folder holds one of the files.</summary>
    public static bool IsIn(string folder) => Files.Any(file => SetFolder.Find(folder, file) is not null);

    /// <exception cref="UserException">BadData: a file is missing, damaged or does not fit the others.</exception>
    public static ImageData Read(string folder, CancellationToken cancellation)
    {
        string[] paths = [.. Files.Select(file => SetFolder.Find(folder, file)
            ?? throw new UserException(ErrorKind.BadData, $"{folder}: expected one file named {SetFolder.Form(file)}, found none"))];
        string[] names = Names(Path.Combine(folder, NamesFile));
        var (image, train) = Idx.ReadImages(paths[0], cancellation: cancellation);
        int count = train.Length / image.Features;
        int[] trainLabels = Labels(paths[1], names, Idx.MaxImages, cancellation);
        Idx.DemandAsMany(paths[1], trainLabels, paths[0], count);
        byte[] test = Idx.ReadImages(paths[2], new DataShape(image.Channels, image.Height, image.Width, 2, Ones(image), Ones(image)),
            Idx.MaxImages - count, cancellation);
        int[] testLabels = Labels(paths[3], names, Idx.MaxImages - count, cancellation);
        Idx.DemandAsMany(paths[3], testLabels, paths[2], test.Length / image.Features);

        int classes = Math.Max(2, 1 + trainLabels.Concat(testLabels).Max());
        var usual = Mnist.Shape;
        if (names.Length > 0)
            classes = names.Length;
        else if (image == usual.Image)
            classes = Math.Max(classes, usual.Classes);
        var shape = image.Channels > 1 ? DataShape.Normalized(image, classes, names, train)
            : classes == usual.Classes && image == usual.Image && names.Length == 0 ? usual
            : new DataShape(1, image.Height, image.Width, classes, usual.Scale, usual.Shift, names);
        return new ImageData(new DataSet(shape, train, trainLabels), new DataSet(shape, test, testLabels), folder);
    }

    private static float[] Ones(TensorShape image) => [.. Enumerable.Repeat(1f, image.Channels)];

    private static int[] Labels(string path, string[] names, int most, CancellationToken cancellation) =>
        Idx.ReadLabels(path, names.Length > 0 ? names.Length : DataShape.MostClasses, most, cancellation);

    private static string[] Names(string path) => File.Exists(path) ? ClassNames.Read(path) : [];
}

/// <summary>Names of classes in a text, one a line.</summary>
internal static class ClassNames
{
    private const int MostBytes = 4 << 20;

    /// <exception cref="UserException">BadData: not readable, or no list of 2 to 1,000 different names.</exception>
    public static string[] Read(string path)
    {
        try
        {
            using var file = new Unpacked(path, MostBytes);
            return file.MostLength <= MostBytes ? Of(path, file.Content) : throw new IOException("a longer file");
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.BadData, $"{path}: expected names of classes, one a line, found {error.Message}", error);
        }
    }

    public static string[] Of(string path, Stream content)
    {
        using var reader = new StreamReader(content, Encoding.UTF8, leaveOpen: true);
        string[] names = [.. reader.ReadToEnd().Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
        return Check(path, names);
    }

    /// <summary>The names, if they can stand for classes.</summary>
    public static string[] Check(string path, string[] names)
    {
        string? found = names.Length is < 2 or > DataShape.MostClasses ? $"{names.Length}"
            : names.FirstOrDefault(n => n.Length > DataShape.LongestName) is { } n ? $"a name of {n.Length} characters"
            : names.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice ? $"'{twice.Key}' twice" : null;
        return found is null ? names : throw new UserException(
            ErrorKind.BadData, $"{path}: expected 2 to {DataShape.MostClasses} classes with different names, found {found}");
    }
}
