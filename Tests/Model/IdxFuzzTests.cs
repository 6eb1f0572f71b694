using Secateurs.Model;
using static Tests.ModelTests.IdxFiles;

namespace Tests.ModelTests;

/// <summary>Damaged files, plain and gzip: each is refused with BadData or read, within the memory that its size allows.</summary>
public sealed class IdxFuzzTests : IDisposable
{
    private const ulong Seed = 20261128;

    /// <summary>A few seconds; 5,000 of each form were run once.</summary>
    private const int Mutations = 300;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("images", 0.3)]
    [InlineData("labels", 0.3)]
    [InlineData("images.gz", 0.9)]
    [InlineData("members.gz", 0.9)]
    public void Every_mutation_is_refused_or_read(string form, double refusedAtLeast)
    {
        byte[] pixels = Noise(3), images = Images(pixels), labels = Labels([.. Enumerable.Range(0, 300).Select(i => (byte)(i % 10))]);
        byte[] whole = form switch
        {
            "images" => images,
            "labels" => labels,
            "images.gz" => Gzip(images),
            _ => [.. Gzip(images[..700]), .. Gzip([]), .. Gzip(images[700..])],
        };
        var random = new Random64(Seed);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutant = whole;
            for (int n = random.NextInt(3); n >= 0; n--)
                mutant = Mutate(mutant, random);
            string path = folder.Write(form, mutant);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                byte[] read = form == "labels" ? [.. Idx.ReadLabels(path, 10).Select(l => (byte)l)] : Idx.ReadImages(path, Mnist.Shape);
                bool sound = form == "labels" ? read.Length is > 0 and < 400
                    : form == "images" ? read.Length == pixels.Length : read.AsSpan().SequenceEqual(pixels);
                Assert.True(sound, $"seed {Seed}, mutation {i} was read as other content");
            }
            catch (UserException error) when (error.Kind == ErrorKind.BadData)
            {
                Assert.DoesNotContain(error.Message, c => char.IsControl(c));
                refused++;
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {Seed}, mutation {i}: {error}");
            }

            // A count that fits the size is the only claim that memory is taken for; a gzip may hold a thousand times its size.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_200L * whole.Length + (1 << 20));
        }

        Assert.InRange(refused, (int)(refusedAtLeast * Mutations), Mutations);
    }

    /// <summary>Changes a bit or a byte, removes, inserts or repeats bytes; half of all in the first 40, where the headers are.</summary>
    private static byte[] Mutate(byte[] bytes, Random64 random)
    {
        if (bytes.Length == 0)
            return [(byte)random.NextInt(256)];
        int at = random.NextInt(random.NextInt(2) == 0 ? Math.Min(40, bytes.Length) : bytes.Length);
        int length = 1 + random.NextInt(Math.Min(8, bytes.Length - at));
        ReadOnlySpan<byte> before = bytes.AsSpan(0, at), after = bytes.AsSpan(at + length), taken = bytes.AsSpan(at, length);
        byte fresh = (byte)random.NextInt(256);
        return random.NextInt(6) switch
        {
            0 => [.. before, (byte)(taken[0] ^ (1 << random.NextInt(8))), .. bytes.AsSpan(at + 1)],
            1 => [.. before, fresh, .. bytes.AsSpan(at + 1)],
            2 => [.. before, .. after],
            3 => [.. before, fresh, .. taken, .. after],
            4 => [.. before, .. taken, .. taken, .. after],
            _ => [.. before],
        };
    }
}
