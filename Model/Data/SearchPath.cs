namespace Secateurs.Model;

/// <summary>Looks up programs in PATH as a careful shell does: folders named relative to the current one are passed over.</summary>
internal static class SearchPath
{
    /// <summary>The folders of PATH, absolute ones only.</summary>
    public static string[] Folders => Absolute(Environment.GetEnvironmentVariable("PATH"));

    /// <summary>The absolute ones of a list as PATH has it.</summary>
    public static string[] Absolute(string? path) => [.. (path ?? "").Split(Path.PathSeparator).Where(Path.IsPathFullyQualified)];

    /// <summary>The full path of the program, which is returned as it is where it is one already; null where no folder has it.</summary>
    public static string? Find(string program, IEnumerable<string> folders)
    {
        if (Path.IsPathFullyQualified(program))
            return program;
        string name = OperatingSystem.IsWindows() ? program + ".cmd" : program; // as npm comes there
        return folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(CanRun);
    }

    private static bool CanRun(string path)
    {
        const UnixFileMode run = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & run) != 0);
    }
}
