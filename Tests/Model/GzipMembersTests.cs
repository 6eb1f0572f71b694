using Secateurs.Model;
using static Tests.ModelTests.IdxFiles;

namespace Tests.ModelTests;

/// <summary>Gzip files as other tools write them, read through <see cref="Unpacked"/>.</summary>
public sealed class GzipMembersTests : IDisposable
{
    /// <summary>The empty member that ends a file of bgzip, from the SAM specification, 4.1.2.</summary>
    private static readonly byte[] BgzipEnd = Convert.FromHexString("1f8b08040000000000ff0600424302001b0003000000000000000000");

    private static readonly byte[] Content = Noise(30);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void All_members_are_read_empty_ones_too()
    {
        Assert.Equal(Content, Read(Gzip(Content[..16]), Gzip(Content[16..])));
        Assert.Equal(Content, Read(BgzipEnd, Gzip(Content[..9]), BgzipEnd, BgzipEnd, Gzip(Content[9..])));
        Assert.Equal(Content, Read([.. Content.Chunk(700).Select(Gzip), BgzipEnd]));
        Assert.Empty(Read(BgzipEnd));
    }

    /// <summary>The decoder reads blocks of 8 KB: a member may end at any place of one, or its trailer lie across two.</summary>
    [Fact]
    public void A_member_may_end_anywhere()
    {
        byte[] rest = Gzip(Content[..100]);
        for (int length = 8100; length < 8230; length++)
            Assert.Equal([.. Content[..length], .. Content[..100]], Read(Gzip(Content[..length]), rest));
    }

    [Fact]
    public void Zeros_behind_the_end_are_padding_and_anything_else_is_refused()
    {
        byte[] packed = Gzip(Content);
        foreach (int zeros in new[] { 1, 7, 511, 10_240 })
        {
            Assert.Equal(Content, Read(packed, new byte[zeros]));
            Refused("other bytes", packed, new byte[zeros], [1]);
        }

        Refused("other bytes", packed, [1]);
        Refused("other bytes", packed, [0x1F]);
        Refused("other bytes", packed, "garbage"u8.ToArray());
        Refused("cut off", packed, [0x1F, 0x8B]);
        Refused("cut off", packed, [0x1F, 0x8B, 8]);
    }

    [Fact]
    public void A_file_cut_at_any_byte_of_its_second_member_is_refused()
    {
        byte[] first = Gzip(Content[..50]), second = Gzip(Content[50..400]);
        for (int length = 1; length < second.Length; length++)
            Refused("", first, second[..length]);
    }

    [Fact]
    public void Wrong_checksums_and_lengths_are_found_in_every_member()
    {
        byte[] first = Gzip(Content[..50]), second = Gzip(Content[50..400]);
        for (int back = 1; back <= 8; back++)
        {
            Refused("no end", Damaged(first, back), second);
            Refused("no end", first, Damaged(second, back));
        }

        static byte[] Damaged(byte[] packed, int back)
        {
            byte[] damaged = (byte[])packed.Clone();
            damaged[^back] ^= 1;
            return damaged;
        }
    }

    [Fact]
    public void Everything_that_a_header_may_hold_is_passed_over()
    {
        byte[] body = Gzip(Content)[10..];
        byte[] extra = [3, 0, 7, 0, 8], name = [.. "a name"u8, 0], remark = [.. "a remark"u8, 0], checksum = [1, 2];
        Assert.Equal(Content, Read(Header(1), body));
        Assert.Equal(Content, Read(Header(2), checksum, body));
        Assert.Equal(Content, Read(Header(4), extra, body));
        Assert.Equal(Content, Read(Header(8), name, body));
        Assert.Equal(Content, Read(Header(16), remark, body));
        Assert.Equal(Content, Read(Header(31), extra, name, remark, checksum, body));
        Refused("flags", Header(32), body);
        Refused("cut off", Header(8), [1, 2, 3]);

        static byte[] Header(byte flags) => [0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 0, 3];
    }

    [Fact]
    public void Members_without_content_do_not_go_on_for_ever()
    {
        byte[] flood = [.. Enumerable.Repeat(BgzipEnd, 60_000).SelectMany(member => member)];
        Refused("packed bytes for 0 of content", flood, Gzip(Content));

        // So much content allows more than twice the bytes, which are many members that hold nothing.
        byte[] content = new byte[1 << 20];
        flood = [.. Enumerable.Repeat(BgzipEnd, 75_000).SelectMany(member => member)];
        Refused($"members for {content.Length} of content", Gzip(content), flood);
    }

    [Fact]
    public void Reading_can_be_broken_off_between_members()
    {
        using var stop = new CancellationTokenSource();
        using var file = new Unpacked(folder.Write("file", [.. Gzip([1]), .. BgzipEnd, .. Gzip([2])]), most: 1 << 24, stop.Token);
        Assert.Equal(1, file.Content.ReadByte());
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => file.Content.ReadByte());
    }

    private byte[] Read(params byte[][] parts)
    {
        using var file = new Unpacked(folder.Write("file", [.. parts.SelectMany(part => part)]), most: 1 << 24);
        Assert.Null(file.Length);
        using var content = new MemoryStream();
        file.Content.CopyTo(content);
        Assert.InRange(content.Length, 0, file.MostLength);
        return content.ToArray();
    }

    private void Refused(string words, params byte[][] parts) =>
        Assert.Contains(words, Assert.Throws<InvalidDataException>(() => Read(parts)).Message);
}
