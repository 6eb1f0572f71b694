using System.Xml.Linq;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Runs;
using SkiaSharp;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>PNG of a chart: everything is where the SVG says, letters too.</summary>
public sealed class SvgRasterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static readonly string Comparison = Path.Combine(global::Tests.Repository.Root, "Results", "compare-lenet-300-100");

    /// <summary>Every mark, in every colour.</summary>
    private static readonly string Svg = SvgChart.Draw(
        "a title", "about", SvgChart.Wide, alone: true,
        new Panel(
            "accuracy, %", "times lighter", new Series("dense", Mark.Level, 3, [new(1, 98)]),
            new Series("judged", Mark.Dots, 0, [new(10, 97, 96.5, 97.5), new(30, 12)]), new Series("seen", Mark.Rings, 1, [new(20, 97)]),
            new Series("way", Mark.Line, 2, [new(1, 96), new(40, 97.5)]), new Series("10x", Mark.Chosen, 0, [new(10, 97)]))
        {
            Floor = 95,
        },
        new Panel("images", "class", new Series("wrong", Mark.Bars, 4, [new(0, 3), new(1, 7)])) { Places = ["zero", "one"] });

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_mark_has_its_colour_where_it_stands()
    {
        using var image = Draw(Svg);
        var root = XDocument.Parse(Svg).Root!;
        Assert.Equal((SvgRaster.Scale * SvgChart.Wide, SvgRaster.Scale * (int)root.Attribute("height")!), (image.Width, image.Height));
        Assert.Equal(SKColors.White, image.GetPixel(0, 0));
        foreach (var (type, colour) in ((string, string)[])[("dot c0", "#0072b2"), ("ring c1", "#ffffff"), ("dot c4", "#b3266e")])
        {
            // Behind the legend's come those of the plot.
            var mark = root.Elements().Last(e => (string?)e.Attribute("class") == type && e.Name.LocalName is "circle" or "rect");
            var (x, y) = mark.Name.LocalName == "circle" ? (Of(mark, "cx"), Of(mark, "cy"))
                : (Of(mark, "x") + Of(mark, "width") / 2, Of(mark, "y") + Of(mark, "height") / 2);
            Assert.Equal(SKColor.Parse(colour), At(image, x, y));
        }
        var ring = root.Elements().Last(e => (string?)e.Attribute("class") == "ring c1");
        Assert.Equal(SKColor.Parse("#c2500a"), At(image, Of(ring, "cx") + 4, Of(ring, "cy")));
        // On the lowest of the grid lies the axis.
        var grid = root.Elements().Where(e => (string?)e.Attribute("class") == "grid").ElementAt(1);
        Assert.Equal(SKColor.Parse("#e6e6e6"), At(image, (Of(grid, "x1") + Of(grid, "x2")) / 2, Of(grid, "y1")));
        // Six pixels of a dashed line, four of none.
        var level = root.Elements().Last(e => (string?)e.Attribute("class") == "level c3");
        Assert.Equal(SKColor.Parse("#686868"), At(image, Of(level, "x1") + 3, Of(level, "y1")));
        Assert.NotEqual(SKColor.Parse("#686868"), At(image, Of(level, "x1") + 8, Of(level, "y1")));
    }

    [Fact]
    public void Every_label_is_written_where_it_stands()
    {
        var bare = XDocument.Parse(Svg);
        var texts = bare.Root!.Elements().Where(e => e.Name.LocalName == "text").ToArray();
        string[] labels = [.. texts.Select(t => t.Value)];
        Assert.Contains("a title", labels);
        foreach (var text in texts)
            text.Value = "";
        using SKBitmap image = Draw(Svg), without = Draw(bare.ToString());
        foreach (var (text, label) in texts.Zip(labels))
        {
            double width = 5 * label.Length, left = Of(text, "x") - ((string?)text.Attribute("text-anchor") switch
            {
                "end" => width,
                "middle" => width / 2,
                _ => 0,
            });
            int differing = (from x in Enumerable.Range((int)(SvgRaster.Scale * left), (int)(SvgRaster.Scale * width))
                             from y in Enumerable.Range((int)(SvgRaster.Scale * (Of(text, "y") - 10)), SvgRaster.Scale * 11)
                             where image.GetPixel(x, y).Green < without.GetPixel(x, y).Green - 80
                             select x).Count();
            Assert.True(differing > 10 * label.Length, $"{label}: {differing} dark pixels");
        }
    }

    [Fact]
    public void Plot_writes_what_the_name_ends_in()
    {
        SkipWithoutFont();
        foreach (string name in (string[])["a.png", "b.PNG", "c.svg"])
            Cli.Done("plot", "--run", Comparison, "--out", _folder.Combine(name));
        using var image = SKBitmap.Decode(_folder.Combine("a.png"));
        Assert.Equal(SvgRaster.Scale * SvgChart.Wide, image.Width);
        Assert.Equal(File.ReadAllBytes(_folder.Combine("a.png")), File.ReadAllBytes(_folder.Combine("b.PNG")));
        Assert.StartsWith("<svg", File.ReadAllText(_folder.Combine("c.svg")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_no_font_is_nothing_is_written()
    {
        string fonts = Directory.CreateDirectory(_folder.Combine("fonts")).FullName, nowhere = _folder.Combine("nowhere");
        _folder.Write(Path.Combine("fonts", "broken.ttf"), "no font"u8.ToArray());
        var error = Assert.Throws<UserException>(() => SvgRaster.Png(Svg, [fonts, nowhere]));
        Assert.Equal(
            (ErrorKind.Failed, $"PNG: expected a font (.ttf, .otf, .ttc) in {fonts}, {nowhere}, found none; SVG needs none"),
            (error.Kind, error.Message));
        if (!OperatingSystem.IsLinux())
            return;
        string target = _folder.Combine("a.png");
        using var process = Cli.Start(
            _folder.Path, [("XDG_DATA_DIRS", _folder.Path), ("XDG_DATA_HOME", _folder.Path), ("HOME", _folder.Path)],
            "plot", "--run", Comparison, "--out", target);
        var (code, _, said) = await Cli.End(process);
        Assert.Equal((int)ExitCode.Failed, code);
        Assert.StartsWith($"error: PNG: expected a font (.ttf, .otf, .ttc) in {_folder.Path}", said, StringComparison.Ordinal);
        Assert.Equal(["fonts"], _folder.Names);
    }

    private static SKBitmap Draw(string svg)
    {
        SkipWithoutFont();
        return SKBitmap.Decode(SvgRaster.Png(svg, FontFiles.Folders));
    }

    private static void SkipWithoutFont()
    {
        using var found = FontFiles.Find(FontFiles.Folders, "a");
        if (found is null)
            Assert.Skip("no fonts on this system");
    }

    private static double Of(XElement element, string attribute) => (double)element.Attribute(attribute)!;

    private static SKColor At(SKBitmap image, double x, double y) =>
        image.GetPixel((int)(SvgRaster.Scale * x), (int)(SvgRaster.Scale * y));
}
