namespace Tests.ModelTests;

/// <summary>A folder that ends with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tests-");

    public string Path => folder.FullName;

    public string[] Names => [.. folder.EnumerateFileSystemInfos().Select(item => item.Name).Order(StringComparer.Ordinal)];

    public string Combine(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    /// <summary>
    /// Writes a file and returns its path. It is overwritten without being emptied first: ext4 sends a file that was emptied to the disk
    /// as soon as it is closed, for which thousands of damaged copies would wait.
    /// </summary>
    public string Write(string name, byte[] content)
    {
        string path = Combine(name);
        using var file = new FileStream(path, FileMode.OpenOrCreate);
        file.Write(content);
        file.SetLength(content.Length);
        return path;
    }

    public void Dispose() => folder.Delete(recursive: true);
}
