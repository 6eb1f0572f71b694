namespace Secateurs.Model;

/// <summary>What a path is, and whether two paths lead to one file.</summary>
public static class FilePaths
{
    /// <summary>Whether it is a link, be its target there or not.</summary>
    public static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    /// <summary>Whether two paths lead to one file, by whatever links, mounts or, where that makes no difference, capitals.</summary>
    public static bool AreSame(string a, string b) => FileStatus.Of(a) is { } status ? FileStatus.Of(b) == status
        : string.Equals(Resolved(a), Resolved(b), IgnoresCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    private static bool IgnoresCase => OperatingSystem.IsWindows() || OperatingSystem.IsMacOS();

    /// <summary>The path without links on the way, or the path itself where nothing is there.</summary>
    private static string Resolved(string path)
    {
        path = Path.GetFullPath(path);
        if (Path.GetDirectoryName(path) is not { } folder)
            return path;
        return IsLink(path) ? Resolved(File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName)
            : Path.Combine(Resolved(folder), Path.GetFileName(path));
    }
}
