using System.Globalization;
using System.Net;
using System.Text;

namespace Secateurs.Program.Runs;

/// <summary>How the points of a series are drawn.</summary>
internal enum Mark
{
    /// <summary>Joined: each point follows from the one before.</summary>
    Line,

    /// <summary>Filled: networks that stand for themselves.</summary>
    Dots,

    /// <summary>Hollow: networks that were looked at in passing.</summary>
    Rings,

    /// <summary>A line across the picture at the height of the only point, with its name on it.</summary>
    Level,

    /// <summary>A large ring around a point, with its name beside it.</summary>
    Chosen,

    /// <summary>Bars from zero, each as wide as the points are apart.</summary>
    Bars,
}

/// <summary>A point of a chart.</summary>
/// <param name="X">Across.</param>
/// <param name="Y">Up; not finite where nothing is drawn, which breaks a line.</param>
/// <param name="Low">Lower end of its interval; NaN for none.</param>
/// <param name="High">Upper end.</param>
/// <param name="Note">What a pointer that rests on it reads.</param>
internal readonly record struct ChartPoint(
    double X, double Y, double Low = double.NaN, double High = double.NaN, string? Note = null);

/// <summary>What belongs together in a chart.</summary>
/// <param name="Name">For the legend.</param>
/// <param name="Mark">How it is drawn.</param>
/// <param name="Colour">Which of <see cref="SvgChart"/>'s colours.</param>
/// <param name="Points">On a logarithmic axis only positive values are drawn.</param>
internal sealed record Series(string Name, Mark Mark, int Colour, IReadOnlyList<ChartPoint> Points);

/// <summary>One pair of axes.</summary>
/// <param name="Label">Of the vertical axis.</param>
/// <param name="XLabel">Of the horizontal one.</param>
/// <param name="Series">In the order of drawing.</param>
internal sealed record Panel(string Label, string XLabel, params IReadOnlyList<Series> Series)
{
    /// <summary>Whether the vertical axis is logarithmic.</summary>
    public bool LogY { get; init; }

    /// <summary>Whether the horizontal axis is.</summary>
    public bool LogX { get; init; }

    /// <summary>What stands below x = 0, 1, 2, ...: the axis has a place for each. Null for an axis of numbers.</summary>
    public IReadOnlyList<string>? Places { get; init; }

    /// <summary>Values below are drawn at the lower edge, as triangles; NaN for none.</summary>
    public double Floor { get; init; } = double.NaN;
}

/// <summary>
/// Charts one below the other as SVG 1.1 with plain text: every browser and README shows it, no font is needed to write it. Colours are
/// classes, so that a page gives them, light or dark; a picture for itself brings its own, for both.
/// </summary>
internal static class SvgChart
{
    /// <summary>Pixels of a picture for a wide page, and for a telephone.</summary>
    public const int Wide = 760, Narrow = 343;

    /// <summary>Ink, soft ink, grid, paper, and the colours of series, after Okabe and Ito, which colour-blind people tell apart.</summary>
    private static readonly string[] Light =
        ["#1b1b1b", "#686868", "#e6e6e6", "#ffffff", "#0072b2", "#c2500a", "#00805e", "#686868", "#b3266e"];

    private static readonly string[] Dark =
        ["#ececec", "#a3a3a3", "#343434", "#161616", "#56b4e9", "#f0924c", "#3fc79b", "#a3a3a3", "#f07ab8"];

    /// <summary>The rules of all charts of a page, light and dark. No variables: not all that draws pictures knows them.</summary>
    public static string Style { get; } = Form + Colours(Light) + $"@media(prefers-color-scheme:dark){{{Colours(Dark)}}}"
        + $"@media print{{{Colours(Light)}}}";

