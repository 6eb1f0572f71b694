using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Secateurs.Model;
using Secateurs.Pruning.Export;
using Tests.ModelTests;

namespace Tests.PruningTests.Export;

public sealed class CsrFilesTests
{
    [Fact]
    public void Layers_of_another_network_are_not_left_beside_these()
    {
        using var folder = new TemporaryFolder();
        CsrFiles.Write(folder.Path, PlainNetwork.Random("fc9r fc10", 1, 0, seed: 1));
        string[] before = [.. folder.Names];
        var one = PlainNetwork.Random("fc10", 1, 0, seed: 2);
        Assert.Contains("fc2.bias.npy", Refusal.Message(ErrorKind.Usage, folder.Path, () => CsrFiles.Write(folder.Path, one)));
        Assert.Equal(before, folder.Names);
        CsrFiles.Write(folder.Path, PlainNetwork.Random("fc9r fc10", 1, 0, seed: 3));
    }

    [Fact]
    public void Matrices_hold_the_live_weights_as_scipy_lays_them_out()
    {
        var model = PlainNetwork.Random("conv3@5r pool2 fc9r fc10", 0.1, 0.2, seed: 1);
        model.Weights[Array.FindIndex(model.Weights, w => w != 0)] = 0;
        using var folder = new TemporaryFolder();
        Assert.Equal(
            ["conv1.npz", "conv1.bias.npy", "fc1.npz", "fc1.bias.npy", "fc2.npz", "fc2.bias.npy"],
            CsrFiles.Write(folder.Path, model));
        foreach (var layer in model.Network.Slices)
        {
            using var zip = ZipFile.OpenRead(folder.Combine($"{layer.Name}.npz"));
            Assert.Equal("csr"u8.ToArray(), Read(zip, "format", "|S3", "()"));
            Assert.Equal([layer.BiasCount, layer.Filter.FilterSize], Cast<long>(Read(zip, "shape", "<i8", "(2,)")));
            int[] starts = Cast<int>(Read(zip, "indptr", "<i4", $"({layer.BiasCount + 1},)"));
            int count = starts[^1];
            int[] columns = Cast<int>(Read(zip, "indices", "<i4", $"({count},)"));
            float[] values = Cast<float>(Read(zip, "data", "<f4", $"({count},)"));
            var (weights, mask) = (new float[layer.WeightCount], new float[layer.WeightCount]);
            for (int row = 0; row < layer.BiasCount; row++)
                for (int i = starts[row]; i < starts[row + 1]; i++)
                {
                    int at = row * layer.Filter.FilterSize + columns[i];
                    (weights[at], mask[at]) = (values[i], 1);
                }
            Assert.Equal(model.Weights[layer.WeightOffset..(layer.WeightOffset + layer.WeightCount)], weights);
            Assert.Equal(model.Mask[layer.WeightOffset..(layer.WeightOffset + layer.WeightCount)], mask);
            Assert.Equal(
                model.Weights[layer.BiasOffset..(layer.BiasOffset + layer.BiasCount)],
                Cast<float>(Elements(File.ReadAllBytes(folder.Combine($"{layer.Name}.bias.npy")), "<f4", $"({layer.BiasCount},)")));
        }
    }

    [Fact]
    public void The_same_network_gives_the_same_bytes_at_any_time()
    {
        var model = PlainNetwork.Random("fc9r fc10", 0.1, 0, seed: 1);
        using var folder = new TemporaryFolder();
        string file = folder.Combine("fc1.npz");
        CsrFiles.Write(folder.Path, model);
        using (var zip = ZipFile.OpenRead(file))
            Assert.All(zip.Entries, e => Assert.Equal(new DateTime(1980, 1, 1), e.LastWriteTime.DateTime));
        byte[] first = File.ReadAllBytes(file);
        CsrFiles.Write(folder.Path, model);
        Assert.Equal(first, File.ReadAllBytes(file));
    }

    private static T[] Cast<T>(byte[] bytes) where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes).ToArray();

    private static byte[] Read(ZipArchive zip, string name, string type, string shape)
    {
        using var stream = zip.GetEntry($"{name}.npy")!.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return Elements(bytes.ToArray(), type, shape);
    }

    private static byte[] Elements(byte[] file, string type, string shape)
    {
        Assert.Equal([0x93, .. "NUMPY"u8, 1, 0], file[..8]);
        int length = file[8] | file[9] << 8;
        Assert.Equal(0, (10 + length) % 64);
        string header = Encoding.ASCII.GetString(file, 10, length);
        Assert.EndsWith("\n", header);
        Assert.Equal($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}", header.TrimEnd());
        return file[(10 + length)..];
    }
}
