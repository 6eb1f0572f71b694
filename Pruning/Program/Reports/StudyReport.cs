using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Reports;

/// <summary>The report of a study: all seeds, how far they spread, and how many keep on the test images what was asked for.</summary>
internal static class StudyReport
{
    /// <exception cref="UserException">BadFile: a file is not a study's.</exception>
    public static string Html(string folder, string program)
    {
        var rows = StudyRow.Read(Path.Combine(folder, StudyUnit.Rows));
        string answers = Path.Combine(folder, StudyUnit.Answers);
        var summary = StudySummary.Of(rows, File.Exists(answers) ? StudyAnswers.Read(answers) : []);
        var page = new ReportPage();
        string[] networks = [.. rows.Select(r => r.Network).Distinct()];
        int seeds = rows.Select(r => r.Seed).Distinct().Count();
        var (headline, lead) = Sentence(summary);
        page.Head(
            Text($"A study of {networks.Length} network{(networks.Length == 1 ? "" : "s")}, {seeds} seed{(seeds == 1 ? "" : "s")}"),
            headline, lead);
        foreach (string network in networks)
        {
            page.Section(network);
            page.Chart(
                network, "the final network of every seed, budget and method: how light it is against its test accuracy", "",
                Curves.Study(rows, network));
            Groups(page, summary, rows, network);
        }
        page.Section("Seed by seed");
        foreach (string network in networks)
            page.Fold(network, () => Seeds(page, rows, network));
        page.Section("The same again");
        page.Note($"The options of each network are in NETWORK/options.json beside this page; {program} study --help tells how to go on.");
        return page.Html("Secateurs: a study", $"Made by Secateurs from {Path.GetFileName(Path.GetFullPath(folder))}.");
    }

    /// <summary>Of the smallest budget of the first network.</summary>
    private static (string Headline, string Lead) Sentence(StudySummary summary)
    {
        var groups = summary.Groups.Where(g => g.Network == summary.Groups[0].Network && g.Budget == summary.Groups[0].Budget).ToArray();
        var best = groups.FirstOrDefault(g => g.Method == StudyRow.Dynamic) ?? groups[^1];
        string spread = double.IsFinite(best.RatioDeviation) ? Text($" ± {best.RatioDeviation:F1}") : "";
        string lost = best.ToDense > -0.005 ? "nothing lost" : Text($"{-best.ToDense:0.##} points lost");
        var byHand = best.Method == StudyRow.Dynamic ? groups.FirstOrDefault(g => g.Method == StudyRow.HandSet && g.Kindest) : null;
        string hand = byHand is { } kindest
            ? Text($"; by hand {kindest.Ratio:F1} times, {kindest.TestAccuracy:F2} %") : "";
        return (
            Text($"{best.Ratio:F1}{spread} times lighter, {lost}"),
            Text($"{best.Network}, {best.Method}, at a budget of {best.Budget} points: test accuracy {best.TestAccuracy:F2} %{hand}. ")
                + "Every seed is a training of its own: other first weights, another order, other images set aside.");
    }

    private static void Groups(ReportPage page, StudySummary summary, IReadOnlyList<StudyRow> rows, string network)
    {
        StudyGroup[] groups =
        [
            .. summary.Groups.Where(g => g.Network == network && (g.Method != StudyRow.DynamicAsLight || g.Kindest)),
        ];
        page.Table(
            ["method", "budget", "seeds", "times lighter", "±", "test %", "±", "to dense", "kept on test", "time"],
            groups.Select(g =>
            {
                var own = rows.Where(r => (r.Network, r.Method, r.Budget, r.Retraining) == (network, g.Method, g.Budget, g.Retraining))
                    .ToArray();
                int held = own.Count(r => r.DenseTest - r.Test <= g.Budget + 1e-9);
                string method = g.Method == StudyRow.HandSet ? Text($"{g.Method}, {g.Retraining} epochs") : g.Method;
                return new[]
                {
                    ReportPage.Text(method), Csv.Digits(g.Budget), Csv.Whole(g.Seeds), Text($"{g.Ratio:F1}"), Known(g.RatioDeviation, 1),
                    Csv.Two(g.TestAccuracy), Known(g.TestAccuracyDeviation, 2), Csv.Signed(g.ToDense), Text($"{held} of {own.Length}"),
                    Durations.Text(g.Seconds),
                };
            }),
            i => groups[i].Method == StudyRow.Dynamic);
        page.Note(
            "±: deviation over seeds. Kept on test: seeds whose test accuracy falls by no more than the budget, which is a promise on the "
            + "validation images.");
    }

    private static void Seeds(ReportPage page, IReadOnlyList<StudyRow> rows, string network) => page.Table(
        ["seed", "method", "budget", "times lighter", "test %", "dense %", "time"],
        rows.Where(r => r.Network == network && r.Method != StudyRow.DynamicAsLight).Select(r => new[]
        {
            Csv.Whole(r.Seed), ReportPage.Text(r.Method == StudyRow.HandSet ? Text($"{r.Method}, {r.Retraining} epochs") : r.Method),
            Csv.Digits(r.Budget), Text($"{r.Ratio:F1}"), Csv.Two(r.Test), Csv.Two(r.DenseTest), Durations.Text(r.Seconds),
        }));

    private static string Known(double value, int digits) =>
        double.IsFinite(value) ? value.ToString($"F{digits}", CultureInfo.InvariantCulture) : "-";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
