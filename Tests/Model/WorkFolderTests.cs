using System.Security.Cryptography;
using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>Several processes that fetch into one folder, and what a killed one leaves there.</summary>
public sealed class WorkFolderTests : IDisposable
{
    private static readonly byte[] Content = IdxFiles.Labels(1, 2, 3);

    private static readonly KnownFile[] Files = [new("a", Content.Length, Convert.ToHexStringLower(SHA256.HashData(Content)))];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Two_at_once_fetch_one_after_the_other_and_the_second_finds_all_there()
    {
        using var entered = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var slow = new FakeSource("slow", ("a", Content)) { Before = _ => { entered.Set(); go.Wait(); } };
        var second = new FakeSource("second", ("a", Content));
        var first = Task.Run(() => Complete(slow));
        Assert.True(entered.Wait(TimeSpan.FromSeconds(30)));
        List<string> said = [];
        var other = Task.Run(() => new KnownFiles(folder.Path, Files, [second]).Complete(line =>
        {
            said.Add(line);
            go.Set();
        }));
        await Task.WhenAll(first, other);
        Assert.Empty(second.Asked);
        Assert.Contains("waiting for another process", Assert.Single(said));
        AssertComplete();
    }

    [Fact]
    public void Waiting_can_be_broken_off()
    {
        using var cancellation = new CancellationTokenSource();
        using var held = WorkFolder.Enter(folder.Path, _ => { }, default);
        Assert.Throws<OperationCanceledException>(
            () => new KnownFiles(folder.Path, Files, []).Complete(_ => cancellation.Cancel(), cancellation.Token));
        Assert.Equal([".fetching"], folder.Names); // still the first one's
        Assert.Throws<OperationCanceledException>(() => WorkFolder.Enter(folder.Path, _ => { }, cancellation.Token));
    }

    [Fact]
    public void Temporary_files_of_this_and_of_killed_processes_go_and_nothing_behind_a_link()
    {
        Directory.CreateDirectory(folder.Combine(".fetching", "files", "cache"));
        folder.Write(Path.Combine(".fetching", "files", "cache", "left"), [1]);
        folder.Write(Path.Combine(".fetching", FolderLock.Name), []);
        var source = new FakeSource("good", ("a", Content))
        {
            Before = work =>
            {
                Assert.Equal(folder.Combine(".fetching", "files"), work);
                Assert.False(Directory.Exists(work));
                Directory.CreateDirectory(work);
                File.WriteAllText(Path.Combine(work, "package"), "");
            },
        };
        Complete(source);
        AssertComplete();

        Directory.CreateDirectory(folder.Combine(".fetching", "files", "killed at the very end"));
        Complete();
        AssertComplete();

        using (WorkFolder.Enter(folder.Path, _ => { }, default))
        {
            Directory.CreateDirectory(folder.Combine(".fetching", "files"));
            Complete(); // another one is in, so its folder stays
            Assert.True(Directory.Exists(folder.Combine(".fetching", "files")));
        }

        if (OperatingSystem.IsWindows())
            return;
        using var elsewhere = new TemporaryFolder();
        elsewhere.Write("precious", [1]);
        Directory.CreateSymbolicLink(folder.Combine(".fetching"), elsewhere.Path);
        File.Delete(folder.Combine("a"));
        Complete(new FakeSource("good", ("a", Content)));
        Assert.Equal(["precious"], elsewhere.Names);
        AssertComplete();
    }

    private void Complete(params IFileSource[] sources) => new KnownFiles(folder.Path, Files, sources).Complete(_ => { });

    private void AssertComplete()
    {
        Assert.Equal(["a"], folder.Names);
        Assert.Equal(Content, File.ReadAllBytes(folder.Combine("a")));
    }
}