    private const string Form =
        ".chart{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px}"
        + ".chart .line{fill:none;stroke-width:2;stroke-linejoin:round}.chart .ring{stroke-width:1.6}"
        + ".chart .span{stroke-width:1.4;opacity:.45}.chart .level{stroke-width:1.4;stroke-dasharray:6 4}"
        + ".chart .chosen{fill:none;stroke-width:2.2}.chart .halo{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}"
        + ".chart .title{font-size:16px;font-weight:600}.chart .strong{font-weight:600}";

    private static string Colours(string[] palette)
    {
        var rules = new StringBuilder();
        rules.Append(
            CultureInfo.InvariantCulture,
            $".chart text{{fill:{palette[0]}}}.chart .soft{{fill:{palette[1]}}}.chart .grid{{stroke:{palette[2]}}}"
            + $".chart .axis{{stroke:{palette[1]}}}.chart .paper,.chart .ring{{fill:{palette[3]}}}.chart .halo{{stroke:{palette[3]}}}"
            + $".chart .chosen{{stroke:{palette[0]}}}");
        for (int i = 0; i < palette.Length - 4; i++)
        {
            string colour = palette[i + 4];
            rules.Append(
                CultureInfo.InvariantCulture,
                $".chart .line.c{i},.chart .ring.c{i},.chart .span.c{i},.chart .level.c{i}{{stroke:{colour}}}"
                + $".chart .dot.c{i}{{fill:{colour}}}");
        }
        return rules.ToString();
    }

    private const int Right = 16, Gap = 30, Line = 19, Title = 34, Character = 7;

