using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// CIFAR-10's binary version (A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009), or a set of that form: files
/// data_batch_1.bin and so on and test_batch.bin of records of a label's byte and 3,072 bytes, red, green and blue of 32x32 pixels;
/// batches.meta.txt has the names of the classes. As a folder, or as the archive of one: an archive that has the original's name must be
/// the original.
/// </summary>
public static partial class Cifar10
{
    private const string MetaFile = "batches.meta.txt", TestFile = "test_batch.bin", UsualFolder = "cifar-10-batches-bin";
    private const int UsualClasses = 10;

    private static readonly TensorShape Image = new(3, 32, 32);

    /// <summary>Its images and classes, of which no normalisation is known yet: pixels of 0 to 1.</summary>
    public static DataShape Shape { get; } = new(
        Image.Channels, Image.Height, Image.Width, UsualClasses, [.. Enumerable.Repeat(1 / 255f, Image.Channels)],
        new float[Image.Channels]);

    /// <summary>A label and an image.</summary>
    private static readonly int RecordBytes = 1 + Image.Features;

    /// <summary>The archive as published.</summary>
    public static KnownFile Archive { get; } = new(
        "cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")
    { AsItIs = true };

    /// <summary>Where it can be had.</summary>
    public static IReadOnlyList<IFileSource> Sources { get; } = [new HttpMirror(new Uri("https://www.cs.toronto.edu/~kriz/"))];

    /// <summary>The folder or archive of the set that a path names, or that lies in the folder that it names; else null.</summary>
    internal static string? Locate(string path)
    {
        if (File.Exists(path))
            return path.EndsWith(".tar.gz", StringComparison.Ordinal) || path.EndsWith(".tgz", StringComparison.Ordinal) ? path : null;
        string[] folders = [path, Path.Combine(path, UsualFolder)];
        return folders.FirstOrDefault(f => File.Exists(Path.Combine(f, TestFile)) || File.Exists(Path.Combine(f, "data_batch_1.bin")))
            ?? (File.Exists(Path.Combine(path, Archive.Name)) ? Path.Combine(path, Archive.Name) : null);
    }

    /// <exception cref="UserException">BadData: a file is missing, damaged or of another form, or an archive with the original's name is
    /// not the original.</exception>
    internal static ImageData Read(string path, CancellationToken cancellation)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        try
        {
            if (File.Exists(path))
                ReadArchive(path, files, cancellation);
            else
                foreach (string file in Directory.EnumerateFiles(path).Where(f => Part().IsMatch(Path.GetFileName(f))))
                {
                    using var unpacked = new Unpacked(file, DataSet.MostBytes, cancellation);
                    Add(files, Path.GetFileName(file), unpacked.Content, cancellation);
                }
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw Bad(path, "files that can be read", error.Message, error);
        }
        string[] training = [.. files.Keys.Where(f => f.StartsWith("data_batch", StringComparison.Ordinal))];
        if (training.Length == 0 || !files.ContainsKey(TestFile))
            throw Bad(path, $"data_batch_1.bin and so on, and {TestFile}", files.Count == 0 ? "none" : string.Join(", ", files.Keys));
        string[] names = files.TryGetValue(MetaFile, out byte[]? meta) ? ClassNames.Of(path, new MemoryStream(meta)) : [];
        int classes = names.Length > 0 ? names.Length : UsualClasses;
        var (trainImages, trainLabels) = Records(path, training, files, classes);
        var (testImages, testLabels) = Records(path, [TestFile], files, classes);
        var shape = DataShape.Normalized(Image, classes, names, trainImages);
        return new ImageData(
            new DataSet(shape, trainImages, trainLabels) { InProportion = true },
            new DataSet(shape, testImages, testLabels) { InProportion = true }, path);
    }

    private static void ReadArchive(string path, SortedDictionary<string, byte[]> files, CancellationToken cancellation)
    {
        if (Path.GetFileName(path) == Archive.Name && !KnownFiles.Holds(path, Archive, cancellation))
        {
            throw Bad(
                path, $"the original of {Archive.Length} bytes with SHA-256 {Archive.Sha256}",
                "another file; what is yours needs another name");
        }
        using var file = File.OpenRead(path);
        using var tar = new TarReader(new GZipStream(file, CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
            if (entry.DataStream is not null && Part().IsMatch(Path.GetFileName(entry.Name)))
                Add(files, Path.GetFileName(entry.Name), entry.DataStream, cancellation);
    }

    private static void Add(SortedDictionary<string, byte[]> files, string name, Stream content, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        long room = DataSet.MostBytes - files.Values.Sum(f => (long)f.Length);
        byte[] buffer = new byte[1 << 20];
        for (int n; (n = content.Read(buffer)) > 0; bytes.Write(buffer, 0, n))
        {
            cancellation.ThrowIfCancellationRequested();
            if (bytes.Length + n > room)
                throw new IOException($"more than {DataSet.MostBytes} bytes");
        }
        files[name] = bytes.ToArray();
    }

    private static (byte[] Images, int[] Labels) Records(
        string path, string[] names, SortedDictionary<string, byte[]> files, int classes)
    {
        long records = names.Sum(n => (long)files[n].Length / RecordBytes);
        byte[] images = new byte[records * Image.Features];
        int[] labels = new int[records];
        int at = 0;
        foreach (string name in names)
        {
            byte[] file = files[name];
            if (file.Length == 0 || file.Length % RecordBytes != 0)
                throw Bad(Path.Combine(path, name), $"records of {RecordBytes} bytes", $"{file.Length} bytes");
            for (int start = 0; start < file.Length; start += RecordBytes, at++)
            {
                labels[at] = file[start];
                if (labels[at] >= classes)
                    throw Bad(Path.Combine(path, name), $"labels 0-{classes - 1}", $"label {labels[at]} in record {start / RecordBytes}");
                file.AsSpan(start + 1, Image.Features).CopyTo(images.AsSpan(at * Image.Features));
            }
        }
        return (images, labels);
    }

    private static UserException Bad(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}", inner);

    [GeneratedRegex(@"^(data_batch_[0-9]{1,3}\.bin|test_batch\.bin|batches\.meta\.txt)\z")]
    private static partial Regex Part();
}
