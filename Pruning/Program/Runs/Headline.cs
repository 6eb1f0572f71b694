using System.Globalization;

namespace Secateurs.Program.Runs;

/// <summary>What a run gained and what it lost, in one sentence for people: the end of its output, and the head of its report.</summary>
internal static class Headline
{
    /// <summary>E.g. 53.8 times lighter, test accuracy 98.52 % instead of 98.41 %: nothing lost.</summary>
    /// <param name="summary">Of the run.</param>
    /// <param name="budget">Points of validation accuracy that pruning was allowed to cost.</param>
    /// <param name="within">Whether it kept to them.</param>
    public static string Of(SummaryRow summary, double budget, bool within)
    {
        ArgumentNullException.ThrowIfNull(summary);
        if (summary.Kept == summary.Total)
            return Text($"nothing pruned: no lighter network is within the budget of {budget} points");
        string but = within ? "" : Text($", outside the budget of {budget} points on the validation images");
        return Text($"{Times(summary.Ratio)} lighter, test accuracy {summary.TestAccuracy:F2} % instead of ")
            + Text($"{summary.DenseTestAccuracy:F2} %: {Lost(Points(summary))}{but}");
    }

    /// <summary>The same of two sides: what thresholds set by hand came to stands behind.</summary>
    public static string Of(SummaryRow dynamic, bool dynamicWithin, SummaryRow handSet, bool handSetWithin, double budget)
    {
        ArgumentNullException.ThrowIfNull(dynamic);
        ArgumentNullException.ThrowIfNull(handSet);
        string time = Share(handSet.PruneSeconds / dynamic.PruneSeconds);
        return Of(dynamic, budget, dynamicWithin) + (handSetWithin && handSet.Kept < handSet.Total
            ? Text($"; by hand {Times(handSet.Ratio)}, {handSet.TestAccuracy:F2} %, in {time}")
            : $"; by hand nothing within the budget, in {time}");
    }

    /// <summary>The shortest form: 53.8 times lighter, nothing lost.</summary>
    public static string Short(SummaryRow summary)
    {
        ArgumentNullException.ThrowIfNull(summary);
        return summary.Kept == summary.Total ? "Nothing pruned" : $"{Times(summary.Ratio)} lighter, {Lost(Points(summary))}";
    }

    /// <summary>The sentence as the beginning of a text.</summary>
    public static string Capital(string sentence)
    {
        ArgumentNullException.ThrowIfNull(sentence);
        return $"{char.ToUpperInvariant(sentence[0])}{sentence[1..]}";
    }

    /// <summary>Half the time, 3.2 times the time.</summary>
    internal static string Share(double share) => share switch
    {
        < 0.45 or (> 0.55 and < 0.9) => Text($"{share:0.##} of the time"),
        <= 0.55 => "half the time",
        <= 1.1 => "the same time",
        >= 1.9 and <= 2.1 => "twice the time",
        _ => Text($"{share:F1} times the time"),
    };

    private static double Points(SummaryRow summary) => Math.Round(summary.DenseTestAccuracy, 2) - Math.Round(summary.TestAccuracy, 2);

    private static string Lost(double points) => points < 0.005 ? "nothing lost" : Text($"{points:0.##} points lost");

    private static string Times(double ratio) => Text($"{ratio:F1} times");

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
