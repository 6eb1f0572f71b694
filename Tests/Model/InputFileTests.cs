using System.Diagnostics;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class InputFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_pipe_gives_what_the_file_gives()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "named pipes of mkfifo");
        byte[] content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i == 8 ? '{' : i % 251))];
        string file = _folder.Write("file", content), pipe = _folder.Combine("pipe");
        using (var mkfifo = Process.Start("mkfifo", [pipe]))
            mkfifo.WaitForExit();
        var writer = Task.Run(() => File.WriteAllBytes(pipe, content), TestContext.Current.CancellationToken);
        foreach (string path in (string[])[file, pipe])
        {
            using var stream = InputFile.Open(path, "a file");
            byte[] read = new byte[stream.Length];
            stream.ReadExactly(read);
            Assert.Equal(content, read);
            Assert.Equal(0, stream.Read(read));
        }
        await writer;
    }

    [Fact]
    public void What_does_not_end_is_read_no_further_than_it_may_be_a_model()
    {
        Assert.SkipUnless(File.Exists("/dev/zero"), "devices of Unix");
        using (var zeros = InputFile.Open("/dev/zero", "a file"))
            Assert.InRange(zeros.Length, ForeignFile.StartLength, 1 << 20);
        Refusal.Message(ErrorKind.BadFile, "/dev/zero", () => SafeTensors.Read("/dev/zero"));
        using var nothing = InputFile.Open("/dev/null", "a file");
        Assert.Equal(0, nothing.Length);
    }

    [Fact]
    public void What_is_no_file_is_refused()
    {
        string absent = _folder.Combine("absent"), inside = Path.Combine(_folder.Write("file", [1]), "inside");
        Refusal.Message(ErrorKind.BadFile, absent, () => InputFile.Open(absent, "a file").Dispose());
        Refusal.Message(ErrorKind.BadFile, inside, () => InputFile.Open(inside, "a file").Dispose());
        Assert.EndsWith(
            "found a folder",
            Refusal.Message(ErrorKind.BadFile, _folder.Path, () => InputFile.Open(_folder.Path, "a file").Dispose()));
        Assert.Equal(ErrorKind.Usage, Assert.Throws<UserException>(() => InputFile.Open("", "a file").Dispose()).Kind);
    }
}
