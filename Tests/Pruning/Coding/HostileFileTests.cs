using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using Secateurs.Model;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;
using static Tests.Coding.Networks;

namespace Tests.Coding;

/// <summary>Damaged and made-up files: refused with BadFile, or a network, in bounded time; never anything else.</summary>
public class HostileFileTests
{
    private const ulong Seed = 20240612;
    private const int Mutations = 102_000, Tasks = 60;

    [Fact]
    public void Every_mutation_is_refused_or_a_network()
    {
        var files = Victims();
        var kinds = new ConcurrentDictionary<string, int>();
        int others = 0, same = 0;
        double longest = 0;
        object gate = new();
        Parallel.For(0, Tasks, task =>
        {
            var random = new Random64(Seed, (ulong)task);
            for (int i = 0; i < Mutations / Tasks; i++)
            {
                var (file, network) = files[random.NextInt(files.Count)];
                byte[] mutant = [.. file];
                for (int n = random.NextInt(3); n >= 0; n--)
                    mutant = Mutate(mutant, files[random.NextInt(files.Count)].File, random);
                bool mended = random.NextInt(4) != 0 && Mend(mutant);
                var watch = Stopwatch.StartNew();
                try
                {
                    var found = CodedFile.Decode(mutant, "mutant");
                    bool identical = Same(found, network);
                    Interlocked.Increment(ref identical ? ref same : ref others);
                    // A spliced file may be another victim as a whole; behind a stale checksum only a victim can appear.
                    string which = $"seed {Seed}, task {task}, mutation {i}";
                    Assert.True(mended || files.Any(f => Same(f.Network, found)), $"{which}: read as another network");
                    Assert.True(identical || Same(found, CodedFile.Decode(CodedFile.Encode(found, Coder.Range), which)), which);
                }
                catch (UserException error) when (error.Kind == ErrorKind.BadFile)
                {
                    Assert.StartsWith("mutant: expected ", error.Message);
                    Assert.Contains(", found ", error.Message);
                    Assert.DoesNotContain('\n', error.Message);
                    string kind = string.Concat(
                        error.Message["mutant: expected ".Length..].Split(", found")[0].Where(c => !char.IsAsciiDigit(c)));
                    kinds.AddOrUpdate(kind.StartsWith("CRC-", StringComparison.Ordinal) ? "CRC-" : kind, 1, (_, n) => n + 1);
                }
                catch (Exception error) when (error is not Xunit.Sdk.XunitException)
                {
                    Assert.Fail($"seed {Seed}, task {task}, mutation {i}: {error}");
                }
                lock (gate)
                    longest = Math.Max(longest, watch.Elapsed.TotalSeconds);
            }
        });

        foreach (var (kind, count) in kinds.OrderByDescending(k => k.Value))
            TestContext.Current.TestOutputHelper?.WriteLine($"{count,7} {kind}");
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {Seed}: {same} identical, {others} other networks, longest {longest:F2} s");
        Assert.InRange(longest, 0, 10);
        Assert.InRange(same, 1, Mutations / 10);
        Assert.InRange(others, Mutations / 100, Mutations);
        // The parser behind the checksum was really reached: each of its refusals must have been seen.
        string[] reached =
        [
            "CRC-", "format version", "more data", "the end of the file behind", "sizes and all", "bytes of text", "text in UTF-",
            "numbers below", "shared values", "finite", "zero bits in a mantissa", "negative values", "shared biases", "a bias index",
            "Huffman codes", "a complete Huffman code", "a symbol below", "distances of", "weights within a layer",
            "a live weight in each live row", "a coded network", "coder", "lists of other layers", "a network of this program",
        ];
        Assert.All(reached, part => Assert.Contains(kinds.Keys, k => k.Contains(part)));
    }

