using System.Text.RegularExpressions;

namespace Secateurs.Model;

/// <summary>
/// Writes a file so that its name only ever stands for complete content: the bytes go to a temporary name in the same folder, are
/// flushed to the disk and then renamed over the target. Whatever fails, the target keeps its former content.
/// </summary>
/// <remarks>
/// A link stays and its target is written; a file that is replaced hands its permissions on; a device or a pipe gets the bytes when all are
/// there. A writer that was killed leaves a temporary file, which goes when the same file is written again (<see cref="Sweep"/>).
/// </remarks>
public static partial class AtomicFile
{
    /// <summary>A name may be swept away between its making and its locking: then another one is taken.</summary>
    private const int Tries = 5;

    /// <summary>Bytes of the target's name in a temporary one, so that this has no more than the 255 that file systems take.</summary>
    private const int MostOfName = 255 - 38;

    private static int _active;

    /// <summary>Whether a file is being written now: a process that is asked to end waits for it.</summary>
    public static bool IsActive => Volatile.Read(ref _active) > 0;

    /// <summary>Says so of several files that belong together, until the result is disposed of.</summary>
    public static IDisposable Busy() => new Activity();

    /// <summary>Replaces or creates <paramref name="path"/> and its folder by what <paramref name="write"/> puts into the stream.</summary>
    /// <param name="path">A file, a link to one, a device or a pipe.</param>
    /// <param name="write">Puts the content into a stream.</param>
    /// <param name="replace">Whether a file that is there may be replaced, be it that it came there meanwhile.</param>
    /// <exception cref="UserException">Failed: the disk is full, the folder may not be written, and the like. What
    /// <paramref name="write"/> throws by itself passes through, an <see cref="IOException"/> excepted, which counts
    /// as the disk's.</exception>
    public static void Write(string path, Action<Stream> write, bool replace = true)
    {
        ArgumentNullException.ThrowIfNull(write);
        try
        {
            string target = Target(path);
            if (FileStatus.Of(target) is { IsRegular: false } && !Directory.Exists(target))
                WriteThrough(target, write);
            else
                Replace(path, target, write, replace);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.Failed, $"{path}: expected a writable file, found {error.Message}", error);
        }
    }

    /// <summary>Whether writing would change something of a user's: whatever is there, a device or a pipe excepted.</summary>
    public static bool IsTaken(string path) => (Path.Exists(path) || FilePaths.IsLink(path))
        && (Directory.Exists(path) || FileStatus.Of(path) is null or { IsRegular: true });

    /// <summary>Removes what killed writers left of a file, or of all files of a folder, never a file that is being written.</summary>
    /// <param name="folder">Where it lies.</param>
    /// <param name="name">Of the file; null for all.</param>
    public static void Sweep(string folder, string? name = null)
    {
        try
        {
            string? start = name is null ? null : Start(name);
            foreach (string path in Directory.EnumerateFiles(folder, ".*.tmp"))
            {
                var found = Temporary().Match(Path.GetFileName(path));
                if (found.Success && (start is null || start == found.Groups[1].Value)
                    && FileStatus.Of(path) is null or { IsRegular: true } && !FilePaths.IsLink(path))
                {
                    RemoveUnused(path);
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Whoever cannot look into the folder has nothing to tidy there.
        }
    }

    /// <summary>Where writing to a path ends: the target of a link, be it there or not.</summary>
    private static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        if (!FilePaths.IsLink(full))
            return full;
        string target = File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName;
        // Links of /proc name pipes by texts that are no paths: what opens is the link itself.
        return Path.Exists(target) || FileStatus.Of(full) is null ? target : full;
    }

    private static void WriteThrough(string target, Action<Stream> write)
    {
        using var content = new MemoryStream();
        write(content);
        using var device = new FileStream(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        content.WriteTo(device);
    }

    private static void Replace(string path, string target, Action<Stream> write, bool replace)
    {
        string folder = Path.GetDirectoryName(target) ?? throw new IOException("a folder");
        Directory.CreateDirectory(folder);
        Sweep(folder, Path.GetFileName(target));
        using var busy = Busy();
        string? temporary = null;
        try
        {
            using var stream = Create(folder, Path.GetFileName(target));
            temporary = stream.Name;
            // Before the first byte, so that nobody reads what they may not.
            if (!OperatingSystem.IsWindows() && File.Exists(target))
                File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(target));
            write(stream);
            stream.Flush(flushToDisk: true);
            // Still open and locked, so that nobody sweeps it away in between.
            Move(path, temporary, target, replace);
        }
        catch
        {
            if (temporary is not null)
                RemoveUnused(temporary);
            throw;
        }
    }

    private static void Move(string path, string temporary, string target, bool replace)
    {
        try
        {
            File.Move(temporary, target, replace);
        }
        catch (IOException error) when (!replace && Path.Exists(target))
        {
            throw new UserException(ErrorKind.Usage, $"{path}: expected a new path, found one that exists", error)
            {
                Parameter = nameof(replace),
            };
        }
    }

    /// <summary>A new file of a name that nobody has, locked as long as it is open.</summary>
    private static FileStream Create(string folder, string name)
    {
        var share = Share(folder);
        for (int left = Tries; ; left--)
        {
            string path = Path.Combine(folder, $"{Start(name)}{Guid.NewGuid():N}.tmp");
            try
            {
                var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, share, bufferSize: 1 << 16);
                if (left == 0 || OperatingSystem.IsWindows() || FileStatus.Of(stream) == FileStatus.Of(path))
                    return stream;
                stream.Dispose();
            }
            catch (IOException error) when (left > 0 && FolderLock.IsHeld(error))
            {
            }
        }
    }

    /// <summary>
    /// A lock that keeps out whoever sweeps and lets readers in, since it lasts for a moment after the file has got its final name.
    /// </summary>
    private static FileShare Share(string folder)
    {
        // There the lock is not advisory, and a file can be renamed only if that is shared.
        if (OperatingSystem.IsWindows())
            return FileShare.Delete;
        // Over a network who writes can have an exclusive lock only.
        return new DriveInfo(folder).DriveType == DriveType.Network ? FileShare.None : FileShare.Read;
    }

    /// <summary>What the temporary names of a file begin with; of a long name they have the beginning only.</summary>
    private static string Start(string name)
    {
        int length = 0, bytes = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > MostOfName)
                break;
            length += rune.Utf16SequenceLength;
        }
        return $".{name[..length]}.";
    }

    /// <summary>Removes a file that no process holds open.</summary>
    private static void RemoveUnused(string path)
    {
        try
        {
            using var unused = new FileStream(
                path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // In use, or out of reach: it stays.
        }
    }

    private sealed class Activity : IDisposable
    {
        public Activity() => Interlocked.Increment(ref _active);

        public void Dispose() => Interlocked.Decrement(ref _active);
    }

    [GeneratedRegex(@"^(\..+\.)[0-9a-f]{32}\.tmp$", RegexOptions.Singleline)]
    private static partial Regex Temporary();
}