    /// <summary>A picture.</summary>
    /// <param name="title">Above it, and what it is called where it is not seen; none where empty.</param>
    /// <param name="about">What it shows, for who does not see it.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="alone">Whether it is a file of its own, which brings its colours.</param>
    /// <param name="panels">From top to bottom.</param>
    public static string Draw(string title, string about, int width, bool alone, params IReadOnlyList<Panel> panels)
    {
        ArgumentNullException.ThrowIfNull(panels);
        var body = new StringBuilder();
        double top = alone ? Title : 4;
        foreach (var panel in panels)
            top = DrawPanel(body, panel, top, width) + Gap;
        int height = (int)(top - Gap + 8);
        var svg = new StringBuilder();
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {width} {height}\" ");
        if (alone)
            svg.Append(CultureInfo.InvariantCulture, $"width=\"{width}\" height=\"{height}\" ");
        svg.Append(CultureInfo.InvariantCulture, $"role=\"img\" aria-label=\"{Encoded($"{title}: {about}")}\">\n");
        if (alone)
        {
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<style>{Style}</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n");
            Text(svg, 4, 24, title, "title", "");
        }
        return svg.Append(body).Append("</svg>\n").ToString();
    }

    /// <returns>Where the panel ends.</returns>
    private static double DrawPanel(StringBuilder svg, Panel panel, double top, int width)
    {
        var all = panel.Series.SelectMany(s => s.Points.Where(p => IsDrawn(p, panel))).ToArray();
        var across = panel.Series.Where(s => s.Mark != Mark.Level).SelectMany(s => s.Points).Where(p => IsDrawn(p, panel)).Select(p => p.X);
        bool bars = panel.Series.Any(s => s.Mark == Mark.Bars);
        double[] heights =
        [
            .. all.SelectMany(p => new[] { p.Y, p.Low, p.High }).Where(v => double.IsFinite(v) && (!panel.LogY || v > 0))
                .Select(v => double.IsNaN(panel.Floor) ? v : Math.Max(v, panel.Floor)), .. bars && !panel.LogY ? (double[])[0] : [],
        ];
        Axis x = Along([.. across], panel.LogX), y = Along(heights, panel.LogY);
        int left = 14 + Character * y.Ticks.Select(t => Label(t).Length).DefaultIfEmpty(1).Max();
        double bottom = Legend(svg, panel, top + 14, width), plot = width < 500 ? 210 : 250, floor = bottom + plot;
        double X(double value) => left + (width - left - Right)
            * (panel.Places is { Count: var places } ? (value + 0.5) / places : x.Place(value));
        double Y(double value) => bottom + (1 - y.Place(value)) * plot;

        foreach (double tick in y.Ticks)
        {
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<line class=\"grid\" x1=\"{left}\" y1=\"{Y(tick):F1}\" x2=\"{width - Right}\" y2=\"{Y(tick):F1}\"/>\n");
            Text(svg, left - 8, Y(tick) + 4, Label(tick), "soft", "text-anchor=\"end\"");
        }
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<line class=\"axis\" x1=\"{left}\" y1=\"{floor:F1}\" x2=\"{width - Right}\" y2=\"{floor:F1}\"/>\n");
        double free = double.NegativeInfinity;
        IEnumerable<(double At, string Label)> ticks = panel.Places?.Select((name, i) => ((double)i, name))
            ?? x.Ticks.Select(t => (t, Label(t)));
        foreach (var (tick, label) in ticks)
        {
            double half = Character * label.Length / 2.0, at = Math.Min(X(tick), width - half);
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<line class=\"axis\" x1=\"{X(tick):F1}\" y1=\"{floor:F1}\" x2=\"{X(tick):F1}\" y2=\"{floor + 5:F1}\"/>\n");
            if (at - half < free)
                continue;
            Text(svg, at, floor + 19, label, "soft", "text-anchor=\"middle\"");
            free = at + half + Character;
        }
        Text(svg, width - Right, floor + 38, panel.XLabel, "soft", "text-anchor=\"end\"");
        foreach (var series in panel.Series)
            DrawSeries(svg, series, panel, width, left, X, v => Y(double.IsNaN(panel.Floor) ? v : Math.Max(v, panel.Floor)), floor);
        return floor + 42;
    }

    private static void DrawSeries(
        StringBuilder svg, Series series, Panel panel, int width, int left, Func<double, double> x, Func<double, double> y, double floor)
    {
        string colour = string.Create(CultureInfo.InvariantCulture, $"c{series.Colour}");
        var points = series.Points.Where(p => IsDrawn(p, panel)).ToArray();
        if (series.Mark == Mark.Line)
        {
            foreach (var run in Runs(series.Points, panel).Where(r => r.Count > 1))
            {
                string path = string.Join(' ', run.Select(p => string.Create(CultureInfo.InvariantCulture, $"{x(p.X):F1},{y(p.Y):F1}")));
                svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"line {colour}\" points=\"{path}\"/>\n");
            }
            foreach (var run in Runs(series.Points, panel).Where(r => r.Count == 1))
                Circle(svg, x(run[0].X), y(run[0].Y), 2.5, $"dot {colour}", run[0].Note);
            return;
        }
        if (series.Mark == Mark.Level && points.Length > 0)
        {
            double at = y(points[0].Y);
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<line class=\"level {colour}\" x1=\"{left}\" y1=\"{at:F1}\" x2=\"{width - Right}\" y2=\"{at:F1}\"/>\n");
            return;
        }
        double bar = points.Length < 2 ? 8 : Math.Max(1, Math.Abs(x(points[1].X) - x(points[0].X)) - 1);
        foreach (var p in points)
        {
            double px = x(p.X), py = y(p.Y);
            if (double.IsFinite(p.Low) && double.IsFinite(p.High))
            {
                svg.Append(
                    CultureInfo.InvariantCulture,
                    $"<line class=\"span {colour}\" x1=\"{px:F1}\" y1=\"{y(p.Low):F1}\" x2=\"{px:F1}\" y2=\"{y(p.High):F1}\"/>\n");
            }
            if (series.Mark == Mark.Bars)
            {
                svg.Append(
                    CultureInfo.InvariantCulture,
                    $"<rect class=\"dot {colour}\" x=\"{px - bar / 2:F1}\" y=\"{py:F1}\" width=\"{bar:F1}\" "
                    + $"height=\"{floor - py:F1}\">{Noted(p.Note)}</rect>\n");
            }
            else if (p.Y < panel.Floor && series.Mark != Mark.Chosen)
            {
                svg.Append(
                    CultureInfo.InvariantCulture,
                    $"<path class=\"{(series.Mark == Mark.Dots ? "dot" : "ring")} {colour}\" "
                    + $"d=\"M{px - 4.5:F1},{py - 8:F1}h9l-4.5,8z\">{Noted(p.Note)}</path>\n");
            }
            else if (series.Mark == Mark.Chosen)
            {
                Circle(svg, px, py, 9, "chosen", p.Note);
                double half = Character * series.Name.Length / 2.0, middle = Math.Clamp(px, left + half, width - half);
                Text(svg, middle, py < floor - 200 ? py + 24 : py - 15, series.Name, "strong halo", "text-anchor=\"middle\"");
            }
            else
            {
                Circle(svg, px, py, series.Mark == Mark.Dots ? 4.5 : 4, $"{(series.Mark == Mark.Dots ? "dot" : "ring")} {colour}", p.Note);
            }
        }
    }

    /// <summary>The label of the axis and, below, what is what; a line that is full is followed by another.</summary>
    /// <returns>Where the plot begins.</returns>
    private static double Legend(StringBuilder svg, Panel panel, double top, int width)
    {
        Text(svg, 4, top, panel.Label, "strong", "");
        var shown = panel.Series.Where(s => s.Mark != Mark.Chosen && s.Name.Length > 0 && s.Points.Count > 0).ToArray();
        if (shown.Length == 0)
            return top + 14;
        double x = 4;
        top += Line;
        foreach (var series in shown)
        {
            double length = 22 + Character * series.Name.Length;
            if (x > 4 && x + length > width)
                (x, top) = (4, top + Line);
            string colour = string.Create(CultureInfo.InvariantCulture, $"c{series.Colour}");
            if (series.Mark is Mark.Line or Mark.Level)
            {
                svg.Append(
                    CultureInfo.InvariantCulture,
                    $"<line class=\"{(series.Mark == Mark.Line ? "line" : "level")} {colour}\" "
                    + $"x1=\"{x:F1}\" y1=\"{top - 4:F1}\" x2=\"{x + 15:F1}\" y2=\"{top - 4:F1}\"/>\n");
            }
            else
            {
                Circle(svg, x + 7, top - 4, 4, $"{(series.Mark == Mark.Rings ? "ring" : "dot")} {colour}", null);
            }
            Text(svg, x + 20, top, series.Name, "soft", "");
            x += length + 14;
        }
        return top + 14;
    }

    private static Axis Along(double[] values, bool logarithmic) => logarithmic ? Axis.Log(values) : Axis.Linear(values);

    private static bool IsDrawn(ChartPoint point, Panel panel) =>
        double.IsFinite(point.Y) && (!panel.LogY || point.Y > 0) && (!panel.LogX || point.X > 0);

    /// <summary>The pieces of a line between points that cannot be drawn.</summary>
    private static IEnumerable<List<ChartPoint>> Runs(IReadOnlyList<ChartPoint> points, Panel panel)
    {
        var run = new List<ChartPoint>();
        foreach (var point in points)
        {
            if (IsDrawn(point, panel))
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

    private static void Circle(StringBuilder svg, double x, double y, double radius, string type, string? note) => svg.Append(
        CultureInfo.InvariantCulture,
        $"<circle class=\"{type}\" cx=\"{x:F1}\" cy=\"{y:F1}\" r=\"{radius}\">{Noted(note)}</circle>\n");

    private static string Noted(string? note) => note is null ? "" : $"<title>{Encoded(note)}</title>";

    private static void Text(StringBuilder svg, double x, double y, string text, string type, string attributes) => svg.Append(
        CultureInfo.InvariantCulture, $"<text class=\"{type}\" x=\"{x:F1}\" y=\"{y:F1}\" {attributes}>{Encoded(text)}</text>\n");

    /// <summary>XML has no place for control characters.</summary>
    private static string Encoded(string text) =>
        WebUtility.HtmlEncode(string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)));
}
