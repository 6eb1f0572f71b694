using System.Globalization;
using System.Xml.Linq;
using Secateurs.Model;
using SkiaSharp;

namespace Secateurs.Program.Runs;

/// <summary>
/// PNG of a picture that <see cref="SvgChart"/> drew, in its light colours. It knows the elements that such a picture has; what one looks
/// like is what the rules say that name all of its classes, the later ones counting for more.
/// </summary>
internal sealed class SvgRaster
{
    /// <summary>Pixels for one of the picture, so that it is sharp in print and on fine screens.</summary>
    public const int Scale = 2;

    private readonly SKCanvas _canvas;
    private readonly SKTypeface _typeface;
    private readonly (string[] Names, (string Name, string Value)[] Look)[] _rules;

    private SvgRaster(SKCanvas canvas, SKTypeface typeface, string style)
    {
        (_canvas, _typeface) = (canvas, typeface);
        char[] between = ['.', ' '];
        var rules = from rule in style.Replace(".chart", "", StringComparison.Ordinal).Split('}', StringSplitOptions.RemoveEmptyEntries)
                    let parts = rule.Split('{')
                    let look = parts[1].Split(';').Select(d => d.Split(':')).Select(d => (d[0], d[1])).ToArray()
                    from selector in parts[0].Split(',')
                    select (selector.Split(between, StringSplitOptions.RemoveEmptyEntries), look);
        _rules = [.. rules];
    }

    /// <summary>The picture as a file.</summary>
    /// <param name="svg">As <see cref="SvgChart.Draw"/> makes it, with colours of its own.</param>
    /// <param name="fonts">Folders with fonts.</param>
    /// <exception cref="UserException">Failed: no font, or no Skia for this system.</exception>
    public static byte[] Png(string svg, IReadOnlyList<string> fonts)
    {
        var root = XDocument.Parse(svg).Root!;
        var drawn = root.Elements().Where(e => e.Name.LocalName != "style");
        string style = root.Elements().First(e => e.Name.LocalName == "style").Value.Split("@media")[0];
        try
        {
            using var typeface = FontFiles.Find(fonts, string.Concat(drawn.Where(e => e.Name.LocalName == "text").Select(e => e.Value)))
                ?? throw new UserException(
                    ErrorKind.Failed, $"PNG: expected a font (.ttf, .otf, .ttc) in {string.Join(", ", fonts)}, found none; SVG needs none");
            using var bitmap = new SKBitmap(Scale * (int)Number(root, "width"), Scale * (int)Number(root, "height"));
            using var canvas = new SKCanvas(bitmap);
            canvas.Scale(Scale);
            var raster = new SvgRaster(canvas, typeface, style);
            foreach (var element in drawn)
                raster.Draw(element);
            using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
            return png.ToArray();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            throw new UserException(
                ErrorKind.Failed, "PNG: expected Skia's native library, which draws it, found none for this system; SVG needs none", e);
        }
    }

    private void Draw(XElement element)
    {
        string[] names = [element.Name.LocalName, .. ((string?)element.Attribute("class") ?? "").Split(' ')];
        var look = new Dictionary<string, string> { ["fill"] = "#000000", ["stroke"] = "none", ["stroke-width"] = "1", ["opacity"] = "1" };
        foreach (var (name, value) in _rules.Where(r => r.Names.All(names.Contains)).SelectMany(r => r.Look))
            look[name] = value;
        using var outline = Outline(element, look);
        SKPaintStyle[] order = [SKPaintStyle.Fill, SKPaintStyle.Stroke];
        foreach (var part in look.ContainsKey("paint-order") ? order.Reverse() : order)
        {
            string colour = look[part == SKPaintStyle.Fill ? "fill" : "stroke"];
            if (colour == "none")
                continue;
            using var dashes = look.TryGetValue("stroke-dasharray", out string? lengths)
                ? SKPathEffect.CreateDash([.. lengths.Split(' ').Select(Number)], 0) : null;
            using var paint = new SKPaint
            {
                Style = part,
                Color = SKColor.Parse(colour).WithAlpha((byte)(255 * Number(look["opacity"]))),
                StrokeWidth = Number(look["stroke-width"]),
                StrokeJoin = look.GetValueOrDefault("stroke-linejoin") == "round" ? SKStrokeJoin.Round : SKStrokeJoin.Miter,
                PathEffect = dashes,
                IsAntialias = true,
            };
            _canvas.DrawPath(outline, paint);
        }
    }

    /// <summary>Letters too are outlines, so that all is filled and stroked alike.</summary>
    private SKPath Outline(XElement e, Dictionary<string, string> look)
    {
        float Of(string attribute) => Number(e, attribute);
        using var path = new SKPathBuilder();
        switch (e.Name.LocalName)
        {
            case "rect":
                path.AddRect(SKRect.Create(Of("x"), Of("y"), Of("width"), Of("height")));
                break;
            case "circle":
                path.AddCircle(Of("cx"), Of("cy"), Of("r"));
                break;
            case "line":
                path.MoveTo(Of("x1"), Of("y1"));
                path.LineTo(Of("x2"), Of("y2"));
                break;
            case "polyline":
                var points = e.Attribute("points")!.Value.Split(' ').Select(p => p.Split(','));
                path.AddPoly([.. points.Select(p => new SKPoint(Number(p[0]), Number(p[1])))], close: false);
                break;
            case "path":
                return SKPath.ParseSvgPathData(e.Attribute("d")!.Value);
            case "text":
                return Letters(e.Value, Of("x"), Of("y"), (string?)e.Attribute("text-anchor"), look);
            default:
                throw new InvalidOperationException($"a chart has no {e.Name.LocalName}");
        }
        return path.Detach();
    }

    private SKPath Letters(string text, float x, float y, string? anchor, Dictionary<string, string> look)
    {
        using var font = new SKFont(_typeface, Number(look["font-size"]))
        {
            Embolden = look.GetValueOrDefault("font-weight") == "600",
            Hinting = SKFontHinting.None,
            LinearMetrics = true,
            Subpixel = true,
        };
        float width = font.MeasureText(text), left = x - (anchor switch { "end" => width, "middle" => width / 2, _ => 0 });
        return font.GetTextPath(text, new SKPoint(left, y));
    }

    private static float Number(XElement element, string attribute) =>
        element.Attribute(attribute) is { } found ? Number(found.Value) : 0;

    private static float Number(string text) => float.Parse(text.Replace("px", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
}
