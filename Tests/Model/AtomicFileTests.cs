using Model;

namespace Tests.ModelTests;

public sealed class AtomicFileTests : IDisposable
{
    private static readonly byte[] Old = [1, 2, 3], New = [4, 5];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Creates_the_file_and_its_folder()
    {
        AtomicFile.Write(folder.Combine("a", "b", "file"), stream => stream.Write(New));
        Assert.Equal(New, File.ReadAllBytes(folder.Combine("a", "b", "file")));
        Assert.Equal(["file"], Directory.GetFileSystemEntries(folder.Combine("a", "b")).Select(Path.GetFileName));
    }

    [Fact]
    public void Shows_the_old_content_until_the_new_is_complete()
    {
        string path = folder.Write("file", Old);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(New);
            stream.Flush();
            Assert.Equal(Old, File.ReadAllBytes(path));
            Assert.Equal(2, folder.Names.Length); // the temporary file lies in the same folder, so that renaming is atomic
        });
        Assert.Equal(New, File.ReadAllBytes(path));
        Assert.Equal(["file"], folder.Names);
    }

    [Fact]
    public void Keeps_the_old_content_and_nothing_else_when_writing_fails()
    {
        string path = folder.Write("file", Old);
        Assert.Throws<InvalidDataException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(New);
            throw new InvalidDataException();
        }));
        Assert.Equal(Old, File.ReadAllBytes(path));
        Assert.Equal(["file"], folder.Names);
    }

    [Fact]
    public void Reports_a_full_disk_as_one_line()
    {
        string path = folder.Combine("file");
        string line = Refusal.Message(ExitCode.Failed, path, () => AtomicFile.Write(path, _ => throw new IOException("No space left")));
        Assert.EndsWith("No space left", line);
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void Refuses_a_target_that_is_a_folder()
    {
        Directory.CreateDirectory(folder.Combine("taken"));
        string path = folder.Combine("taken");
        Refusal.Message(ExitCode.Failed, path, () => AtomicFile.Write(path, stream => stream.Write(New)));
        Assert.Equal(["taken"], folder.Names);
    }
}
