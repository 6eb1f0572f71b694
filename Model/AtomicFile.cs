namespace Model;

/// <summary>
/// Writes a file so that its name only ever stands for complete content: the bytes go to a temporary name in the same folder, are
/// flushed to the disk and then renamed over the target. Whatever fails, the target keeps its former content.
/// </summary>
public static class AtomicFile
{
    /// <summary>Replaces or creates <paramref name="path"/> and its folder by what <paramref name="write"/> puts into the stream.</summary>
    /// <exception cref="UserException">Failed: the disk is full, the folder may not be written, and the like. What
    /// <paramref name="write"/> throws by itself passes through, an <see cref="IOException"/> excepted, which counts as the disk's.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"'{path}' names no file", nameof(path));
        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(folder);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception error)
        {
            Remove(temporary);
            if (error is IOException or UnauthorizedAccessException)
                throw new UserException(ExitCode.Failed, $"{path}: expected a writable file, found {error.Message}", error);
            throw;
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report; this one only says that the folder is out of reach as well.
        }
    }
}
