using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Reports;

/// <summary>What is left of a network, as pictures: input pixels that are still read, filters, the distribution of weights.</summary>
internal static class NetworkPictures
{
    private static readonly (byte, byte, byte) Blue = (20, 130, 195), Orange = (225, 105, 20);

    /// <summary>Filters that are shown one by one, and bars of the histogram.</summary>
    private const int MostFilters = 64, Bins = 61;

    public static void Write(ReportPage page, Evidence evidence)
    {
        var network = evidence.Pruned.Network;
        var first = network.Layers[0];
        if (first.Slice is { } slice)
        {
            if (first.IsFullyConnected)
                Pixels(page, evidence.Pruned, slice);
            else
                Filters(page, evidence.Pruned, slice);
        }
        Histogram(page, evidence);
    }

    /// <summary>How many weights of the first layer still read each pixel.</summary>
    private static void Pixels(ReportPage page, Checkpoint model, LayerSlice slice)
    {
        var shape = model.Network.Data;
        int area = shape.Height * shape.Width;
        int[] counts = new int[area];
        for (int k = 0; k < slice.Filter.Filters; k++)
            for (int i = 0; i < slice.Filter.FilterSize; i++)
                counts[i % area] += model.Mask[slice.WeightOffset + k * slice.Filter.FilterSize + i] != 0 ? 1 : 0;
        int most = Math.Max(1, counts.Max()), read = counts.Count(c => c > 0);
        var picture = new Picture(shape.Width, shape.Height);
        for (int i = 0; i < area; i++)
            picture.Set(i % shape.Width, i / shape.Width, Blue, counts[i] == 0 ? 0 : 0.12 + 0.88 * counts[i] / most);
        int neurons = Enumerable.Range(0, slice.Filter.Filters)
            .Count(k => model.Mask.AsSpan(slice.WeightOffset + k * slice.Filter.FilterSize, slice.Filter.FilterSize).Contains(1f));
        page.Section("What it still looks at", Text(
            $"{read:N0} of {area:N0} pixels are still read, by {neurons} of {slice.Filter.Filters} neurons of the first layer. ")
            + Text($"The fuller a pixel, the more weights read it, up to {most}; an empty one is not looked at."));
        string map = picture.Image(Text($"map of the {read} pixels that the pruned network reads"), 320.0 / shape.Width);
        page.Raw($"<figure>{map}</figure>\n");
    }

    /// <summary>The filters of the first layer, each channel below the other.</summary>
    private static void Filters(ReportPage page, Checkpoint model, LayerSlice slice)
    {
        var filter = slice.Filter;
        float[] live = [.. Enumerable.Range(slice.WeightOffset, slice.WeightCount).Select(i => model.Mask[i] != 0 ? model.Weights[i] : 0)];
        float largest = Math.Max(1e-12f, live.Max(Math.Abs));
        int[] alive = [.. Enumerable.Range(0, filter.Filters)
            .Where(k => model.Mask.AsSpan(slice.WeightOffset + k * filter.FilterSize, filter.FilterSize).Contains(1f))];
        page.Section("What it still looks at", Text($"{alive.Length} of {filter.Filters} filters of the first layer live. ")
            + "Blue weights are positive, orange ones negative, empty ones pruned.");
        page.Raw("<figure class=\"filters\">");
        foreach (int k in alive.Take(MostFilters))
        {
            var picture = new Picture(filter.Columns, filter.Rows * filter.Channels);
            int kept = 0;
            for (int i = 0; i < filter.FilterSize; i++)
            {
                float weight = live[k * filter.FilterSize + i];
                kept += weight != 0 ? 1 : 0;
                picture.Set(
                    i % filter.Columns, i / filter.Columns, weight > 0 ? Blue : Orange,
                    weight == 0 ? 0 : 0.15 + 0.85 * Math.Abs(weight) / largest);
            }
            page.Raw(picture.Image(Text($"filter {k + 1}: {kept} of {filter.FilterSize} weights live"), 56.0 / filter.Columns));
        }
        page.Raw("</figure>\n");
    }

    /// <summary>All weights before, and those that live after, by value.</summary>
    private static void Histogram(ReportPage page, Evidence evidence)
    {
        float[] before = Live(evidence.Dense), after = Live(evidence.Pruned);
        if (after.Length == 0)
            return;
        // A few large ones would squeeze all others into one bar.
        double end = Math.Max(Quantile(before), Quantile(after));
        page.Section("Its weights", Text(
            $"Before pruning most weights are small. What stays is away from zero: {after.Length:N0} of {before.Length:N0} weights."));
        page.Chart(
            "Weights by value", Text($"two histograms, of {before.Length} weights before and {after.Length} after pruning"), "",
            new Panel(
                "Number of weights", "value", new Series("dense", Mark.Bars, 3, Counts(before, end)),
                new Series("pruned", Mark.Bars, 0, Counts(after, end)))
            {
                LogY = true,
            });
    }

    private static float[] Live(Checkpoint model) =>
    [
        .. model.Network.Slices.SelectMany(l => Enumerable.Range(l.WeightOffset, l.WeightCount)).Where(i => model.Mask[i] != 0)
            .Select(i => model.Weights[i]),
    ];

    private static double Quantile(float[] values)
    {
        float[] sizes = [.. values.Select(Math.Abs).Order()];
        return Math.Max(1e-6, sizes[(int)(0.998 * (sizes.Length - 1))]);
    }

    private static ChartPoint[] Counts(float[] values, double end)
    {
        int[] counts = new int[Bins];
        foreach (float v in values)
            counts[(int)Math.Clamp(Math.Round((v / end + 1) / 2 * (Bins - 1)), 0, Bins - 1)]++;
        return [.. counts.Select((c, i) => new ChartPoint(
            end * (2.0 * i / (Bins - 1) - 1), c, Note: Text($"{c:N0} about {end * (2.0 * i / (Bins - 1) - 1):0.###}")))];
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
