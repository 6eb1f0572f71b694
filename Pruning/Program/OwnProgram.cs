namespace Secateurs.Program;

/// <summary>How this program is started again, here or on another machine that has the same files.</summary>
internal static class OwnProgram
{
    /// <summary>The file of the program; where dotnet runs its assembly, dotnet and that.</summary>
    public static IReadOnlyList<string> Words { get; } = Find();

    private static string[] Find()
    {
        string assembly = typeof(OwnProgram).Assembly.Location, process = Environment.ProcessPath ?? "dotnet";
        return Path.GetFileNameWithoutExtension(process) switch
        {
            var name when name == typeof(OwnProgram).Assembly.GetName().Name => [process],
            "dotnet" => [process, assembly],
            // Another program has this one as a library.
            _ => ["dotnet", assembly],
        };
    }
}
