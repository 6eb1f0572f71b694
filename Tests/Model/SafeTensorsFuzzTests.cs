using System.Text.RegularExpressions;
using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>Thousands of damaged files: each is refused with BadFile or still says what the whole one says.</summary>
public sealed partial class SafeTensorsFuzzTests : IDisposable
{
    private const ulong Seed = 20240607;
    private const int Mutations = 4000;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_mutation_is_refused_or_harmless()
    {
        string whole = folder.Combine("whole");
        SafeTensors.Write(whole,
        [
            SafeTensor.Of("a", [2, 3], [1, 2, 3, 4, 5, 6f]),
            SafeTensor.Of("b", [], [7f]),
            SafeTensor.Of("a.mask", [2, 3], new byte[] { 1, 0, 1, 1, 0, 1 }),
        ], new Dictionary<string, string> { ["network"] = "x" });
        byte[] bytes = File.ReadAllBytes(whole);
        string content = Describe(SafeTensors.Read(whole));

        var random = new Random64(Seed);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutant = bytes;
            for (int n = random.NextInt(3); n >= 0; n--)
                mutant = Mutate(mutant, random);
            string path = folder.Write("mutant", mutant);
            try
            {
                var file = SafeTensors.Read(path);
                bool signed = Digest().IsMatch(System.Text.Encoding.UTF8.GetString(mutant));
                Assert.True(!signed || Describe(file) == content, $"seed {Seed}, mutation {i} was read as other content");
            }
            catch (UserException error) when (error.Kind == ErrorKind.BadFile)
            {
                refused++;
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {Seed}, mutation {i}: {error}");
            }
        }

        Assert.InRange(refused, Mutations * 8 / 10, Mutations - 1);
    }

    /// <summary>Changes, removes, inserts or repeats bytes; half of the inserted ones have a meaning in the format.</summary>
    private static byte[] Mutate(byte[] bytes, Random64 random)
    {
        const string meaningful = "{}[]\",:0123456789-eUF\\ ";
        if (bytes.Length == 0)
            return [(byte)random.NextInt(256)];
        int at = random.NextInt(bytes.Length), length = 1 + random.NextInt(Math.Min(8, bytes.Length - at));
        byte fresh = (byte)(random.NextInt(2) == 0 ? random.NextInt(256) : meaningful[random.NextInt(meaningful.Length)]);
        ReadOnlySpan<byte> before = bytes.AsSpan(0, at), after = bytes.AsSpan(at + length), taken = bytes.AsSpan(at, length);
        return random.NextInt(5) switch
        {
            0 => [.. before, (byte)(taken[0] ^ (1 << random.NextInt(8))), .. bytes.AsSpan(at + 1)],
            1 => [.. before, fresh, .. bytes.AsSpan(at + 1)],
            2 => [.. before, .. after],
            3 => [.. before, fresh, .. taken, .. after],
            _ => [.. before, .. taken, .. taken, .. after],
        };
    }

    private static string Describe(SafeTensors file) =>
        string.Join(';', file.Metadata.Select(text => $"{text.Key}={text.Value}"))
        + string.Join(';', file.Tensors.Select(t => $"{t.Name} {t.Type} {string.Join(',', t.Shape)} {Convert.ToHexString(t.Data)}"));

    /// <summary>
    /// A file whose digest lost its name carries none, like any other library's file; then damage to data cannot be seen.
    /// </summary>
    [GeneratedRegex("\"sha256\":\"[0-9a-f]{64}\"")]
    private static partial Regex Digest();
}
