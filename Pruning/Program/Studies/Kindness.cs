using MathNet.Numerics.Distributions;

namespace Secateurs.Program.Studies;

/// <summary>
/// Which retraining length the hand-set side is quoted with: the one that is kindest to it. For a network and a budget and a length E let
///   q(E) = geometric mean over seeds of (epochs of all tries at E) / (epochs until dynamic had a network at least as light),
/// dense training in neither: epochs, not seconds, which are other ones each time. The kindest E is that of the smallest q; lengths at
/// which some seed found nothing within the budget stand back where another length always did; of equals the shortest. Where dynamic never
/// was as light, q is 0.
/// </summary>
internal static class Kindness
{
    /// <summary>The kindest length; null where one of the two sides is missing.</summary>
    public static int? Kindest(IReadOnlyList<StudyRow> rows, string network, double budget)
    {
        var lengths = rows
            .Where(r => r.Network == network && r.Budget == budget && r.Method == StudyRow.HandSet && !double.IsNaN(r.AsLight))
            .GroupBy(r => r.Retraining).OrderBy(g => g.Key).ToArray();
        return lengths.OrderBy(g => g.All(r => r.Kept < r.Total) ? 0 : 1).ThenBy(g => Sample.GeometricMean(g.Select(Sooner)))
            .Select(g => (int?)g.Key).FirstOrDefault();

        double Sooner(StudyRow row) => double.IsInfinity(row.AsLight) ? 0
            : row.Epochs / Find(rows, row, StudyRow.DynamicAsLight, row.Retraining)?.Epochs ?? double.NaN;
    }

    /// <summary>The rows, those of dynamic pruning with the seconds until it was as light as hand-set at its kindest.</summary>
    internal static IReadOnlyList<StudyRow> Mark(IReadOnlyList<StudyRow> rows) =>
    [
        .. rows.Select(row => row.Method == StudyRow.Dynamic && Kindest(rows, row.Network, row.Budget) is { } length
            ? row with { AsLight = HandSet(rows, row, length)?.AsLight ?? double.NaN } : row),
    ];

    /// <summary>The hand-set row of the same network, seed and budget.</summary>
    internal static StudyRow? HandSet(IEnumerable<StudyRow> rows, StudyRow row, int length) => Find(rows, row, StudyRow.HandSet, length);

    private static StudyRow? Find(IEnumerable<StudyRow> rows, StudyRow like, string method, int length) => rows.FirstOrDefault(r =>
        r.Method == method && r.Network == like.Network && r.Seed == like.Seed && r.Budget == like.Budget && r.Retraining == length);
}

/// <summary>Mean, deviation and geometric mean of a sample.</summary>
internal static class Sample
{
    public static double Mean(IEnumerable<double> values) => values.Average();

    /// <summary>√(Σ (x − mean)² / (n − 1)); NaN of one value.</summary>
    public static double Deviation(IReadOnlyCollection<double> values)
    {
        double mean = values.Average();
        return values.Count < 2 ? double.NaN : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1));
    }

    /// <summary>
    /// The exact 95 % interval for a share of which <paramref name="hits"/> of <paramref name="of"/> were seen (Clopper and Pearson 1934).
    /// </summary>
    public static (double Low, double High) Interval(int hits, int of)
    {
        const double tail = 0.025;
        return (hits == 0 ? 0 : Beta.InvCDF(hits, of - hits + 1, tail), hits == of ? 1 : Beta.InvCDF(hits + 1, of - hits, 1 - tail));
    }

    /// <summary>exp of the mean logarithm; 0 if a value is, NaN if one is not known.</summary>
    public static double GeometricMean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
