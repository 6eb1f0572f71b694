using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Program.Runs;

/// <summary>The pictures of a run, drawn from its CSV files alone, so that <c>plot</c> can make them again.</summary>
internal static class Curves
{
    /// <summary>Accuracy, losses and density over the iterations of one run.</summary>
    /// <exception cref="UserException">BadFile: the file is not an iterations.csv.</exception>
    public static string OfRun(string iterations, string title)
    {
        var rows = Read(iterations);
        Series Of(string name, string column, double scale = 1) => new(name, [.. rows.Select(r => (r["iteration"], scale * r[column]))]);
        return SvgChart.Draw(
            title,
            "iteration",
            new Panel("accuracy, %", false, [Of("validation accuracy", "validation_accuracy")]),
            new Panel("loss, nats", true, [Of("training", "train_loss"), Of("validation", "validation_loss")]),
            new Panel("kept weights, %", true, [Of("density", "density", 100)]));
    }

    /// <summary>Several runs over time: what each keeps and what that does to accuracy.</summary>
    /// <exception cref="UserException">BadFile: a file is not an iterations.csv.</exception>
    public static string OfComparison(IReadOnlyList<(string Name, string Iterations)> runs, string title)
    {
        var all = runs.Select(r => (r.Name, Rows: Read(r.Iterations))).ToArray();
        Series[] Of(string column, double scale) =>
            [.. all.Select(r => new Series(r.Name, [.. r.Rows.Select(x => (x["elapsed_s"], scale * x[column]))]))];
        return SvgChart.Draw(
            title,
            "seconds of pruning and retraining",
            new Panel("validation accuracy, %", false, Of("validation_accuracy", 1)),
            new Panel("kept weights, %", true, Of("density", 100)));
    }

    private static IReadOnlyList<Dictionary<string, double>> Read(string path)
    {
        string[] columns = ["iteration", "elapsed_s", "train_loss", "validation_loss", "validation_accuracy", "density"];
        return CsvTable.ReadOrRefuse(
            path, "the iterations.csv of a run",
            row => columns.Zip(row, (c, f) => (c, double.Parse(f, NumberStyles.Float, CultureInfo.InvariantCulture))).ToDictionary(),
            columns);
    }
}
