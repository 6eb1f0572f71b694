using System.Security.Cryptography;

namespace Secateurs.Model;

/// <summary>One file that is known in advance.</summary>
/// <param name="Name">Under which it is fetched and kept.</param>
/// <param name="Length">Bytes of its plain content.</param>
/// <param name="Sha256">Of its plain content, in lower-case hex.</param>
/// <param name="OtherNames">That copies of it have.</param>
public sealed record KnownFile(string Name, long Length, string Sha256, params string[] OtherNames)
{
    public IEnumerable<string> Names => OtherNames.Prepend(Name);

    /// <summary>Whether it is kept as it comes, packed: then length and digest are those of the file itself.</summary>
    public bool AsItIs { get; init; }
}

/// <summary>A place that known files can be fetched from.</summary>
public interface IFileSource
{
    /// <summary>What the user reads, such as a host name.</summary>
    string Name { get; }

    /// <summary>Hands the plain content of each file to <paramref name="place"/>, which checks and keeps it.</summary>
    /// <param name="files">The files that are wanted.</param>
    /// <param name="place">Takes one.</param>
    /// <param name="workFolder">A folder that the source may make and leave its temporary files in; the caller removes it.</param>
    /// <param name="cancellation">Ends everything that was begun, other processes too.</param>
    /// <exception cref="IOException">The source cannot be reached or does not have a file.</exception>
    /// <exception cref="InvalidDataException">What came is not what was asked for; <paramref name="place"/> throws it too.</exception>
    void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place, string workFolder, CancellationToken cancellation);
}

/// <summary>
/// A folder that shall hold known files. What is absent is fetched from the first source that has it and appears under its name only after
/// its checksum held. What is there is never touched, right or not: a file that differs may be the user's own, and is refused by name.
/// </summary>
public sealed class KnownFiles(string folder, IReadOnlyList<KnownFile> files, IReadOnlyList<IFileSource> sources)
{
    /// <summary>Completes the folder; does nothing but read where it is complete.</summary>
    /// <exception cref="UserException">BadData: something else is there, or no source has what is missing; the line says what to do.
    /// Failed: the folder cannot be written.</exception>
    public void Complete(Action<string> progress, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(progress);
        if (Missing(cancellation).Count == 0)
        {
            WorkFolder.Sweep(folder);
            AtomicFile.Sweep(folder);
            return;
        }

        using var work = WorkFolder.Enter(folder, progress, cancellation);
        AtomicFile.Sweep(folder);
        var missing = Missing(cancellation); // another process may have been here
        foreach (IFileSource source in sources)
        {
            if (missing.Count == 0)
                return;
            progress($"{folder}: fetching {missing.Count} of {files.Count} files from {source.Name}");
            try
            {
                source.Fetch([.. missing], (file, content) =>
                {
                    Place(file, content, cancellation);
                    missing.Remove(file);
                }, work.Folder, cancellation);
            }
            catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                progress($"{source.Name}: {error.Message}");
            }
        }

        if (missing.Count > 0)
        {
            throw new UserException(ErrorKind.BadData, $"{folder}: expected {Names(files)}, found {Names(missing)} missing and "
                + "nowhere to fetch them; put the files there, plain or .gz, or name another folder")
            { Parameter = nameof(folder) };
        }
    }

    private static string Names(IEnumerable<KnownFile> files) => string.Join(", ", files.Select(file => file.Name));

    /// <summary>The files that the folder has nothing in the place of; refuses what is there and differs.</summary>
    private List<KnownFile> Missing(CancellationToken cancellation)
    {
        List<KnownFile> missing = [];
        List<string> foreign = [];
        foreach (KnownFile file in files)
        {
            if (SetFolder.Find(folder, file) is not { } path)
                missing.Add(file);
            else if (!Holds(path, file, cancellation))
                foreign.Add(Path.GetFileName(path));
        }

        return foreign.Count == 0 ? missing : throw new UserException(ErrorKind.BadData, $"{folder}: expected {Names(files)} as published, "
            + $"found another {string.Join(", ", foreign)}, which {(foreign.Count == 1 ? "is" : "are")} left alone; "
            + "move these files away to have the published ones fetched, or name your own set")
        { Parameter = nameof(folder) };
    }

    /// <summary>Whether a file is the one that is known.</summary>
    internal static bool Holds(string path, KnownFile file, CancellationToken cancellation)
    {
        try
        {
            if (file.AsItIs)
            {
                using var content = File.OpenRead(path);
                return content.Length == file.Length && Hash(content, file, Stream.Null, cancellation) == file.Sha256;
            }
            using var unpacked = new Unpacked(path, file.Length, cancellation);
            return Hash(unpacked.Content, file, Stream.Null, cancellation) == file.Sha256;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Place(KnownFile file, Stream content, CancellationToken cancellation) =>
        AtomicFile.Write(Path.Combine(folder, file.Name), target =>
        {
            string sha256 = Hash(content, file, target, cancellation);
            if (sha256 != file.Sha256)
                throw new InvalidDataException($"{file.Name}: expected {file.Length} bytes with SHA-256 {file.Sha256}, found {sha256}");
        });

    /// <summary>Copies the content and gives its SHA-256 in lower-case hex; ends soon behind the length that is expected.</summary>
    private static string Hash(Stream content, KnownFile file, Stream target, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 16];
        long length = 0;
        for (int n; length <= file.Length && (n = content.Read(buffer)) > 0; length += n)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, n);
            target.Write(buffer, 0, n);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
