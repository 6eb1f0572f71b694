using System.Globalization;
using System.Net;
using System.Text;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Reports;

/// <summary>
/// A page of HTML in one file: no script, nothing fetched, light or dark as the reader has it. What is put in is text, unless a method
/// says that it is HTML.
/// </summary>
internal sealed class ReportPage
{
    private readonly StringBuilder _body = new();

    /// <summary>The style sheet, which the program carries.</summary>
    private static string Style
    {
        get
        {
            using var stream = typeof(ReportPage).Assembly.GetManifestResourceStream("report.css")!;
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
    }

    /// <summary>The head: what it is about in a small line, the sentence that matters, and a few lines below.</summary>
    public void Head(string what, string headline, string lead)
    {
        _body.Append(CultureInfo.InvariantCulture, $"<header>\n<p class=\"what\">{Text(what)}</p>\n<h1>{Text(headline)}</h1>\n");
        if (lead.Length > 0)
            _body.Append(CultureInfo.InvariantCulture, $"<p class=\"lead\">{Text(lead)}</p>\n");
        _body.Append("</header>\n");
    }

    /// <summary>Large numbers, each with what it is and a remark.</summary>
    public void Figures(params IEnumerable<(string Name, string Value, string Remark)> figures)
    {
        _body.Append("<dl class=\"figures\">\n");
        foreach (var (name, value, remark) in figures)
        {
            _body.Append(
                CultureInfo.InvariantCulture,
                $"<div><dt>{Text(name)}</dt><dd>{Text(value)}<small>{Text(remark)}</small></dd></div>\n");
        }
        _body.Append("</dl>\n");
    }

    /// <summary>A part of the page.</summary>
    public void Section(string title, string words = "")
    {
        _body.Append(CultureInfo.InvariantCulture, $"<h2>{Text(title)}</h2>\n");
        if (words.Length > 0)
            _body.Append(CultureInfo.InvariantCulture, $"<p>{Text(words)}</p>\n");
    }

    /// <summary>A chart, drawn for wide pages and for telephones.</summary>
    public void Chart(string title, string about, string caption, params IReadOnlyList<Panel> panels)
    {
        _body.Append(
            CultureInfo.InvariantCulture,
            $"<figure>\n<div class=\"wide\">{SvgChart.Draw(title, about, SvgChart.Wide, alone: false, panels)}</div>\n"
            + $"<div class=\"narrow\">{SvgChart.Draw(title, about, SvgChart.Narrow, alone: false, panels)}</div>\n");
        if (caption.Length > 0)
            _body.Append(CultureInfo.InvariantCulture, $"<figcaption>{Text(caption)}</figcaption>\n");
        _body.Append("</figure>\n");
    }

    /// <summary>A table; cells are HTML, see <see cref="Text"/> and <see cref="Bar"/>.</summary>
    /// <param name="header">Text.</param>
    /// <param name="rows">HTML.</param>
    /// <param name="best">Which rows stand out; null for none.</param>
    public void Table(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows, Predicate<int>? best = null)
    {
        _body.Append("<div class=\"scroll\"><table>\n<thead><tr>");
        foreach (string name in header)
            _body.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\">{Text(name)}</th>");
        _body.Append("</tr></thead>\n<tbody>\n");
        int i = 0;
        foreach (var row in rows)
        {
            _body.Append(best?.Invoke(i++) == true ? "<tr class=\"best\">" : "<tr>");
            foreach (string cell in row)
                _body.Append(cell.StartsWith("<td", StringComparison.Ordinal) ? cell : $"<td>{cell}</td>");
            _body.Append("</tr>\n");
        }
        _body.Append("</tbody></table></div>\n");
    }

    /// <summary>What most readers pass over.</summary>
    public void Fold(string summary, Action inside)
    {
        _body.Append(CultureInfo.InvariantCulture, $"<details><summary>{Text(summary)}</summary>\n");
        inside();
        _body.Append("</details>\n");
    }

    /// <summary>A command, or other text as it is.</summary>
    public void Code(string text) => _body.Append(CultureInfo.InvariantCulture, $"<pre>{Text(text)}</pre>\n");

    public void Note(string text) => _body.Append(CultureInfo.InvariantCulture, $"<p class=\"note\">{Text(text)}</p>\n");

    /// <summary>HTML as it is.</summary>
    public void Raw(string html) => _body.Append(html);

    /// <summary>The whole page.</summary>
    public string Html(string title, string footer) =>
        $"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        + $"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{Text(title)}</title>\n"
        + $"<link rel=\"icon\" href=\"data:,\">\n<style>\n{Style}{SvgChart.Style}\n</style>\n</head>\n<body>\n<main>\n{_body}"
        + $"<footer>{Text(footer)}</footer>\n</main>\n</body>\n</html>\n";

    /// <summary>Text for a page.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A cell with a bar.</summary>
    /// <param name="share">0 to 1.</param>
    public static string Bar(double share) => string.Create(
        CultureInfo.InvariantCulture,
        $"<td class=\"long\"><span class=\"bar\" style=\"width:{100 * Math.Clamp(share, 0, 1):F2}%\"></span></td>");
}
