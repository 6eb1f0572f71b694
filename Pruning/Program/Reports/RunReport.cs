using System.Globalization;
using System.Text.Json.Nodes;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Reports;

/// <summary>The report of a run or of a comparison.</summary>
internal static class RunReport
{
    /// <summary>The page.</summary>
    /// <param name="folder">Of a run, or of a comparison, which has two inside.</param>
    /// <param name="evidence">Its networks and what they answer; null where they are not there any more.</param>
    /// <param name="program">As a command names it.</param>
    /// <exception cref="Model.UserException">BadFile: the folder is not a run's, or one of its files is damaged.</exception>
    public static string Html(string folder, Evidence? evidence, string program)
    {
        bool compared = IsComparison(folder);
        RunRecord[] runs = compared
            ? [.. RunFolder.Sides.Select(s => RunRecord.Read(Path.Combine(folder, s)))]
            : [RunRecord.Read(folder)];
        var run = runs[^1];
        var page = new ReportPage();
        var environment = RunRecord.Json(Path.Combine(folder, RunFolder.Environment));
        string network = run.Options["network"]?.ToString() ?? "network", seed = run.Options["seed"]?.ToString() ?? "?";
        string what = $"{network}, seed {seed}, {environment["device"]}";
        string title = $"Secateurs: {network}";
        if (run.Summary is not { } summary)
        {
            page.Head(what, "This run has not come to its end", "What it measured until then is below.");
            Charts(page, runs);
        }
        else if (summary.Method == "dense")
        {
            page.Head(what, Text($"Trained to {summary.TestAccuracy:F2} % of the test images"), "A dense network, not pruned yet.");
            Charts(page, runs);
        }
        else
        {
            double budget = run.Budgets.Count > 0 ? run.Budgets[0] : 0;
            string sentence = compared && runs[0].Summary is { } byHand
                ? Headline.Of(summary, run.IsWithin, byHand, runs[0].Chosen is not null, budget)
                : Headline.Of(summary, budget, run.IsWithin);
            title = $"Secateurs: {network}, {Headline.Short(summary)}";
            string accuracy = Text($"Test accuracy {summary.TestAccuracy:F2} % instead of {summary.DenseTestAccuracy:F2} %");
            string[] parts = sentence.Split("; ");
            page.Head(what, Headline.Short(summary), parts.Length > 1 ? $"{accuracy}; {parts[1]}." : $"{accuracy}.");
            page.Figures(
            [
                ("Weights left", Text($"{summary.Kept:N0}"), Text($"of {summary.Total:N0}, {100.0 * summary.Kept / summary.Total:0.##} %")),
                ("Test accuracy", Text($"{summary.TestAccuracy:F2} %"), Text($"dense {summary.DenseTestAccuracy:F2} %")),
                (
                    "Validation accuracy", Text($"{summary.ValidationAccuracy:F2} %"),
                    Text($"dense {summary.DenseValidationAccuracy:F2} %, budget {budget} points")),
                .. Certified(summary),
                ("Time", Durations.Text(summary.PruneSeconds), $"dense training {Durations.Text(summary.DenseSeconds)}"),
            ]);
            Charts(page, runs);
            Budgets(page, run);
            Layers(page, runs);
        }
        if (evidence is not null)
        {
            NetworkPictures.Write(page, evidence);
            AnswerSections.Write(page, evidence);
        }
        FileReport.Write(page, folder);
        Judged(page, runs);
        Again(page, run.Options, environment, program, compared ? "compare" : null);
        return page.Html(title, Text($"Made by Secateurs {environment["version"]} from {Path.GetFileName(Path.GetFullPath(folder))}."));
    }

    /// <summary>Whether there are two sides.</summary>
    public static bool IsComparison(string folder) =>
        RunFolder.Sides.All(s => File.Exists(Path.Combine(folder, s, RunFolder.Iterations)));

    /// <summary>What new images lose at most, where a certificate was asked for and could be given.</summary>
    private static (string, string, string)[] Certified(SummaryRow summary) => double.IsNaN(summary.CertifiedLoss) ? [] :
    [
        ("New images lose at most", Text($"{summary.CertifiedLoss:F2}"), Text($"points, with confidence {summary.Confidence}")),
    ];

    private static void Charts(ReportPage page, RunRecord[] runs)
    {
        if (!runs.Any(r => r.Rows.Any(x => x.Kept < x.Total)))
        {
            page.Section("How it was trained");
            foreach (var panel in Curves.Course(runs[0]))
                page.Chart("Training", panel.Label, "", panel);
            return;
        }
        page.Section("Accuracy against lightness");
        page.Chart(
            "Accuracy against lightness", "every judged network, its interval, the dense one, the budget, and the chosen one in a ring",
            "Each point is a network; its bar is twice the standard error of its difference to the dense one. Hollow ones were looked at "
            + "in passing, filled ones retrained until their learning rate was zero. The ring is the network that was chosen.",
            Curves.Accuracy(runs));
        page.Section("How long it took");
        page.Chart("Lightness over time", "when networks of which lightness were there", "", Curves.Time(runs));
    }

