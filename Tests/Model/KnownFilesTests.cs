using System.Security.Cryptography;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class KnownFilesTests : IDisposable
{
    private static readonly byte[] A = IdxFiles.Labels(1, 2, 3), B = IdxFiles.Labels(4, 5);

    private static readonly KnownFile[] Files = [Known("a", A), Known("b", B, "b-too")];

    private readonly TemporaryFolder folder = new();
    private readonly List<string> progress = [];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_first_source_that_has_the_files_is_the_last_one_asked()
    {
        var silent = new FakeSource("silent");
        var good = new FakeSource("good", ("a", A), ("b", B));
        var spare = new FakeSource("spare", ("a", A), ("b", B));

        Complete(silent, good, spare);

        Assert.Equal([["a", "b"]], silent.Asked);
        Assert.Equal([["a", "b"]], good.Asked);
        Assert.Empty(spare.Asked);
        AssertComplete();
        Assert.Equal(3, progress.Count); // two tries and one reason
        Assert.Contains("silent", progress[1]);
    }

    [Fact]
    public void A_complete_folder_asks_nobody_and_is_not_touched()
    {
        folder.Write("a", A);
        folder.Write("b.gz", IdxFiles.Gzip(B));
        Complete(new FakeSource("never"));
        Assert.Empty(progress);
        Assert.Equal(["a", "b.gz"], folder.Names);
    }

    [Fact]
    public void What_is_absent_is_fetched_and_the_rest_kept()
    {
        folder.Write("a", A);
        var source = new FakeSource("good", ("a", A), ("b", B));
        Complete(source);
        Assert.Equal([["b"]], source.Asked);
        AssertComplete();
    }

    /// <summary>It may be the user's own set, or half of one; nobody is asked before that is settled.</summary>
    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("b.gz")]
    [InlineData("my-b")]
    [InlineData("b-too")]
    [InlineData("x-b-too.gz")]
    public void What_is_there_and_differs_is_refused_by_name_and_left_alone(string name)
    {
        foreach (byte[] other in new[] { [], A[..^1], IdxFiles.Gzip([.. A, 0]), IdxFiles.Labels(7, 7, 7) })
        {
            string path = folder.Write(name, other);
            var source = new FakeSource("good", ("a", A), ("b", B));
            var error = Refusal.Of(ErrorKind.BadData, folder.Path, () => Complete(source));
            Assert.Contains($"found another {name}, which is left alone", error.Message);
            Assert.Equal("folder", error.Parameter);
            Assert.Empty(source.Asked);
            Assert.Equal([name], folder.Names);
            Assert.Equal(other, File.ReadAllBytes(path));
        }
    }

    [Theory]
    [InlineData("a.gz")]
    [InlineData("x-a")]
    [InlineData("x-a.gz")]
    public void Copies_of_other_names_are_as_good(string name)
    {
        folder.Write(name, IdxFiles.Gzip(A));
        folder.Write("b-too", B);
        Complete(new FakeSource("never"));
        Assert.Equal(new[] { name, "b-too" }.Order(StringComparer.Ordinal), folder.Names);
    }

    [Fact]
    public void A_folder_of_the_name_is_refused_before_anything_is_fetched()
    {
        Directory.CreateDirectory(folder.Combine("b"));
        var source = new FakeSource("good", ("a", A), ("b", B));
        Assert.Contains("another b,", Refusal.Message(ErrorKind.BadData, folder.Path, () => Complete(source)));
        Assert.Empty(source.Asked);
    }

    [Fact]
    public void A_link_to_nothing_is_a_name_that_is_taken()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        File.CreateSymbolicLink(folder.Combine("a"), folder.Combine("unplugged"));
        var source = new FakeSource("good", ("a", A), ("b", B));
        Assert.Contains("another a,", Refusal.Message(ErrorKind.BadData, folder.Path, () => Complete(source)));
        Assert.Equal(["a"], folder.Names);
    }

    [Fact]
    public void Breaking_off_passes_through_and_leaves_nothing_half()
    {
        using var cancellation = new CancellationTokenSource();
        var source = new FakeSource("good", ("a", A), ("b", B)) { Before = _ => cancellation.Cancel() };
        var known = new KnownFiles(folder.Path, Files, [source]);
        Assert.Throws<OperationCanceledException>(() => known.Complete(progress.Add, cancellation.Token));
        Assert.Single(progress);
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void What_one_source_lacks_the_next_one_adds()
    {
        var second = new FakeSource("second", ("b", B));
        Complete(new FakeSource("first", ("a", A)), second);
        Assert.Equal([["b"]], second.Asked);
        AssertComplete();
    }

    [Fact]
    public void Content_of_another_checksum_or_length_never_gets_the_name()
    {
        byte[] flipped = (byte[])A.Clone();
        flipped[^1] ^= 1;
        foreach (byte[] wrong in new[] { flipped, A[..^1], [.. A, 0], [] })
        {
            string line = Refusal.Message(ErrorKind.BadData, folder.Path, () => Complete(new FakeSource("wrong", ("a", wrong))));
            Assert.Contains("a, b missing", line);
            Assert.Contains("SHA-256", progress[^1]);
            Assert.Empty(folder.Names);
        }
    }

    [Fact]
    public void An_endless_source_is_cut_off()
    {
        var endless = new EndlessSource();
        Refusal.Message(ErrorKind.BadData, folder.Path, () => Complete(endless));
        Assert.InRange(endless.Given, 1, 1 << 20);
    }

    [Fact]
    public void Without_any_source_the_line_says_what_belongs_where()
    {
        folder.Write("b", B);
        var error = Refusal.Of(ErrorKind.BadData, folder.Path, () => Complete());
        Assert.Contains("expected a, b, found a missing", error.Message);
        Assert.Equal("folder", error.Parameter);
        Assert.Equal(["b"], folder.Names);
    }

    private static KnownFile Known(string name, byte[] content, params string[] otherNames) =>
        new(name, content.Length, Convert.ToHexStringLower(SHA256.HashData(content)), otherNames);

    private void Complete(params IFileSource[] sources) => new KnownFiles(folder.Path, Files, sources).Complete(progress.Add);

    private void AssertComplete()
    {
        Assert.Equal(["a", "b"], folder.Names);
        Assert.Equal(A, File.ReadAllBytes(folder.Combine("a")));
        Assert.Equal(B, File.ReadAllBytes(folder.Combine("b")));
    }

    private sealed class EndlessSource : IFileSource
    {
        public long Given { get; private set; }

        public string Name => "endless";

        public void Fetch(
            IReadOnlyList<KnownFile> files, Action<KnownFile, Stream> place, string workFolder, CancellationToken cancellation)
        {
            using var zeros = new ZeroStream();
            try
            {
                place(files[0], zeros);
            }
            finally
            {
                Given = zeros.Position;
            }
        }
    }

    private sealed class ZeroStream : MemoryStream
    {
        private long given;

        public override long Position => given;

        public override int Read(Span<byte> buffer)
        {
            given += buffer.Length;
            Assert.InRange(given, 0, 1 << 24);
            return buffer.Length;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    }
}
