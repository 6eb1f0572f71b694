namespace Model;

/// <summary>
/// The place for temporary files of whoever fetches into a folder, one process at a time: a lock file, which the system frees when its
/// holder ends however that comes about, and a folder beside it that the holder may make. What a killed run left goes when the next one
/// comes by.
/// </summary>
internal sealed class WorkFolder : IDisposable
{
    private const string Name = ".fetching", Lock = ".lock";

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(0.2);

    private readonly FileStream _lock;

    private WorkFolder(string path, FileStream held) => (Folder, _lock) = (path, held);

    /// <summary>Not there yet.</summary>
    public string Folder { get; }

    /// <summary>Waits until no other process is in, then enters with nothing left from before.</summary>
    /// <exception cref="UserException">Failed: the folder cannot be made or written.</exception>
    public static WorkFolder Enter(string folder, Action<string> progress, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            Directory.CreateDirectory(folder);
            for (bool said = false; ; said = true)
            {
                if (TryLock(path + Lock) is { } held)
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
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.Failed, $"{folder}: expected a folder that can be written, found {error.Message}", error);
        }
    }

    /// <summary>Removes what a killed process left, unless one is in, or nothing may be removed.</summary>
    public static void Sweep(string folder)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            if ((Directory.Exists(path) || File.Exists(path + Lock)) && TryLock(path + Lock) is { } held)
                new WorkFolder(path, held).Dispose();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Such as a folder that may only be read.
        }
    }

    public void Dispose()
    {
        try
        {
            Clear();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A process that was ended may still write there; the next one who enters clears it.
        }

        _lock.Dispose();
    }

    /// <summary>Null while another process holds it. Holders remove it in the end: a lock on what has no name any more is none.</summary>
    private static FileStream? TryLock(string path)
    {
        FileStream held;
        try
        {
            held = new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }

        if (File.Exists(path))
            return held;
        held.Dispose();
        return null;
    }

    private void Clear()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true); // of a link, the link alone
    }
}