    /// <summary>Where several were asked for, each in a folder of its own.</summary>
    private static void Budgets(ReportPage page, RunRecord run)
    {
        var others = run.Budgets.Skip(1).Select(b => (Budget: b, File: Path.Combine(run.Folder, RunFolder.DropName(b), RunFolder.Summary)))
            .Where(b => File.Exists(b.File)).ToArray();
        if (others.Length == 0)
            return;
        page.Section("Other budgets", "One search served several budgets.");
        page.Table(
            ["budget, points", "times lighter", "test accuracy %", "validation accuracy %", "time"],
            others.Select(o => (o.Budget, RunRecord.Summaries(o.File)[0])).Prepend((run.Budgets[0], run.Summary!)).Select(o => new[]
            {
                Csv.Digits(o.Item1), Text($"{o.Item2.Ratio:F1}"), Csv.Two(o.Item2.TestAccuracy), Csv.Two(o.Item2.ValidationAccuracy),
                Durations.Text(o.Item2.PruneSeconds),
            }),
            best: i => i == 0);
    }

    private static void Layers(ReportPage page, RunRecord[] runs)
    {
        var layers = runs.Select(r => (Run: r, Rows: LayersOf(r))).Where(l => l.Rows.Count > 0).ToArray();
        if (layers.Length == 0)
            return;
        page.Section("Layer by layer", "The share of each layer's weights that is left.");
        bool compared = layers.Length > 1;
        page.Table(
            ["layer", "weights", .. layers.Select(l => compared ? $"{l.Run.Summary!.Method} %" : "kept %"), ""],
            layers[^1].Rows.Select((row, i) => (IReadOnlyList<string>)
            [
                ReportPage.Text(row.Layer), Text($"{row.Total:N0}"), .. layers.Select(l => Csv.Two(100 * l.Rows[i].Density)),
                ReportPage.Bar(row.Density),
            ]));
    }

    /// <summary>The rows of layers.csv of the network that was chosen.</summary>
    private static IReadOnlyList<LayerRow> LayersOf(RunRecord run)
    {
        string path = Path.Combine(run.Folder, RunFolder.Layers);
        if (run.Chosen is not { } chosen || !File.Exists(path))
            return [];
        var all = CsvTable.ReadOrRefuse(
            path, "the layers.csv of a run", f => new LayerRow(
                int.Parse(f[0], CultureInfo.InvariantCulture), f[1], 0, 0, int.Parse(f[2], CultureInfo.InvariantCulture),
                int.Parse(f[3], CultureInfo.InvariantCulture)),
            "iteration", "layer", "kept", "total");
        return [.. all.Where(l => l.Iteration == chosen.Iteration)];
    }

    private static void Judged(ReportPage page, RunRecord[] runs)
    {
        if (!runs.Any(r => r.Judged.Any()))
            return;
        page.Section("All that was judged");
        foreach (var run in runs.Where(r => r.Judged.Any()))
        {
            RunRow[] rows = [.. run.Judged];
            page.Fold(Text($"{run.Summary?.Method ?? "networks"}: {rows.Length} networks"), () => page.Table(
                ["iteration", "phase", "times lighter", "validation %", "lost", "gained", "retrained, epochs", "time"],
                rows.Select(r => new[]
                {
                    Csv.Whole(r.Iteration), ReportPage.Text(r.Phase), Text($"{r.Lighter:F1}"), Csv.Two(r.Accuracy), Csv.Whole(r.Lost),
                    Csv.Whole(r.Gained), Csv.Short(r.Annealed), Durations.Text(r.Seconds - run.Begin),
                }),
                i => rows[i] == run.Chosen));
        }
    }

    private static void Again(ReportPage page, JsonObject options, JsonObject environment, string program, string? verb)
    {
        var all = options.DeepClone().AsObject();
        if (verb is not null)
            all["verb"] = verb;
        page.Section("The same again");
        page.Code(Repeat.Command(all, program));
        page.Note(
            "The same seed on the same device gives the same bits. This run: "
            + string.Join(", ", environment.Where(e => e.Value is not null).Select(e => $"{e.Key.Replace('_', ' ')} {e.Value}")) + ".");
        page.Fold("All options", () => page.Code(options.ToJsonString(Terminal.Json)));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
