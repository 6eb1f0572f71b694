using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Reports;

/// <summary>What pruning changed in the answers: by class, which class is taken for which, and the images that changed sides.</summary>
internal static class AnswerSections
{
    /// <summary>Classes that a matrix has room for, and images that are shown of either kind.</summary>
    private const int MostClasses = 20, MostImages = 36;

    public static void Write(ReportPage page, Evidence evidence)
    {
        Confusion before = new(evidence.Test, evidence.DenseAnswers), after = new(evidence.Test, evidence.PrunedAnswers);
        PerClass(page, before, after, evidence.Test.Shape);
        if (after.Classes <= MostClasses)
            Matrix(page, after, evidence.Test.Shape);
        Images(page, evidence);
    }

    private static void PerClass(ReportPage page, Confusion before, Confusion after, DataShape shape)
    {
        int[] classes = [.. Enumerable.Range(0, after.Classes).Where(c => after.Images(c) > 0)];
        page.Section("Class by class", "Accuracy on the test images of each class, before and after pruning.");
        page.Chart(
            "Accuracy by class", "two points a class, before and after pruning; the table below has the numbers", "",
            new Panel(
                "Test accuracy, %", "class",
                new Series("dense", Mark.Rings, 3, [.. classes.Select(c => Point(before, c))]),
                new Series("pruned", Mark.Dots, 0, [.. classes.Select(c => Point(after, c))]))
            {
                Places = [.. classes.Select(shape.NameOf)],
            });
        page.Fold("The same as a table", () => page.Table(
            ["class", "images", "dense %", "pruned %", "change", "most often taken for"],
            classes.Select(c => new[]
            {
                ReportPage.Text(shape.NameOf(c)), Csv.Whole(after.Images(c)), Csv.Two(before.Accuracy(c)), Csv.Two(after.Accuracy(c)),
                Csv.Signed(after.Accuracy(c) - before.Accuracy(c)),
                after.MostOften(c) is var (answer, count) ? ReportPage.Text(Text($"{shape.NameOf(answer)} ({count} times)")) : "",
            })));

        ChartPoint Point(Confusion confusion, int c)
        {
            string note = Text($"{shape.NameOf(c)}: {confusion.Count(c, c)} of {confusion.Images(c)} right");
            return new ChartPoint(Array.IndexOf(classes, c), confusion.Accuracy(c), Note: note);
        }
    }

    private static void Matrix(ReportPage page, Confusion after, DataShape shape)
    {
        int[] classes = [.. Enumerable.Range(0, after.Classes)];
        int most = Math.Max(1, classes.Max(l => classes.Where(a => a != l).Max(a => after.Count(l, a))));
        page.Section("What is taken for what", "Rows: what an image is. Columns: what the pruned network takes it for.");
        page.Raw("<div class=\"scroll\"><table class=\"confusion\"><thead><tr><td></td>");
        foreach (int c in classes)
            page.Raw($"<th scope=\"col\">{ReportPage.Text(shape.NameOf(c))}</th>");
        page.Raw("</tr></thead><tbody>\n");
        foreach (int label in classes)
        {
            page.Raw($"<tr><th scope=\"row\">{ReportPage.Text(shape.NameOf(label))}</th>");
            foreach (int answer in classes)
            {
                int count = after.Count(label, answer);
                page.Raw(label == answer ? Text($"<td class=\"right\">{count}</td>") : count == 0 ? "<td></td>"
                    : Text($"<td style=\"background:rgb(213 94 0/{0.08 + 0.5 * count / most:F2})\">{count}</td>"));
            }
            page.Raw("</tr>\n");
        }
        page.Raw("</tbody></table></div>\n");
    }

    private static void Images(ReportPage page, Evidence evidence)
    {
        int[] labels = evidence.Test.Labels;
        var shape = evidence.Test.Shape;
        int[] lost = [.. Where(i => evidence.DenseAnswers[i] == labels[i] && evidence.PrunedAnswers[i] != labels[i])];
        int[] gained = [.. Where(i => evidence.DenseAnswers[i] != labels[i] && evidence.PrunedAnswers[i] == labels[i])];
        page.Section("What changed sides", Text(
            $"{lost.Length} test images that the dense network had right are wrong now, {gained.Length} the other way round."));
        Row("right before, wrong now", lost, evidence.PrunedAnswers);
        Row("wrong before, right now", gained, evidence.DenseAnswers);

        string Sides(int label, int answer) => ReportPage.Text($"{shape.NameOf(label)} → {shape.NameOf(answer)}");

        IEnumerable<int> Where(Func<int, bool> condition) => Enumerable.Range(0, labels.Length).Where(condition);

        void Row(string title, int[] images, int[] wrong)
        {
            if (images.Length == 0)
                return;
            string some = images.Length > MostImages ? Text($", the first {MostImages}") : "";
            page.Note($"{title}{some}; below each: what it is, and what it was taken for");
            page.Raw("<ul class=\"digits\">\n");
            foreach (int i in images.Take(MostImages))
            {
                string alternative = Text(
                    $"test image {i}, which is {shape.NameOf(labels[i])} and was taken for {shape.NameOf(wrong[i])}");
                page.Raw($"<li>{Image(evidence.Test, i, alternative)}<span>{Sides(labels[i], wrong[i])}</span></li>\n");
            }
            page.Raw("</ul>\n");
        }
    }

    private static string Image(DataSet images, int index, string alternative)
    {
        var shape = images.Shape;
        var pixels = images.Image(index);
        var picture = new Picture(shape.Width, shape.Height);
        int area = shape.Width * shape.Height;
        for (int i = 0; i < area; i++)
        {
            if (shape.Channels == 3)
                picture.Set(i % shape.Width, i / shape.Width, (pixels[i], pixels[area + i], pixels[2 * area + i]), 1);
            else
                picture.Set(i % shape.Width, i / shape.Width, (0, 0, 0), pixels[i] / 255.0);
        }
        return picture.Image(alternative, 64.0 / shape.Width, shape.Channels == 3 ? "pixels" : "ink");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
