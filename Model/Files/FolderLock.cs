namespace Secateurs.Model;

/// <summary>
/// A folder that one process works in: an exclusive lock on an empty hidden file inside, which is gone when the lock is given
/// back. The lock of a process that died is free at once; its file may stay and is taken over.
/// </summary>
public sealed class FolderLock : IDisposable
{
    /// <summary>The file's name.</summary>
    public const string Name = ".secateurs-lock";

    /// <summary>How often others may remove the folder while it is being taken.</summary>
    private const int Tries = 100;

    private readonly FileStream _file;
    private readonly string _path;

    private FolderLock(FileStream file, string path) => (_file, _path) = (file, path);

    /// <summary>Makes the folder if it is not there and takes its lock.</summary>
    /// <returns>Null where another holds it.</returns>
    /// <exception cref="UserException">Failed: the folder cannot be made or written to.</exception>
    public static FolderLock? TryTake(string folder)
    {
        try
        {
            for (int left = Tries; ; left--)
            {
                string path = Path.Combine(folder, Name);
                FileStream? file;
                try
                {
                    Directory.CreateDirectory(folder);
                    file = Open(path);
                }
                catch (IOException) when (left > 0 && !File.Exists(folder))
                {
                    // Whoever had it may just have removed it; what is wrong for good is so the last time too.
                    continue;
                }
                if (file is null)
                    return null;
                if (IsNamed(file, path))
                    return new FolderLock(file, path);
                file.Dispose();
                if (left == 0)
                    throw new IOException($"a file system that names {Name} now so, now otherwise");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.Failed, $"{folder}: expected a folder to write to, found {e.Message}", e);
        }
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        // Before it is unlocked, so that it is nobody else's.
        if (!OperatingSystem.IsWindows() && !_file.SafeFileHandle.IsClosed && IsNamed(_file, _path))
            File.Delete(_path);
        _file.Dispose();
    }

    private static FileStream? Open(string path)
    {
        if (FilePaths.IsLink(path))
            throw new IOException($"a link at {path}");
        if (FileStatus.Of(path) is { IsRegular: false } || new FileInfo(path) is { Exists: true, Length: > 0 })
            throw new IOException($"somebody else's {path}");
        try
        {
            // Unix deletes by name, which a file that is refused no longer has: it may be another's.
            return new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0,
                OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None);
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
    }

    /// <summary>
    /// Whether a locked file still has the name: it may have been given back, and the name taken anew, between opening and locking it. On
    /// NFS a file that is gone at the server has no status; a lock on it keeps nobody out.
    /// </summary>
    internal static bool IsNamed(FileStream file, string path) =>
        OperatingSystem.IsWindows() || (FileStatus.Of(file) is { } mine && FileStatus.Served(path) == mine);

    /// <summary>
    /// Whether a file could not be opened because another has it: ERROR_SHARING_VIOLATION, EWOULDBLOCK of Linux or of macOS.
    /// </summary>
    internal static bool IsHeld(IOException error) => (error.HResult & 0xFFFF) is 32 or 11 or 35;
}
