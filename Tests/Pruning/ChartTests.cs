using System.Xml.Linq;
using Secateurs.Program.Runs;

namespace Tests.PruningTests;

/// <summary>The pictures: well-formed, labelled, and where the numbers say.</summary>
public sealed class ChartTests
{
    private static Series Joined(string name, params (double X, double Y)[] points) =>
        new(name, Mark.Line, 0, [.. points.Select(p => new ChartPoint(p.X, p.Y))]);

    [Theory]
    [InlineData(SvgChart.Wide)]
    [InlineData(SvgChart.Narrow)]
    public void A_chart_has_its_text_and_lines_inside_the_picture(int width)
    {
        string svg = SvgChart.Draw(
            "a < b & c", "about", width, alone: true,
            new Panel("accuracy, %", "iteration", Joined("validation", (1, 90), (2, 95), (3, double.NaN), (4, 97))),
            new Panel("kept, %", "iteration", Joined("first", (1, 100), (2, 10), (4, 1)), Joined("second", (1, 100), (2, 0), (4, 2)))
            {
                LogY = true,
            });
        var root = XDocument.Parse(svg).Root!;
        var texts = root.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value).ToArray();
        foreach (string expected in (string[])
            ["a < b & c", "iteration", "accuracy, %", "kept, %", "validation", "first", "second", "100", "10", "1", "98"])
        {
            Assert.Contains(expected, texts);
        }
        Assert.Equal("a < b & c: about", root.Attribute("aria-label")!.Value);
        Assert.Equal(width, (double)root.Attribute("width")!);
        double height = (double)root.Attribute("height")!;
        var lines = root.Descendants().Where(e => e.Name.LocalName == "polyline")
            .Select(e => e.Attribute("points")!.Value.Split(' ')).ToArray();
        // NaN and, on a logarithmic axis, zero break a line; a piece of one point is a dot.
        Assert.Equal([2, 3], lines.Select(l => l.Length));
        Assert.Equal(3, root.Descendants().Count(e => e.Name.LocalName == "circle"));
        foreach (string point in lines.SelectMany(l => l))
        {
            double[] xy = [.. point.Split(',').Select(double.Parse)];
            Assert.InRange(xy[0], 0, width);
            Assert.InRange(xy[1], 0, height);
        }
    }

    [Fact]
    public void Networks_are_points_with_intervals_and_what_is_far_below_lies_at_the_edge()
    {
        var svg = XDocument.Parse(SvgChart.Draw(
            "t", "about", SvgChart.Wide, alone: false,
            new Panel(
                "accuracy, %", "times lighter", new Series("dense", Mark.Level, 3, [new(1, 98)]),
                new Series("judged", Mark.Dots, 0, [new(10, 97.9, 97.7, 98.1, "a note"), new(100, 12)]),
                new Series("100x", Mark.Chosen, 0, [new(10, 97.9)]))
            {
                LogX = true,
                Floor = 96,
            }));
        XElement[] Of(string type) => [.. svg.Descendants().Where(e => ((string?)e.Attribute("class"))?.Split(' ')[0] == type)];
        Assert.DoesNotContain(svg.Descendants(), e => e.Name.LocalName == "polyline");
        Assert.Equal(2, Of("level").Length);
        Assert.Single(Of("span"));
        Assert.Single(Of("chosen"));
        Assert.Single(Of("dot"), e => e.Name.LocalName == "path");
        Assert.Contains("a note", svg.Descendants().Where(e => e.Name.LocalName == "title").Select(e => e.Value));
        Assert.DoesNotContain("12", svg.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value));
    }

    [Fact]
    public void A_run_is_drawn_from_its_files_with_the_chosen_network_marked()
    {
        string results = Path.Combine(global::Tests.Repository.Root, "Results", "compare-lenet-300-100");
        string svg = Curves.OfComparison([.. RunFolder.Sides.Select(s => Path.Combine(results, s))], "two sides");
        Assert.Equal(2 * 2, XDocument.Parse(svg).Descendants().Count(e => (string?)e.Attribute("class") == "chosen"));
        Assert.Contains($"{RunFiles.Published("dynamic", "ratio"):F1}x", svg, StringComparison.Ordinal);
        Assert.Contains("budget, 0.1 points", svg, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1, new[] { 0, 0.2, 0.4, 0.6, 0.8, 1 })]
    [InlineData(97.3, 98.6, new[] { 97, 97.5, 98, 98.5, 99 })]
    [InlineData(1, 12, new[] { 0.0, 5, 10, 15 })]
    [InlineData(-3, 3, new[] { -4.0, -2, 0, 2, 4 })]
    public void Linear_ticks_are_round_and_enclose_the_values(double low, double high, double[] ticks)
    {
        var axis = Axis.Linear([high, low]);
        Assert.Equal(ticks, axis.Ticks);
        Assert.Equal(0, axis.Place(ticks[0]), 1e-12);
        Assert.Equal(1, axis.Place(ticks[^1]), 1e-12);
    }

    [Theory]
    [InlineData(1.7, 100, new[] { 1.0, 2, 5, 10, 20, 50, 100 })]
    [InlineData(0.0002, 3, new[] { 0.0001, 0.001, 0.01, 0.1, 1, 10 })]
    public void Logarithmic_ticks_are_round_and_enclose_the_values(double low, double high, double[] ticks)
    {
        var axis = Axis.Log([high, low]);
        Assert.Equal(ticks, axis.Ticks.Select(t => Math.Round(t, 9)));
        Assert.InRange(axis.Place(low), 0, 1);
        Assert.InRange(axis.Place(high), 0, 1);
    }

    [Theory]
    [InlineData(new double[0])]
    [InlineData(new[] { 5.0 })]
    [InlineData(new[] { 98.5, 98.5 })]
    [InlineData(new[] { double.NaN, double.PositiveInfinity })]
    public void Few_or_equal_values_still_have_an_axis(double[] values)
    {
        foreach (var axis in new[] { Axis.Linear(values), Axis.Log(values) })
        {
            Assert.InRange(axis.Ticks.Count, 2, 12);
            Assert.All(values.Where(double.IsFinite), v => Assert.InRange(axis.Place(v), 0, 1));
        }
    }

    [Fact]
    public void A_table_sets_numbers_to_the_right()
    {
        var table = new TextTable("layer", "kept %");
        table.Add("fc1", "5.00");
        table.Add("fc10", "-");
        table.Add("conv1", "100.00");
        Assert.Equal("layer  kept %\nfc1      5.00\nfc10        -\nconv1  100.00", table.ToString().ReplaceLineEndings("\n"));
        Assert.Throws<ArgumentException>(() => table.Add("one"));
    }
}