    [Fact]
    public void A_tiny_file_that_declares_the_largest_layer_is_bounded_in_time_and_memory()
    {
        int[] none = new int[CodedNetwork.MaxWeights], one = new int[CodedNetwork.MaxWeights];
        one[^1] = 1;
        var random = new Random64(Seed);
        int[][] shapes = [[4096, 4096], [1, CodedNetwork.MaxWeights], [CodedNetwork.MaxWeights, 1]];
        var watch = new Stopwatch();
        foreach (int[] shape in shapes)
        {
            foreach (var coder in Enum.GetValues<Coder>())
            {
                byte[] file = CodedFile.Encode(Single(shape, [1f], random.NextInt(2) == 0 ? none : one), coder);
                Assert.InRange(file.Length, 8, 4000);
                for (int i = 0; i < 2; i++)
                {
                    byte[] mutant = [.. file];
                    for (int at = file.Length / 2; i > 0 && at < file.Length; at++)
                        mutant[at] = (byte)random.NextInt(256);
                    Mend(mutant);
                    watch.Restart();
                    long before = GC.GetAllocatedBytesForCurrentThread();
                    try
                    {
                        CodedFile.Decode(mutant, "mutant");
                    }
                    catch (UserException error)
                    {
                        Assert.Equal(ErrorKind.BadFile, error.Kind);
                    }
                    Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);
                    Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 30);
                }
            }
        }
    }

    /// <summary>What is no network of this program, or too large a one, is refused before its layers cost anything.</summary>
    [Theory]
    [InlineData("conv9999@1p9 conv9999@1 fc10", "33554432 values in all layers")]
    [InlineData("fc9\nfc10", "network 'fc9 fc10'")]
    [InlineData("fc10", "layer fc1 (10, 784), found layer l (1, 16777216)")]
    public void A_network_that_is_none_is_refused_by_its_header(string network, string reason)
    {
        byte[] file = CodedFile.Encode(
            Single([1, CodedNetwork.MaxWeights], [1f], new int[CodedNetwork.MaxWeights]) with { Network = network },
            Coder.Range);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<UserException>(() => SharedNetwork.Decode(file, "tiny")).Message;
        Assert.Contains(reason, message);
        Assert.DoesNotContain('\n', message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private static List<(byte[] File, CodedNetwork Network)> Victims()
    {
        int[] large = [.. Enumerable.Range(0, 150).Select(i => 1 + i % 130)];
        float[] unsorted = [.. Enumerable.Range(0, 130).Select(i => MathF.Cos(i))];
        var sharedBias = Pruned("lenet-5", [[40, 9], [5, 40]], 0.5, 4, 4);
        var layers = sharedBias.Layers.Select(l => l with { Bias = [.. l.Bias.Select((_, i) => i % 3 * 0.3f)] });
        sharedBias = sharedBias with { Layers = [.. layers] };
        CodedNetwork[] networks =
        [
            new("lenet-5", []),
            Single([4, 6], [], new int[24]),
            Pruned("lenet-300-100", [[12, 49], [8, 12], [3, 8]], 0.1, 8, 1),
            Pruned("fc20r fc10 größer", [[4, 1, 3, 3], [6, 4, 3, 3], [5, 24]], 0.3, 16, 2),
            Pruned("n", [[9, 9]], 1, 3, 3),
            sharedBias,
            Single([3, 50], unsorted, large),
            Normalized(Pruned("conv4@3br conv6@3b fc10", [[4, 1, 3, 3], [6, 4, 3, 3], [5, 24]], 0.3, 16, 6)),
            Normalized(new CodedNetwork("br", [])),
            GoldenFileTests.GoldenNetwork(),
        ];
        return [.. networks.SelectMany(n => Enum.GetValues<Coder>().Select(c => (CodedFile.Encode(n, c), n))), .. GoldenFileTests.Old()];
    }

    /// <summary>
    /// Flips, sets, cuts, inserts, repeats or splices bytes; half of the places are among the first, where header and lengths are.
    /// </summary>
    private static byte[] Mutate(byte[] bytes, byte[] other, Random64 random)
    {
        if (bytes.Length == 0)
            return other;
        int at = random.NextInt(random.NextInt(2) == 0 ? Math.Min(bytes.Length, 24) : bytes.Length);
        int length = 1 + random.NextInt(Math.Min(8, bytes.Length - at));
        byte[] fresh = [.. Enumerable.Range(0, length).Select(_ => (byte)random.NextInt(256))];
        return random.NextInt(8) switch
        {
            0 or 1 => [.. bytes[..at], (byte)(bytes[at] ^ 1 << random.NextInt(8)), .. bytes[(at + 1)..]],
            2 => [.. bytes[..at], .. fresh, .. bytes[(at + length)..]],
            3 => bytes[..at],
            4 => [.. bytes[..at], .. fresh, .. bytes[at..]],
            5 => [.. bytes[..at], .. bytes[(at + length)..]],
            6 => [.. bytes[..at], .. other[Math.Min(at, other.Length)..]],
            _ => [.. bytes[..(at + length)], .. bytes[at..]],
        };
    }

    /// <summary>Makes the checksum fit again; false if the file is too short for one.</summary>
    private static bool Mend(byte[] file)
    {
        if (file.Length < 4)
            return false;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(^4), Crc32.Of(file.AsSpan(..^4)));
        return true;
    }
}
