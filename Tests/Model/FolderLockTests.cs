using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class FolderLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_has_the_folder_until_it_is_given_back()
    {
        string path = _folder.Combine("a", "b");
        using (var first = FolderLock.TryTake(path))
        {
            Assert.NotNull(first);
            Assert.Null(FolderLock.TryTake(path));
            Assert.Null(FolderLock.TryTake(path));
            Assert.Equal([FolderLock.Name], Directory.GetFileSystemEntries(path).Select(Path.GetFileName));
        }
        Assert.Empty(Directory.GetFileSystemEntries(path));
        using var next = FolderLock.TryTake(path);
        Assert.NotNull(next);
    }

    [Fact]
    public void What_a_dead_process_left_is_taken_over()
    {
        _folder.Write(FolderLock.Name, []);
        using (var taken = FolderLock.TryTake(_folder.Path))
            Assert.NotNull(taken);
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void What_somebody_else_calls_so_is_left_alone()
    {
        _folder.Write(FolderLock.Name, [1]);
        Refusal.Message(ErrorKind.Failed, _folder.Path, () => FolderLock.TryTake(_folder.Path));
        Assert.Equal([FolderLock.Name], _folder.Names);
    }

    [Fact]
    public void The_folder_may_go_while_others_come()
    {
        string path = _folder.Combine("a");
        Parallel.For(0, 3, _ =>
        {
            for (int i = 0; i < 3000; i++)
            {
                using (var taken = FolderLock.TryTake(path))
                {
                    if (taken is null)
                        continue;
                }
                try
                {
                    Directory.Delete(path);
                }
                catch (IOException)
                {
                    // Another is in it.
                }
            }
        });
    }

    [Fact]
    public void Of_many_that_come_at_once_exactly_one_works_at_a_time()
    {
        int inside = 0, most = 0, entered = 0;
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 300; i++)
            {
                using var taken = FolderLock.TryTake(_folder.Path);
                if (taken is null)
                    continue;
                int now = Interlocked.Increment(ref inside);
                InterlockedMax(ref most, now);
                Interlocked.Increment(ref entered);
                Interlocked.Decrement(ref inside);
            }
        });
        Assert.Equal(1, most);
        Assert.True(entered >= 4);

        static void InterlockedMax(ref int target, int value)
        {
            for (int seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
                Interlocked.CompareExchange(ref target, value, seen);
        }
    }

    [Fact]
    public void A_link_is_not_followed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        string mine = _folder.Write("mine", [1]);
        string path = _folder.Combine("run");
        Directory.CreateDirectory(path);
        File.CreateSymbolicLink(Path.Combine(path, FolderLock.Name), mine);
        Refusal.Message(ErrorKind.Failed, path, () => FolderLock.TryTake(path));
        Assert.Equal([1], File.ReadAllBytes(mine));
    }

    [Fact]
    public void A_lock_counts_as_long_as_its_file_has_the_name()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a file that is open keeps its name there");
        string path = _folder.Write(FolderLock.Name, []);
        using var locked = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.True(FolderLock.IsNamed(locked, path));
        File.Delete(path);
        Assert.False(FolderLock.IsNamed(locked, path));
        _folder.Write(FolderLock.Name, []);
        Assert.False(FolderLock.IsNamed(locked, path));
    }

    [Fact]
    public void Giving_back_leaves_a_file_that_has_taken_the_name()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a file that is open keeps its name there");
        string path = _folder.Combine(FolderLock.Name);
        using (FolderLock.TryTake(_folder.Path))
        {
            Assert.True(File.Exists(path));
            File.Delete(path);
            _folder.Write(FolderLock.Name, []);
        }
        Assert.True(File.Exists(path));
    }

    [Fact]
    public void A_file_in_its_place_is_named() =>
        Refusal.Message(ErrorKind.Failed, _folder.Write("file", [1]), () => FolderLock.TryTake(_folder.Combine("file")));
}
