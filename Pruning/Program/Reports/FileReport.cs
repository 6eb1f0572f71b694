using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Reports;

/// <summary>The coded file of a network, where a folder has one: what each layer takes, and how small all is.</summary>
internal static class FileReport
{
    private static readonly string[] Columns =
    [
        "layer", "kept", "bits", "shared_values", "file_bytes", "file_ratio", "test_before", "test_after",
    ];

    /// <summary>The rows of compression.csv; the last one is that of the whole file. None where there is no such file.</summary>
    /// <exception cref="UserException">BadFile.</exception>
    public static IReadOnlyList<string[]> Read(string folder)
    {
        string path = Path.Combine(folder, RunFolder.Compression);
        return File.Exists(path) ? CsvTable.ReadOrRefuse(path, "the compression.csv of a coded network", f => f, Columns) : [];
    }

    /// <summary>E.g. 2,345 bytes, 454.1 times smaller than the dense network: test accuracy 98.50 % instead of 98.52 %.</summary>
    public static string Sentence(string[] whole)
    {
        ArgumentNullException.ThrowIfNull(whole);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Number(whole[4]):N0} bytes, {Number(whole[5]):F1} times smaller than the dense network: test accuracy {whole[7]} % "
            + $"instead of {whole[6]} % before");
    }

    public static void Write(ReportPage page, string folder)
    {
        if (Read(folder) is not { Count: > 1 } rows)
            return;
        page.Section("The file", $"{Headline.Capital(Sentence(rows[^1]))}. Weights of a layer share a few values.");
        double most = Math.Max(1, rows.SkipLast(1).Max(r => Number(r[4])));
        page.Table(
            ["layer", "kept weights", "bits a weight", "shared values", "bytes in the file", ""],
            rows.SkipLast(1).Select(r => new[]
            {
                ReportPage.Text(r[0]), ReportPage.Text(r[1]), ReportPage.Text(r[2]), ReportPage.Text(r[3]), ReportPage.Text(r[4]),
                ReportPage.Bar(Number(r[4]) / most),
            }));
    }

    private static double Number(string field) =>
        double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;
}
