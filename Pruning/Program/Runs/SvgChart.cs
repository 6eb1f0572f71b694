using System.Globalization;
using System.Net;
using System.Text;

namespace Secateurs.Program.Runs;

/// <summary>A line of a chart; points where the value is not finite break it.</summary>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>One pair of axes. On a logarithmic axis only positive values are drawn.</summary>
internal sealed record Panel(string Label, bool Logarithmic, IReadOnlyList<Series> Series);

/// <summary>
/// Line charts one below the other over a common horizontal axis, as SVG 1.1 with plain text: every browser and README shows it, no
/// font is needed to write it.
/// </summary>
internal static class SvgChart
{
    private const int Width = 760, PanelHeight = 210, Left = 78, Right = 16, Top = 44, Gap = 34, Bottom = 52;

    /// <summary>Okabe and Ito's colours, which people with colour-blindness tell apart.</summary>
    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

    public static string Draw(string title, string xLabel, params IReadOnlyList<Panel> panels)
    {
        ArgumentNullException.ThrowIfNull(panels);
        var points = panels.SelectMany(p => p.Series).SelectMany(s => s.Points).ToArray();
        var x = Axis.Linear([.. points.Select(p => p.X)]);
        int height = Top + panels.Count * (PanelHeight + Gap) - Gap + Bottom;
        var svg = new StringBuilder();
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\" ");
        svg.Append(
            "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#222\">\n"
            + "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        Text(svg, Left, 24, title, "font-size=\"15\" font-weight=\"bold\"");
        for (int i = 0; i < panels.Count; i++)
            DrawPanel(svg, panels[i], x, Top + i * (PanelHeight + Gap), last: i == panels.Count - 1);
        Text(svg, (Left + Width - Right) / 2.0, height - 14, xLabel, "text-anchor=\"middle\"");
        return svg.Append("</svg>\n").ToString();
    }

    private static void DrawPanel(StringBuilder svg, Panel panel, Axis x, double top, bool last)
    {
        double[] values = [.. panel.Series.SelectMany(s => s.Points).Select(p => p.Y).Where(v => !panel.Logarithmic || v > 0)];
        var y = panel.Logarithmic ? Axis.Log(values) : Axis.Linear(values);
        double X(double value) => Left + x.Place(value) * (Width - Left - Right);
        double Y(double value) => top + (1 - y.Place(value)) * PanelHeight;

        foreach (double tick in y.Ticks)
        {
            Line(svg, Left, Y(tick), Width - Right, Y(tick), "#e4e4e4");
            Text(svg, Left - 8, Y(tick) + 4, Label(tick), "text-anchor=\"end\"");
        }
        foreach (double tick in x.Ticks)
        {
            Line(svg, X(tick), top, X(tick), top + PanelHeight, "#e4e4e4");
            if (last)
                Text(svg, X(tick), top + PanelHeight + 17, Label(tick), "text-anchor=\"middle\"");
        }
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<rect x=\"{Left}\" y=\"{top:F1}\" width=\"{Width - Left - Right}\" height=\"{PanelHeight}\" "
            + $"fill=\"none\" stroke=\"#888\"/>\n");
        double middle = top + PanelHeight / 2.0;
        Text(
            svg, 18, middle, panel.Label,
            string.Create(CultureInfo.InvariantCulture, $"text-anchor=\"middle\" transform=\"rotate(-90 18 {middle:F1})\""));

        double legend = Left + 10;
        for (int s = 0; s < panel.Series.Count; s++)
        {
            string colour = Colours[s % Colours.Length];
            foreach (var run in Runs(panel.Series[s].Points, panel.Logarithmic))
            {
                string path = string.Join(' ', run.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.X):F1},{Y(p.Y):F1}")));
                svg.Append(
                    CultureInfo.InvariantCulture,
                    $"<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>\n");
                if (run.Count == 1)
                {
                    svg.Append(
                        CultureInfo.InvariantCulture,
                        $"<circle cx=\"{X(run[0].X):F1}\" cy=\"{Y(run[0].Y):F1}\" r=\"2.5\" fill=\"{colour}\"/>\n");
                }
            }
            // Above the panel, so that it never hides a line.
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<rect x=\"{legend:F0}\" y=\"{top - 11:F1}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\n");
            Text(svg, legend + 18, top - 5, panel.Series[s].Name, "");
            legend += 34 + 6.6 * panel.Series[s].Name.Length;
        }
    }

    /// <summary>The pieces of a line between points that cannot be drawn.</summary>
    private static IEnumerable<List<(double X, double Y)>> Runs(IReadOnlyList<(double X, double Y)> points, bool logarithmic)
    {
        var run = new List<(double X, double Y)>();
        foreach (var point in points)
        {
            if (double.IsFinite(point.Y) && (!logarithmic || point.Y > 0))
            {
                run.Add(point);
                continue;
            }
            if (run.Count > 0)
                yield return run;
            run = [];
        }
        if (run.Count > 0)
            yield return run;
    }

    private static string Label(double value) =>
        value.ToString(Math.Abs(value) is >= 1e6 or (> 0 and < 1e-4) ? "0.##e0" : "0.#####", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder svg, double x1, double y1, double x2, double y2, string colour) => svg.Append(
        CultureInfo.InvariantCulture, $"<line x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\" stroke=\"{colour}\"/>\n");

    private static void Text(StringBuilder svg, double x, double y, string text, string attributes) => svg.Append(
        CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" {attributes}>{WebUtility.HtmlEncode(text)}</text>\n");
}
