using System.Security.Cryptography;

namespace Model;

/// <summary>One file that is known in advance: its name, its size in bytes and the SHA-256 of its plain content, in lower-case hex.</summary>
public sealed record KnownFile(string Name, long Length, string Sha256);

/// <summary>A place that known files can be fetched from.</summary>
public interface IFileSource
{
    /// <summary>What the user reads, such as a host name.</summary>
    string Name { get; }

    /// <summary>Hands the plain content of each file to <paramref name="place"/>, which checks and keeps it.</summary>
    /// <exception cref="IOException">The source cannot be reached or does not have a file.</exception>
    /// <exception cref="InvalidDataException">What came is not what was asked for; <paramref name="place"/> throws it too.</exception>
    void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place);
}

/// <summary>
/// A folder that shall hold known files. What is absent or differs is fetched from the first source that has it; what is there and
/// right is never touched. A file appears under its name only after its checksum held.
/// </summary>
public sealed class KnownFiles(string folder, IReadOnlyList<KnownFile> files, IReadOnlyList<IFileSource> sources)
{
    /// <summary>Completes the folder; does nothing but read where it is complete.</summary>
    /// <exception cref="UserException">BadData: no source has what is missing; the line says what and where to put it.</exception>
    public void Complete(Action<string> progress)
    {
        List<KnownFile> missing = [.. files.Where(file => !Holds(file))];
        foreach (IFileSource source in sources)
        {
            if (missing.Count == 0)
                return;
            progress($"{folder}: fetching {missing.Count} of {files.Count} files from {source.Name}");
            try
            {
                source.Fetch([.. missing], (file, content) =>
                {
                    Place(file, content);
                    missing.Remove(file);
                });
            }
            catch (Exception error) when (error is IOException or InvalidDataException)
            {
                progress($"{source.Name}: {error.Message}");
            }
        }

        if (missing.Count > 0)
        {
            throw new UserException(ExitCode.BadData, $"{folder}: expected {Names(files)}, found {Names(missing)} missing or damaged and "
                + "nowhere to fetch them; put the files there, plain or .gz, or name another folder with --data");
        }
    }

    private static string Names(IEnumerable<KnownFile> files) => string.Join(", ", files.Select(file => file.Name));

    /// <summary>Whether the folder has the file, plain or, only where there is no plain one, with the ending .gz.</summary>
    private bool Holds(KnownFile file)
    {
        string path = Path.Combine(folder, file.Name);
        if (!File.Exists(path))
            path += ".gz";
        try
        {
            using var unpacked = new Unpacked(path);
            return unpacked.Length == file.Length && Convert.ToHexStringLower(SHA256.HashData(unpacked.Content)) == file.Sha256;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Place(KnownFile file, Stream content) => AtomicFile.Write(Path.Combine(folder, file.Name), target =>
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 16];
        long length = 0;
        for (int n; length <= file.Length && (n = content.Read(buffer)) > 0; length += n)
        {
            hash.AppendData(buffer, 0, n);
            target.Write(buffer, 0, n);
        }

        string sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (sha256 != file.Sha256)
            throw new InvalidDataException($"{file.Name}: expected {file.Length} bytes with SHA-256 {file.Sha256}, found {sha256}");
    });
}
