namespace Secateurs.Model;

/// <summary>
/// Finds the files of a set in a folder, named as downloads name them: train-images-idx3-ubyte, emnist-digits-train-images-idx3-ubyte.gz,
/// t10k-labels.idx1-ubyte. What macOS keeps beside a file (._NAME) is passed over. Errors are <see cref="UserException"/>s with BadData.
/// </summary>
internal static class SetFolder
{
    /// <summary>
    /// The folder itself, or the folder in it where torchvision's root has the files: ROOT/MNIST/raw, the only one of that kind.
    /// </summary>
    public static string Locate(string folder, IReadOnlyList<KnownFile> files) => Guard(folder, () =>
    {
        if (!Directory.Exists(folder) || HoldsAny(folder))
            return folder;
        string[] raw = [.. Directory.EnumerateDirectories(folder).Append(folder).Select(parent => Path.Combine(parent, "raw"))
            .Where(path => Directory.Exists(path) && HoldsAny(path)).Order(StringComparer.Ordinal)];
        return raw.Length <= 1 ? raw.FirstOrDefault(folder) : throw new UserException(
            ErrorKind.BadData, $"{folder}: expected one set, found sets in {string.Join(", ", raw)}; name one")
        { Parameter = nameof(folder) };

        bool HoldsAny(string path) => files.Any(file => Candidates(path, file).Any());
    });

    /// <summary>
    /// The file whose name is, or else ends in, the one asked for, or null; a plain file goes before its .gz. A link to nothing, a pipe,
    /// or a folder where there is nothing else, are found as well, so that who opens them can say so.
    /// </summary>
    public static string? Find(string folder, KnownFile file) => Guard(folder, () =>
    {
        string[] found = [.. Candidates(folder, file)];
        if (found.Select(Stem).Distinct().Count() > 1)
        {
            string names = string.Join(", ", found.Select(Path.GetFileName));
            throw new UserException(ErrorKind.BadData, $"{folder}: expected one file named {Form(file)}, found {names}");
        }

        return found.FirstOrDefault() ?? file.Names.Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);
    });

    /// <summary>What to call the file in an error.</summary>
    public static string Form(KnownFile file) => $"{string.Join(" or ", file.Names)}, plain or .gz";

    /// <summary>The file of exactly the name, for which a folder need not be listed; where there is none, those that end so.</summary>
    private static IEnumerable<string> Candidates(string folder, KnownFile file)
    {
        string? exact = file.Names.SelectMany(name => new[] { name, name + ".gz" })
            .Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (exact is not null)
            return [exact];
        if (!Directory.Exists(folder))
            return [];
        return Directory.EnumerateFiles(folder).Where(path => !Path.GetFileName(path).StartsWith("._", StringComparison.Ordinal)
            && file.Names.Any(name => Stem(path).EndsWith(name, StringComparison.Ordinal))).Order(StringComparer.Ordinal);
    }

    /// <summary>Some copies are named train-images.idx3-ubyte.</summary>
    private static string Stem(string path)
    {
        string name = Path.GetFileName(path);
        return (name.EndsWith(".gz", StringComparison.Ordinal) ? name[..^3] : name).Replace(".idx", "-idx", StringComparison.Ordinal);
    }

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
