using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class FileStatusTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_name_stands_for_a_file_until_another_takes_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no such call there");
        string path = _folder.Write("file", [1]);
        using var first = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        var mine = FileStatus.Of(first);
        Assert.NotNull(mine);
        // What is locked can be looked at.
        Assert.Equal((mine, mine), (FileStatus.Of(path), FileStatus.Served(path)));
        File.Delete(path);
        Assert.Equal((null, null), (FileStatus.Of(path), FileStatus.Served(path)));
        _folder.Write("file", [1]);
        var other = FileStatus.Served(path);
        Assert.NotNull(other);
        Assert.NotEqual(mine, other);
        Assert.Equal(other, FileStatus.Of(path));
    }

    [Fact]
    public void A_link_is_nothing_that_is_served()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        File.CreateSymbolicLink(_folder.Combine("link"), _folder.Write("file", [1]));
        Assert.NotNull(FileStatus.Of(_folder.Combine("link")));
        Assert.Null(FileStatus.Served(_folder.Combine("link")));
    }
}
