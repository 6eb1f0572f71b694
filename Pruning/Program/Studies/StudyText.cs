using System.Globalization;
using System.Text;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Studies;

/// <summary>A study in plain text: table.txt.</summary>
internal static class StudyText
{
    public static string Of(StudySummary summary)
    {
        ArgumentNullException.ThrowIfNull(summary);
        var text = new StringBuilder();
        foreach (string network in summary.Groups.Select(g => g.Network).Distinct())
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{network}: mean over seeds, +- sample deviation\n{Groups(summary.Groups.Where(g => g.Network == network))}\n\n");
            text.Append(
                CultureInfo.InvariantCulture,
                $"{network}: whether budgets hold on the test images\n"
                + $"{Kept(summary.Groups.Where(g => g.Network == network))}\n\n");
            text.Append(
                CultureInfo.InvariantCulture,
                $"{network}: paired on the test images, seeds summed (McNemar)\n"
                + $"{Pairs(summary.Pairs.Where(p => p.Network == network))}\n\n");
            text.Append(
                CultureInfo.InvariantCulture,
                $"{network}: ratio against test error, * = nothing is lighter and better\n"
                + $"{Points(summary.Points.Where(p => p.Network == network))}\n\n");
        }
        text.Append(
            "mean loss: dense test accuracy minus that of the pruned network, points. 95 % interval: exact, of the share within.\n"
            + "sooner: hand-set seconds / dynamic seconds, geometric mean; "
            + "in rows of hand-set until dynamic first was as light, in the row of dynamic\n"
            + "until its search ended. with dense: dense training counted on both sides. "
            + "than best: hand-set's single best try, as if known in advance.\n"
            + "kindest: the retraining length at which dynamic is the least sooner counted in epochs "
            + "(seconds change from run to run), of those at which\n"
            + "every seed's walk found something if there are any; the row 'as light' and the last rows are compared with it.\n");
        return text.ToString();
    }

    private static TextTable Groups(IEnumerable<StudyGroup> groups)
    {
        var table = new TextTable(
            "budget", "method", "n", "ratio", "+-", "geometric", "kept %", "test %", "+-", "to dense", "seconds", "sooner", "with dense",
            "than best");
        foreach (var g in groups.Where(g => g.Method != StudyRow.DynamicAsLight || g.Kindest))
        {
            string method = g.Method switch
            {
                StudyRow.HandSet =>
                    string.Create(CultureInfo.InvariantCulture, $"hand-set, {g.Retraining} epochs{(g.Kindest ? " (kindest)" : "")}"),
                StudyRow.DynamicAsLight => "dynamic (as light)",
                _ => g.Method,
            };
            table.Add(
                Csv.Digits(g.Budget), method, Csv.Whole(g.Seeds), One(g.Ratio), One(g.RatioDeviation), One(g.RatioGeometric),
                Two(g.KeptPercent), Two(g.TestAccuracy), Two(g.TestAccuracyDeviation),
                g.ToDense.ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture), One(g.Seconds), Two(g.Sooner), Two(g.SoonerWithDense),
                Two(g.SoonerThanBest));
        }
        return table;
    }

    /// <summary>Points that test images lose on average, and the share of seeds in which they lose no more than the budget.</summary>
    private static TextTable Kept(IEnumerable<StudyGroup> groups)
    {
        var table = new TextTable("budget", "method", "n", "mean loss", "standard error", "within", "%", "95 % interval");
        foreach (var g in groups.Where(g => g.Method == StudyRow.Dynamic || (g.Method == StudyRow.HandSet && g.Kindest)))
        {
            table.Add(
                Csv.Digits(g.Budget), g.Method, Csv.Whole(g.Seeds), Two(-g.ToDense), Two(g.LossError),
                $"{Csv.Whole(g.WithinOnTest)} of {Csv.Whole(g.Seeds)}", Percent((double)g.WithinOnTest / g.Seeds),
                $"{Percent(g.ShareLow)} to {Percent(g.ShareHigh)}");
        }
        return table;
    }

    private static TextTable Pairs(IEnumerable<StudyPair> pairs)
    {
        var table = new TextTable("budget", "network", "against", "n", "lost", "gained", "z");
        foreach (var p in pairs)
            table.Add(Csv.Digits(p.Budget), p.First, p.Second, Csv.Whole(p.Seeds), Csv.Whole(p.Lost), Csv.Whole(p.Gained), Two(p.Z));
        return table;
    }

    private static TextTable Points(IEnumerable<StudyPoint> points)
    {
        var table = new TextTable("", "ratio", "test error %", "method", "budget", "retraining", "seed");
        foreach (var p in points)
        {
            table.Add(
                p.Best ? "*" : "", One(p.Ratio), Two(100 - p.TestAccuracy), p.Method, Csv.Digits(p.Budget),
                p.Retraining == 0 ? "-" : Csv.Whole(p.Retraining), Csv.Whole(p.Seed));
        }
        return table;
    }

    private static string One(double value) => double.IsFinite(value) ? value.ToString("F1", CultureInfo.InvariantCulture) : "-";
    private static string Percent(double share) => (100 * share).ToString("F0", CultureInfo.InvariantCulture);
    private static string Two(double value) => double.IsFinite(value) ? Csv.Two(value) : "-";
}
