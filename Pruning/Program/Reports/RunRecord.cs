using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Reports;

/// <summary>A row of iterations.csv as a report needs it.</summary>
internal sealed record RunRow(
    int Iteration, string Phase, double Epoch, double Seconds, double TrainLoss, double ValidationLoss, double Accuracy, int Kept,
    int Total, bool IsJudged, double Ratio, double Annealed, int Lost, int Gained, string Decision)
{
    /// <summary>Twice the standard error of the difference to the dense network, in points of accuracy (McNemar).</summary>
    public double Spread(int images) => images > 0 ? 200 * Math.Sqrt(Lost + Gained) / images : double.NaN;

    /// <summary>Total / kept.</summary>
    public double Lighter => (double)Total / Math.Max(1, Kept);

    /// <summary>For who rests a pointer on it.</summary>
    public string Note => string.Create(
        CultureInfo.InvariantCulture,
        $"iteration {Iteration}, {Phase}{(Annealed > 0 ? $", annealed for {Annealed:0.#} epochs" : "")}: "
        + $"{Lighter:F1} times lighter, {Accuracy:F2} % of the validation images");
}

/// <summary>What stands in the folder of a run, read back for pictures and reports.</summary>
internal sealed class RunRecord
{
    private RunRecord(string folder, IReadOnlyList<RunRow> rows, IReadOnlyList<SummaryRow> summaries, JsonObject options)
    {
        (Folder, Rows, Summary, Options) = (folder, rows, summaries.Count > 0 ? summaries[0] : null, options);
        Budgets = options["max_drop"] switch
        {
            JsonArray several => [.. several.Select(v => v!.GetValue<double>())],
            JsonValue one => [one.GetValue<double>()],
            _ => [],
        };
    }

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>All that was measured.</summary>
    public IReadOnlyList<RunRow> Rows { get; }

    /// <summary>Its end; null where it has not come to it.</summary>
    public SummaryRow? Summary { get; }

    /// <summary>options.json.</summary>
    public JsonObject Options { get; }

    /// <summary>Points of validation accuracy, the smallest first.</summary>
    public IReadOnlyList<double> Budgets { get; }

    /// <summary>Images that decided: half of those that were set aside where a certificate was asked for.</summary>
    public int Images => (Options["validation"]?.GetValue<int>() ?? 0) / (Options["confidence"]?.GetValue<double>() > 0 ? 2 : 1);

    /// <summary>Those networks that were compared with the dense one.</summary>
    public IEnumerable<RunRow> Judged => Rows.Where(r => r.IsJudged);

    /// <summary>The row of the network that the run ended with; null for the dense one.</summary>
    public RunRow? Chosen => Summary is not { } s || s.Kept == s.Total ? null
        : Judged.LastOrDefault(r => r.Kept == s.Kept && Math.Abs(r.Accuracy - s.ValidationAccuracy) < 0.006);

    /// <summary>Seconds at which pruning began.</summary>
    public double Begin => Rows.LastOrDefault(r => r.Phase == "dense")?.Seconds ?? 0;

    /// <summary>Validation accuracy of the dense network; NaN where nobody says it.</summary>
    public double DenseAccuracy => Summary?.DenseValidationAccuracy
        ?? Rows.LastOrDefault(r => r.Phase == "dense")?.Accuracy ?? double.NaN;

    /// <summary>Whether the chosen network keeps to the smallest budget.</summary>
    public bool IsWithin => Chosen is { } chosen && (Images == 0 || Budgets.Count == 0
        || chosen.Lost - chosen.Gained <= Pruning.Methods.Judgement.Allowance(Budgets[0], Images));

    /// <summary>Reads a folder.</summary>
    /// <exception cref="UserException">BadFile: a file in it is not that of a run.</exception>
    public static RunRecord Read(string folder)
    {
        string summary = Path.Combine(folder, RunFolder.Summary), options = Path.Combine(folder, RunFolder.Options);
        return new RunRecord(
            folder, Iterations(Path.Combine(folder, RunFolder.Iterations)), File.Exists(summary) ? Summaries(summary) : [],
            Json(options));
    }

    /// <summary>The rows of a summary.csv.</summary>
    public static IReadOnlyList<SummaryRow> Summaries(string path) => CsvTable.ReadOrRefuse(
        path, "the summary.csv of a run",
        f => new SummaryRow(
            f[0], f[1], f[2], ulong.Parse(f[3], CultureInfo.InvariantCulture), Number(f[4]), Number(f[5]), Number(f[6]), Number(f[7]),
            Number(f[8]), Number(f[9]), Number(f[10]), Number(f[11]), Whole(f[12]), Whole(f[13]),
            f[14].Length > 0 ? Number(f[14]) : 0, f[15].Length > 0 ? Number(f[15]) : double.NaN),
        "network", "method", "device", "seed", "dense_epochs", "prune_epochs", "dense_seconds", "prune_seconds",
        "dense_validation_accuracy", "dense_test_accuracy", "validation_accuracy", "test_accuracy", "kept", "total",
        "confidence?", "certified_loss?");

    /// <summary>A JSON object; an empty one where the file is not there.</summary>
    /// <exception cref="UserException">BadFile.</exception>
    public static JsonObject Json(string path)
    {
        try
        {
            return File.Exists(path) && JsonNode.Parse(File.ReadAllBytes(path)) is JsonObject all ? all : [];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.BadFile, $"{path}: expected a JSON object, found {e.Message}", e);
        }
    }

    /// <summary>Runs before the columns of judgements were there count all that was pruned as judged.</summary>
    private static IReadOnlyList<RunRow> Iterations(string path) => CsvTable.ReadOrRefuse(
        path, "the iterations.csv of a run", f =>
        {
            int kept = Whole(f[7]), total = Whole(f[8]);
            bool told = f[10].Length > 0;
            return new RunRow(
                Whole(f[0]), f[1], Number(f[2]), Number(f[3]), Number(f[4]), Number(f[5]), Number(f[6]), kept, total, told,
                told ? Number(f[10]) : (double)total / Math.Max(1, kept), told ? Number(f[11]) : 0, told ? Whole(f[12]) : 0,
                told ? Whole(f[13]) : 0, f[9]);
        },
        "iteration", "phase", "epoch", "elapsed_s", "train_loss", "validation_loss", "validation_accuracy", "kept", "total",
        "decision?", "ratio?", "annealed?", "lost?", "gained?");

    private static double Number(string field) => double.Parse(field, NumberStyles.Float, CultureInfo.InvariantCulture);
    private static int Whole(string field) => int.Parse(field, CultureInfo.InvariantCulture);
}
