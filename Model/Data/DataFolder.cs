namespace Secateurs.Model;

/// <summary>How a set is read.</summary>
public sealed record DataOptions
{
    /// <summary>Rows and columns that pictures are brought to; null where all have one size.</summary>
    public (int Height, int Width)? Size { get; init; }

    /// <summary>Whether pictures that cannot be read are left out; else they end the reading.</summary>
    public bool SkipBroken { get; init; }

    /// <summary>A folder for decoded pictures, which the next reading takes; null for none.</summary>
    public string? Cache { get; init; }

    /// <summary>Gets remarks, a line each.</summary>
    public Action<string> Say { get; init; } = _ => { };

    /// <summary>Is told of pictures that are decoded, and of how many there are.</summary>
    public Action<int, int> Decoded { get; init; } = (_, _) => { };
}

/// <summary>
/// Reads a data set by what a folder holds: four IDX files (<see cref="IdxSet"/>), CIFAR-10's binary version (<see cref="Cifar10"/>), or a
/// folder of pictures for each class (<see cref="PictureSet"/>).
/// </summary>
public static class DataFolder
{
    /// <summary>What may lie there, for errors.</summary>
    private const string Forms = "four IDX files, CIFAR-10's binary version or a folder of pictures for each class";

    /// <summary>Bytes of a set from which on it counts what reading leaves behind, which is about as much again.</summary>
    private const int LargeBytes = 1 << 26;

    /// <param name="path">The folder; of CIFAR-10 perhaps its archive.</param>
    /// <param name="options">How it is read.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="UserException">BadData: there is no such set, or it is damaged.</exception>
    public static ImageData Load(string path, DataOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        var data = Read(path, options, cancellation);
        if ((long)data.Shape.BytesPerImage * (data.Train.Count + data.Test.Count) >= LargeBytes)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return data;
    }

    private static ImageData Read(string path, DataOptions options, CancellationToken cancellation)
    {
        if (!Directory.Exists(path))
        {
            if (Cifar10.Locate(path) is { } archive)
                return Sized(Cifar10.Read(archive, cancellation), options);
            string found = !File.Exists(path) ? "none" : !FilePaths.IsLink(path) ? "a file" : "a link to no folder";
            throw new UserException(ErrorKind.BadData, $"{path}: expected a folder with {Forms}, found {found}");
        }
        string folder = IdxSet.Locate(path);
        if (IdxSet.IsIn(folder))
            return Sized(IdxSet.Read(folder, cancellation), options);
        // What lies in the folder itself goes before what lies in one of it.
        string? binary = Cifar10.Locate(path);
        if (binary != path && PictureSet.IsIn(path))
            return PictureSet.Read(path, options, cancellation);
        return binary is not null ? Sized(Cifar10.Read(binary, cancellation), options)
            : throw new UserException(ErrorKind.BadData, $"{path}: expected {Forms}, found none of them");
    }

    /// <summary>A set of one size is not brought to another.</summary>
    private static ImageData Sized(ImageData data, DataOptions options) => options.Size is not { } size
        || size == (data.Shape.Height, data.Shape.Width) ? data : throw new UserException(
            ErrorKind.Usage,
            $"size: expected {data.Shape.Height}x{data.Shape.Width}, as {data.Folder} has, found {size.Height}x{size.Width}")
        { Parameter = "size" };
}
