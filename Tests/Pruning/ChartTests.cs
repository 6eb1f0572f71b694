using System.Xml.Linq;
using Secateurs.Program.Runs;

namespace Tests.PruningTests;

/// <summary>The pictures: well-formed, labelled, and where the numbers say.</summary>
public sealed class ChartTests
{
    [Fact]
    public void A_chart_has_its_text_and_lines_inside_the_picture()
    {
        string svg = SvgChart.Draw(
            "a < b & c", "iteration",
            new Panel("accuracy, %", false, [new Series("validation", [(1, 90), (2, 95), (3, double.NaN), (4, 97)])]),
            new Panel(
                "kept, %", true,
                [new Series("first", [(1, 100), (2, 10), (4, 1)]), new Series("second", [(1, 100), (2, 0), (4, 2)])]));
        var root = XDocument.Parse(svg).Root!;
        var texts = root.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value).ToArray();
        foreach (string expected in (string[])
            ["a < b & c", "iteration", "accuracy, %", "kept, %", "validation", "first", "second", "100", "10", "1", "98"])
        {
            Assert.Contains(expected, texts);
        }
        double width = (double)root.Attribute("width")!, height = (double)root.Attribute("height")!;
        var lines = root.Descendants().Where(e => e.Name.LocalName == "polyline")
            .Select(e => e.Attribute("points")!.Value.Split(' ')).ToArray();
        // NaN and, on a logarithmic axis, zero break a line in two.
        Assert.Equal([2, 1, 3, 1, 1], lines.Select(l => l.Length));
        foreach (string point in lines.SelectMany(l => l))
        {
            double[] xy = [.. point.Split(',').Select(double.Parse)];
            Assert.InRange(xy[0], 0, width);
            Assert.InRange(xy[1], 0, height);
        }
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
