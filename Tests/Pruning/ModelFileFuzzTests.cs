using System.Buffers.Binary;
using Secateurs.Model;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Export;
using Secateurs.Pruning.Import;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>
/// Every file that a user may name as a model, damaged: refused with BadFile in a short line, or a network; in bounded memory.
/// </summary>
public sealed class ModelFileFuzzTests : IDisposable
{
    private const ulong Seed = 20261129;
    private const int MostBytes = 64 << 20;

    /// <summary>Of each kind; PRUNING_LONG=1 tries thousands.</summary>
    private static readonly int Mutations = Environment.GetEnvironmentVariable("PRUNING_LONG") == "1" ? 5000 : 300;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("checkpoint", true)]
    [InlineData("exported", true)]
    [InlineData("foreign", false)]
    [InlineData("coded", false)]
    [InlineData("onnx", false)]
    public void A_damaged_model_is_refused_or_a_network(string kind, bool hasDigest)
    {
        var model = PlainNetwork.Random("conv1@9r pool4 fc10", 0.4, 0, seed: 1);
        string path = _folder.Combine("whole");
        byte[] whole = Write(kind, path, model);
        var original = Read(kind, path);
        var random = new Random64(Seed);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutant = Mutate(
                whole, random, kind != "coded" && random.NextInt(2) == 0 ? whole.Length - 4 * model.Total : whole.Length);
            if (kind == "coded" && mutant.Length > 4)
                BinaryPrimitives.WriteUInt32LittleEndian(mutant.AsSpan(^4), Crc32.Of(mutant.AsSpan(..^4)));
            path = _folder.Write("mutant", mutant);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var found = Read(kind, path);
                bool same = found.Weights.SequenceEqual(original.Weights) && found.Mask.SequenceEqual(original.Mask);
                Assert.True(same || !hasDigest, $"seed {Seed}, {kind}, mutation {i}: another network");
            }
            catch (UserException error) when (error.Kind is ErrorKind.BadFile or ErrorKind.Usage)
            {
                Assert.InRange(error.Message.Length, 1, 1000);
                Assert.True(error.Kind == ErrorKind.BadFile || kind == "foreign", error.Message);
                refused++;
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {Seed}, {kind}, mutation {i}: {error}");
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        }
        Assert.InRange(refused, Mutations / 20, Mutations);
    }

    private static byte[] Write(string kind, string path, Checkpoint model)
    {
        if (kind == "checkpoint")
            model.Save(path);
        else if (kind == "coded")
            File.WriteAllBytes(path, CodedFile.Encode(SharedNetwork.Of(model, [.. model.Network.Slices.Select(s => new SharedWeights(
                [0.5f], [.. model.Mask.AsSpan(s.WeightOffset, s.WeightCount).ToArray().Select(m => (int)m)]))]), Coder.Range));
        else if (kind == "onnx")
            OnnxFile.Write(path, model);
        else
            TorchFile.Write(path, model);
        byte[] bytes = File.ReadAllBytes(path);
        if (kind == "foreign")
        {
            var counter = new SafeTensor("steps", TensorType.I64, [], new byte[8]);
            SafeTensors.Write(path, [.. SafeTensors.Read(path).Tensors, counter], new Dictionary<string, string>());
            // Other programs write no digest.
            bytes = File.ReadAllBytes(path);
            int at = bytes.AsSpan().IndexOf("sha256"u8);
            "md5sum"u8.CopyTo(bytes.AsSpan(at));
            File.WriteAllBytes(path, bytes);
        }
        return bytes;
    }

    private static Checkpoint Read(string kind, string path)
    {
        if (kind is "checkpoint" or "coded")
            return ModelFile.Load(path);
        if (kind == "onnx")
        {
            using var content = File.OpenRead(path);
            return OnnxNetwork.Read(path, content, pruned: true).Model;
        }
        var file = SafeTensors.Read(path);
        return TorchFile.IsOne(file) || kind == "exported" ? TorchFile.Read(file)
            : ForeignNetwork.Read(file, NetworkDescription.Parse("conv1@9r pool4 fc10"), null, pruned: false).Model;
    }

    /// <summary>One to three changes: bits, bytes, cuts, repetitions; half of them in the header.</summary>
    private static byte[] Mutate(byte[] bytes, Random64 random, int header)
    {
        byte[] mutant = [.. bytes];
        for (int n = random.NextInt(3); n >= 0 && mutant.Length > 0; n--)
        {
            int at = random.NextInt(Math.Min(Math.Max(1, header), mutant.Length));
            int length = 1 + random.NextInt(Math.Min(8, mutant.Length - at));
            mutant = random.NextInt(5) switch
            {
                0 or 1 => [.. mutant[..at], (byte)(mutant[at] ^ 1 << random.NextInt(8)), .. mutant[(at + 1)..]],
                2 => [.. mutant[..at], .. Enumerable.Range(0, length).Select(_ => (byte)random.NextInt(256)), .. mutant[(at + length)..]],
                3 => [.. mutant[..at], .. mutant[(at + length)..]],
                _ => [.. mutant[..(at + length)], .. mutant[at..]],
            };
        }
        return mutant;
    }
}
