namespace Secateurs.Model;

/// <summary>
/// The place for temporary files of whoever fetches into a folder, one process at a time (<see cref="FolderLock"/>).
/// What a killed run left goes when the next one comes by.
/// </summary>
internal sealed class WorkFolder : IDisposable
{
    private const string Name = ".fetching", Inside = "files";

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(0.2);

    private readonly string _path;
    private readonly FolderLock _lock;

    private WorkFolder(string path, FolderLock held) => (_path, _lock) = (path, held);

    /// <summary>Not there yet.</summary>
    public string Folder => Path.Combine(_path, Inside);

    /// <summary>Waits until no other process is in, then enters with nothing left from before.</summary>
    /// <exception cref="UserException">Failed: the folder cannot be made or written.</exception>
    public static WorkFolder Enter(string folder, Action<string> progress, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, Name);
        if (FilePaths.IsLink(path))
            Directory.Delete(path); // the link alone
        for (bool said = false; ; said = true)
        {
            if (FolderLock.TryTake(path) is { } held)
            {
                var entered = new WorkFolder(path, held);
                entered.Clear();
                return entered;
            }

            if (!said)
                progress($"{folder}: waiting for another process, which is fetching into it");
            cancellation.WaitHandle.WaitOne(LookAgain);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Removes what a killed process left, unless one is in, or nothing may be removed.</summary>
    public static void Sweep(string folder)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            if (Directory.Exists(path) && !FilePaths.IsLink(path) && FolderLock.TryTake(path) is { } held)
                new WorkFolder(path, held).Dispose();
        }
        catch (UserException)
        {
            // Such as a folder that may only be read.
        }
    }

    public void Dispose()
    {
        Clear();
        _lock.Dispose();
        try
        {
            Directory.Delete(_path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next process is in.
        }
    }


    private void Clear()
    {
        try
        {
            if (Directory.Exists(Folder))
                Directory.Delete(Folder, recursive: true); // of a link, the link alone
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A process that was ended may still write there; the next one who enters clears it.
        }
    }
}
