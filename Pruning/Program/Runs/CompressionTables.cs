using System.Globalization;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;

namespace Secateurs.Program.Runs;

/// <summary>What compressing brought, as Deep Compression's tables have it: compression.csv, and text for humans.</summary>
internal static class CompressionTables
{
    private const string Header =
        "layer,weights,kept,density,bits,shared_values,entries,weight_bits,gap_bits,coded_weight_bits,coded_gap_bits,han_bytes,"
        + "han_coded_bytes,file_codebook_bytes,file_position_bytes,file_index_bytes,file_bias_bytes,file_bytes,file_ratio,han_ratio,"
        + "pruning_ratio,validation_lost,validation_gained,test_before,test_after";

    /// <summary>Deep Compression's tables 1, 4 and 5: kept %, Han-style ratio, error of the dense and of the compressed network.</summary>
    private static readonly Dictionary<string, (double Kept, double Ratio, double Pruning, string Error)> Published = new()
    {
        ["lenet-300-100"] = (8, 40, 12, "1.64 -> 1.58"),
        ["lenet-5-caffe"] = (8, 39, 12, "0.80 -> 0.74"),
    };

    /// <summary>
    /// A row per layer of the network that is stored, and one of the whole file, whose weights are those of the dense network.
    /// </summary>
    public static void Write(string path, Compressed c)
    {
        var rows = new List<string[]>();
        for (int i = 0; i < c.Han.Count; i++)
        {
            var (han, size) = (c.Han[i], c.Size.Layers[i]);
            rows.Add(
            [
                han.Name, Csv.Whole(han.Weights), Csv.Whole(han.Live), Csv.Six((double)han.Live / han.Weights), Csv.Whole(c.Bits[i]),
                Csv.Whole(han.Shared), Csv.Whole(han.Entries), Csv.Whole(han.WeightBits), Csv.Whole(han.GapBits),
                Csv.Two(han.CodedWeightBits), Csv.Two(han.CodedGapBits), Bytes(han.Bits), Bytes(han.CodedBits), Bytes(size.CodebookBits),
                Bytes(size.PositionBits), Bytes(size.IndexBits), Bytes(size.BiasBits), Bytes(size.Bits), "", "", "", "", "", "", "",
            ]);
        }
        rows.Add(
            [
            "network", Csv.Whole(c.DenseWeights), Csv.Whole(c.Kept), Csv.Six((double)c.Kept / c.DenseWeights), "",
            Csv.Whole(c.Han.Sum(h => h.Shared)),
            Csv.Whole(c.Han.Sum(h => h.Entries)), "", "", "", "", Bytes(c.Han.Sum(h => h.Bits)), Bytes(c.Han.Sum(h => h.CodedBits)),
            Sum(l => l.CodebookBits), Sum(l => l.PositionBits), Sum(l => l.IndexBits), Sum(l => l.BiasBits), Csv.Whole(c.File.Length),
            Csv.Two(c.FileRatio), Csv.Two(c.HanRatio), Csv.Two(c.PruningRatio), Csv.Whole(c.Judgement.Lost), Csv.Whole(c.Judgement.Gained),
            Csv.Two(c.Before.Accuracy), Csv.Two(c.After.Accuracy),
            ]);
        CsvTable.WriteWhole(path, Header, rows);

        string Sum(Func<LayerSize, double> bits) => Bytes(c.Size.Layers.Sum(bits));
    }

    /// <summary>Per layer: weights, kept, bits before and after Huffman coding, bytes of the file.</summary>
    public static string Layers(Compressed c)
    {
        var table = new TextTable(
            "layer", "weights", "kept %", "bits", "values", "weight bits", "coded", "index bits", "coded", "Han-style bytes", "in the file",
            "positions", "indices", "biases");
        for (int i = 0; i < c.Han.Count; i++)
        {
            var (h, s) = (c.Han[i], c.Size.Layers[i]);
            table.Add(
                h.Name, Csv.Whole(h.Weights), Csv.Two(100.0 * h.Live / h.Weights), Csv.Whole(c.Bits[i]), Csv.Whole(h.Shared),
                Csv.Whole(h.WeightBits), Csv.Two(h.CodedWeightBits), Csv.Whole(h.GapBits), Csv.Two(h.CodedGapBits), Round(h.CodedBits),
                Round(s.Bits), Round(s.PositionBits), Round(s.IndexBits), Round(s.BiasBits));
        }
        return table.ToString();
    }

    /// <summary>The three accountings, beside Deep Compression's where it has the network.</summary>
    /// <param name="c">The file.</param>
    /// <param name="network">Name of the network before dead parts were dropped.</param>
    public static string Accountings(Compressed c, string network)
    {
        bool known = Published.TryGetValue(network, out var paper);
        var table = new TextTable("accounting", "dense bytes", "bytes", "ratio", "Deep Compression");
        table.Add(
            "(1) Han-style: 5-bit gaps, weight indices, codebooks, Huffman coded", Csv.Whole(4L * c.DenseWeights),
            Round(c.Han.Sum(h => h.CodedBits)), Times(c.HanRatio), known ? Times(paper.Ratio) : "-");
        table.Add("(2) the whole file", Csv.Whole(c.DenseBytes), Csv.Whole(c.File.Length), Times(c.FileRatio), "-");
        table.Add("(3) all weights / kept weights", "-", "-", Times(c.PruningRatio), known ? Times(paper.Pruning) : "-");
        string text = table.ToString();
        return known
            ? $"{text}\ntest error %: {Csv.Two(100 - c.Before.Accuracy)} -> {Csv.Two(100 - c.After.Accuracy)} here; Deep Compression, "
                + $"dense to file: {paper.Error}"
            : text;
    }

    private static string Times(double ratio) => $"{ratio.ToString("F1", CultureInfo.InvariantCulture)}x";
    private static string Bytes(double bits) => (bits / 8).ToString("F1", CultureInfo.InvariantCulture);
    private static string Round(double bits) => (bits / 8).ToString("F0", CultureInfo.InvariantCulture);
}
