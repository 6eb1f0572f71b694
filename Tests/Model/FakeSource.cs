using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>Has some files, keeps record of what it was asked for, and fails at the first file that it lacks.</summary>
internal sealed class FakeSource(string name, params (string Name, byte[] Content)[] contents) : IFileSource
{
    public List<string[]> Asked { get; } = [];

    /// <summary>Gets the folder for temporary files before anything is fetched.</summary>
    public Action<string> Before { get; init; } = _ => { };

    public string Name => name;

    public void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place, string workFolder, CancellationToken cancellation)
    {
        Before(workFolder);
        Asked.Add([.. files.Select(file => file.Name)]);
        foreach (KnownFile file in files)
        {
            byte[] content = contents.FirstOrDefault(item => item.Name == file.Name).Content ?? throw new IOException("not here");
            place(file, new MemoryStream(content));
        }
    }
}
