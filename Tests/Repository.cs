using System.Runtime.CompilerServices;

namespace Tests;

/// <summary>Where the project's files lie.</summary>
internal static class Repository
{
    /// <summary>The folder that this file's is in.</summary>
    public static string Root { get; } = Find();

    private static string Find([CallerFilePath] string here = "") => Path.GetDirectoryName(Path.GetDirectoryName(here))!;
}
