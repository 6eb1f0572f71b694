using System.IO.Compression;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A pruned network for SciPy: for each layer NAME.npz, which <c>scipy.sparse.load_npz</c> reads as a CSR matrix of its live weights, rows
/// = output channels and columns = C R S, and NAME.bias.npy; batch normalisations are folded in (<see cref="Folding"/>). A live weight that
/// is zero is stored like any other.
/// </summary>
public static class CsrFiles
{
    /// <summary>Zip's earliest date: the same network gives the same bytes at any time.</summary>
    private static readonly DateTimeOffset NoTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes the files into a folder, each atomically.</summary>
    /// <returns>Their names.</returns>
    /// <exception cref="UserException">Failed: a file cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, Checkpoint model, bool replace = true)
    {
        model = Folding.Of(model);
        string[] wanted = [.. model.Network.Slices.SelectMany(l => new[] { $"{l.Name}.npz", $"{l.Name}.bias.npy" })];
        string? other = !Directory.Exists(folder) ? null : Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f))
            .Where(f => Path.GetExtension(f) is ".npz" or ".npy" && !wanted.Contains(f)).Order(StringComparer.Ordinal).FirstOrDefault();
        if (other is not null)
        {
            throw new UserException(
                ErrorKind.Usage,
                $"{folder}: expected a folder without files of other layers, found {other}, which this network does not replace");
        }
        var names = new List<string>();
        foreach (var layer in model.Network.Slices)
        {
            byte[] bias = NumpyArray.Of(model.Weights.AsSpan(layer.BiasOffset, layer.BiasCount));
            names.AddRange([$"{layer.Name}.npz", $"{layer.Name}.bias.npy"]);
            AtomicFile.Write(Path.Combine(folder, names[^2]), stream => WriteMatrix(stream, model, layer), replace);
            AtomicFile.Write(Path.Combine(folder, names[^1]), stream => stream.Write(bias), replace);
        }
        return names;
    }

    private static void WriteMatrix(Stream stream, Checkpoint model, LayerSlice layer)
    {
        int columns = layer.Filter.FilterSize;
        var values = new List<float>();
        var indices = new List<int>();
        var starts = new List<int> { 0 };
        for (int i = 0; i < layer.WeightCount; i++)
        {
            if (model.Mask[layer.WeightOffset + i] != 0)
            {
                values.Add(model.Weights[layer.WeightOffset + i]);
                indices.Add(i % columns);
            }
            if ((i + 1) % columns == 0)
                starts.Add(values.Count);
        }
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        Add("indices", NumpyArray.Of([.. indices]));
        Add("indptr", NumpyArray.Of([.. starts]));
        Add("format", NumpyArray.OfText("csr"));
        Add("shape", NumpyArray.Of((ReadOnlySpan<long>)[layer.BiasCount, columns]));
        Add("data", NumpyArray.Of([.. values]));

        void Add(string name, byte[] content)
        {
            var entry = zip.CreateEntry($"{name}.npy");
            entry.LastWriteTime = NoTime;
            using var file = entry.Open();
            file.Write(content);
        }
    }
}
