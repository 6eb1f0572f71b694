using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Reports;
using Secateurs.Program.Studies;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Runs;

/// <summary>
/// The pictures of runs, drawn from their CSV files alone, so that <c>plot</c> can make them again. Networks that were judged are points;
/// lines join only what follows from each other.
/// </summary>
internal static class Curves
{
    private const int Blue = 0, Orange = 1, Grey = 3, Red = 4;

    /// <summary>A run: what it measured against how light, and how light over time; of a dense training its course.</summary>
    /// <exception cref="UserException">BadFile: the folder is not a run's.</exception>
    public static string OfRun(string folder, string title) => Alone(title, RunRecord.Read(folder));

    /// <summary>Two sides of a comparison.</summary>
    /// <exception cref="UserException">BadFile: a folder is not a run's.</exception>
    public static string OfComparison(IReadOnlyList<string> folders, string title) =>
        Alone(title, [.. folders.Select(RunRecord.Read)]);

    /// <summary>All final networks of a study, a picture below the other for each network.</summary>
    public static string OfStudy(IReadOnlyList<StudyRow> rows, string title) => SvgChart.Draw(
        title, "final networks, ratio against test accuracy", SvgChart.Wide, alone: true,
        [.. rows.Select(r => r.Network).Distinct().Select(n => Study(rows, n))]);

    /// <summary>Validation accuracy against ratio, with dense, budget, intervals and the chosen network.</summary>
    public static Panel Accuracy(params IReadOnlyList<RunRecord> runs)
    {
        double dense = runs[0].DenseAccuracy, allowed = runs[0].Budgets.DefaultIfEmpty(0).Max();
        // Far outside the budget all are alike.
        double lowest = dense - Math.Max(6 * allowed, 1);
        var series = new List<Series> { new("dense", Mark.Level, Grey, [new(1, dense)]) };
        if (runs[0].Rows.Any(r => r.IsJudged))
        {
            series.AddRange(runs[0].Budgets.Select(b => new Series(
                string.Create(CultureInfo.InvariantCulture, $"budget, {b} points"), Mark.Level, Red, [new(1, dense - b)])));
        }
        series.AddRange(runs.SelectMany(r => Points(r, Colour(r, runs), p => p.Lighter, p => p.Accuracy, true)));
        return new Panel("Validation accuracy, %", "times lighter", series) { LogX = true, Floor = lowest };
    }

    /// <summary>How light the networks are over the seconds of pruning.</summary>
    public static Panel Time(params IReadOnlyList<RunRecord> runs) => new(
        "Times lighter", "seconds of pruning and retraining",
        [.. runs.SelectMany(r => Points(r, Colour(r, runs), p => p.Seconds - r.Begin, p => p.Lighter, false))])
    {
        LogY = true,
    };

    /// <summary>Accuracy and loss, epoch by epoch.</summary>
    public static Panel[] Course(RunRecord run)
    {
        var rows = run.Rows;
        ChartPoint[] Of(Func<RunRow, double> value) => [.. rows.Select(r => new ChartPoint(r.Epoch, value(r)))];
        return
        [
            new("Validation accuracy, %", "epochs", new Series("", Mark.Line, Blue, Of(r => r.Accuracy))),
            new(
                "Loss, nats", "epochs", new Series("training", Mark.Line, Blue, Of(r => r.TrainLoss)),
                new Series("validation", Mark.Line, Orange, Of(r => r.ValidationLoss)))
            {
                LogY = true,
            },
        ];
    }

    /// <summary>The final networks of a study for one network, one colour a method.</summary>
    public static Panel Study(IReadOnlyList<StudyRow> rows, string network)
    {
        var own = rows.Where(r => r.Network == network && r.Method != StudyRow.DynamicAsLight).ToArray();
        var dense = own.Select(r => r.DenseTest).ToArray();
        return new Panel(
            $"{network}: test accuracy, %", "times lighter",
            [
                .. dense.Length == 0 ? (Series[])[] : [new Series("dense, mean of seeds", Mark.Level, Grey, [new(1, dense.Average())])],
                .. own.GroupBy(r => r.Method).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => new Series(
                    g.Key, Mark.Dots, g.Key == StudyRow.HandSet ? Orange : Blue, [.. g.Select(r => new ChartPoint(
                        r.Ratio, r.Test, Note: string.Create(
                            CultureInfo.InvariantCulture,
                            $"seed {r.Seed}, {g.Key}, budget {r.Budget}: {r.Ratio:F1} times lighter, {r.Test:F2} %")))])),
            ])
        {
            LogX = true,
        };
    }

    private static string Alone(string title, params IReadOnlyList<RunRecord> runs) =>
        runs.Any(r => r.Judged.Any() || r.Rows.Any(x => x.Kept < x.Total))
            ? SvgChart.Draw(title, "accuracy against ratio, ratio over time", SvgChart.Wide, alone: true, Accuracy(runs), Time(runs))
            : SvgChart.Draw(title, "accuracy and loss by epochs", SvgChart.Wide, alone: true, Course(runs[0]));

    /// <summary>Looks and probes hollow, retrained and annealed networks filled, the chosen one in a ring.</summary>
    private static IEnumerable<Series> Points(
        RunRecord run, int colour, Func<RunRow, double> x, Func<RunRow, double> y, bool intervals)
    {
        string name = run.Summary?.Method ?? run.Options["method"]?.ToString() ?? "pruned";
        RunRow[] rows = [.. run.Judged.DefaultIfEmpty().OfType<RunRow>()];
        if (rows.Length == 0)
            rows = [.. run.Rows.Where(r => r.Kept < r.Total)];
        ChartPoint Of(RunRow r) => intervals && r.IsJudged && r.Annealed > 0 && r.Spread(run.Images) is var spread
            ? new(x(r), y(r), r.Accuracy - spread, r.Accuracy + spread, r.Note)
            : new(x(r), y(r), Note: r.Note);
        Series looks = new($"{name}, looked at", Mark.Rings, colour, [.. rows.Where(r => r.Annealed == 0).Select(Of)]);
        if (looks.Points.Count > 0)
            yield return looks;
        yield return new Series($"{name}, retrained", Mark.Dots, colour, [.. rows.Where(r => r.Annealed > 0).Select(Of)]);
        if (run.Chosen is { } chosen)
        {
            string taken = string.Create(CultureInfo.InvariantCulture, $"{chosen.Lighter:F1}x");
            yield return new Series(taken, Mark.Chosen, colour, [new(x(chosen), y(chosen), Note: $"chosen: {chosen.Note}")]);
        }
    }

    private static int Colour(RunRecord run, IReadOnlyList<RunRecord> runs) =>
        run.Summary?.Method == HandSetPruning.MethodName || (runs.Count > 1 && run == runs[0]) ? Orange : Blue;
}
