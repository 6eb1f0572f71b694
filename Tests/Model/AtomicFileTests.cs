using Secateurs.Model;

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
        string line = Refusal.Message(ErrorKind.Failed, path, () => AtomicFile.Write(path, _ => throw new IOException("No space left")));
        Assert.EndsWith("No space left", line);
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void Refuses_a_target_that_is_a_folder()
    {
        Directory.CreateDirectory(folder.Combine("taken"));
        string path = folder.Combine("taken");
        Refusal.Message(ErrorKind.Failed, path, () => AtomicFile.Write(path, stream => stream.Write(New)));
        Assert.Equal(["taken"], folder.Names);
    }

    [Fact]
    public void A_link_stays_and_its_target_is_written()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        string target = folder.Write("target", Old), link = folder.Combine("link"), hop = folder.Combine("hop");
        File.CreateSymbolicLink(hop, "target");
        File.CreateSymbolicLink(link, "hop");
        AtomicFile.Write(link, stream => stream.Write(New));
        Assert.Equal(New, File.ReadAllBytes(target));
        Assert.NotNull(new FileInfo(link).LinkTarget);
        Assert.NotNull(new FileInfo(hop).LinkTarget);
        Assert.Equal(["hop", "link", "target"], folder.Names);
    }

    [Fact]
    public void A_link_to_nothing_makes_its_target()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        string link = folder.Combine("link");
        File.CreateSymbolicLink(link, "target");
        AtomicFile.Write(link, stream => stream.Write(New));
        Assert.Equal(New, File.ReadAllBytes(folder.Combine("target")));
        Assert.Equal("target", new FileInfo(link).LinkTarget);
    }

    [Fact]
    public void A_file_keeps_its_mode()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("no modes there");
            return;
        }
        string path = folder.Write("file", Old);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        AtomicFile.Write(path, stream =>
        {
            var temporary = new FileInfo(Assert.Single(Directory.GetFiles(folder.Path), f => f != path));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, temporary.UnixFileMode);
            stream.Write(New);
        });
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/full")]
    public void A_device_is_written_through_and_stays(string device)
    {
        Assert.SkipUnless(File.Exists(device), $"no {device}");
        string link = folder.Combine("link");
        File.CreateSymbolicLink(link, device);
        foreach (string path in (string[])[device, link])
        {
            if (device == "/dev/full")
                Refusal.Message(ErrorKind.Failed, path, () => AtomicFile.Write(path, stream => stream.Write(New)));
            else
                AtomicFile.Write(path, stream => stream.Write(New));
        }
        Assert.Equal(device, new FileInfo(link).LinkTarget);
        Assert.False(FileStatus.Of(device)!.Value.IsRegular);
    }

    [Fact]
    public async Task A_pipe_is_written_through_and_stays()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no mkfifo there");
        string pipe = folder.Combine("pipe");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        var read = Task.Run(() => File.ReadAllBytes(pipe), TestContext.Current.CancellationToken);
        AtomicFile.Write(pipe, stream => stream.Write(New));
        Assert.Equal(New, await read);
        Assert.Equal(["pipe"], folder.Names);
    }

    [Fact]
    public void What_a_killed_writer_left_goes_when_the_file_is_written_again()
    {
        string guid = new('a', 32), left = $".file.{guid}.tmp", other = $".other.{guid}.tmp";
        folder.Write(left, Old);
        folder.Write(other, Old);
        folder.Write(".file.mine.tmp", Old);
        using (new FileStream(folder.Combine($".file.{new string('b', 32)}.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            AtomicFile.Write(folder.Combine("file"), stream => stream.Write(New));
            Assert.Equal([$".file.{new string('b', 32)}.tmp", ".file.mine.tmp", other, "file"], folder.Names);
        }
        AtomicFile.Sweep(folder.Path);
        Assert.Equal([".file.mine.tmp", "file"], folder.Names);
    }

    /// <summary>A temporary name is longer than its target's, which may have 255 bytes.</summary>
    [Theory]
    [InlineData("a", 255)]
    [InlineData("ä", 127)]
    [InlineData("aä", 85)]
    [InlineData("😀", 63)]
    public void A_long_name_is_written_and_swept_like_a_short_one(string text, int count)
    {
        string name = string.Concat(Enumerable.Repeat(text, count)), path = folder.Combine(name), left = "";
        AtomicFile.Write(path, stream =>
        {
            stream.Write(Old);
            left = Assert.Single(folder.Names);
            Assert.StartsWith(left[1..^37], name);
        });
        Assert.Equal([name], folder.Names);
        folder.Write(left, Old);
        AtomicFile.Write(path, stream => stream.Write(New));
        Assert.Equal([name], folder.Names);
        Assert.Equal(New, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_name_that_no_file_can_have_is_refused_and_leaves_nothing()
    {
        string path = folder.Combine(new string('a', 300));
        Refusal.Message(ErrorKind.Failed, path, () => AtomicFile.Write(path, stream => stream.Write(New)));
        Assert.Empty(folder.Names);
    }

    /// <summary>The lock that the file is written under is still there when it has its final name.</summary>
    [Fact]
    public void A_reader_is_let_in_and_who_sweeps_is_not()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "locks bind everybody there");
        string path = folder.Combine("file");
        AtomicFile.Write(path, stream =>
        {
            stream.Write(New);
            stream.Flush();
            string temporary = folder.Combine(Assert.Single(folder.Names));
            Assert.Equal(New, File.ReadAllBytes(temporary));
            AtomicFile.Sweep(folder.Path);
            Assert.Equal(temporary, folder.Combine(Assert.Single(folder.Names)));
        });
        Assert.Equal(New, File.ReadAllBytes(path));
    }

    [Fact]
    public void Many_writers_of_one_file_leave_one_whole_one()
    {
        string path = folder.Combine("file");
        Parallel.For(0, 4, writer =>
        {
            for (int i = 0; i < 100; i++)
                AtomicFile.Write(path, stream => stream.Write([(byte)writer, (byte)writer, (byte)writer]));
        });
        byte[] content = File.ReadAllBytes(path);
        Assert.Equal([content[0], content[0], content[0]], content);
        Assert.Equal(["file"], folder.Names);
    }

    [Fact]
    public void Of_two_that_may_not_replace_the_second_is_refused()
    {
        string path = folder.Combine("file");
        AtomicFile.Write(path, stream => stream.Write(Old), replace: false);
        Assert.Equal(
            "replace",
            Refusal.Of(ErrorKind.Usage, path, () => AtomicFile.Write(path, stream => stream.Write(New), replace: false)).Parameter);
        Assert.Equal(Old, File.ReadAllBytes(path));
        Assert.Equal(["file"], folder.Names);
    }
}
