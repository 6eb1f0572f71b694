namespace Secateurs.Program.Studies;

/// <summary>One method at one budget over all its seeds.</summary>
/// <param name="Network">As in <see cref="StudyRow"/>.</param>
/// <param name="Budget">As in <see cref="StudyRow"/>.</param>
/// <param name="Method">As in <see cref="StudyRow"/>.</param>
/// <param name="Retraining">As in <see cref="StudyRow"/>.</param>
/// <param name="Kindest">Whether this is, or is compared with, hand-set at its <see cref="Kindness"/>.</param>
/// <param name="Seeds">n.</param>
/// <param name="Ratio">Mean of total / kept.</param>
/// <param name="RatioDeviation">Its sample deviation.</param>
/// <param name="RatioGeometric">Its geometric mean.</param>
/// <param name="KeptPercent">Mean.</param>
/// <param name="TestAccuracy">Mean, percent.</param>
/// <param name="TestAccuracyDeviation">Its sample deviation.</param>
/// <param name="ToDense">Test accuracy minus the same seeds' dense mean, points.</param>
/// <param name="Seconds">Mean, dense training not counted.</param>
/// <param name="Sooner">
/// Geometric mean of hand-set seconds / dynamic seconds. In a row of hand-set dynamic's time is that until it was as light; in a row of
/// dynamic its own, and hand-set's is that of the kindest length.
/// </param>
/// <param name="SoonerWithDense">The same with dense training counted on both sides.</param>
/// <param name="SoonerThanBest">The same with the time of hand-set's single best try, as if known in advance.</param>
/// <param name="LossError">Standard error of <paramref name="ToDense"/>: each seed is compared with its own dense network.</param>
/// <param name="WithinOnTest">Seeds whose test images lose no more than the budget.</param>
/// <param name="ShareLow">Lower end of the exact 95 % interval for their share (<see cref="Sample.Interval"/>).</param>
/// <param name="ShareHigh">Its upper end.</param>
internal sealed record StudyGroup(
    string Network, double Budget, string Method, int Retraining, bool Kindest, int Seeds, double Ratio, double RatioDeviation,
    double RatioGeometric, double KeptPercent, double TestAccuracy, double TestAccuracyDeviation, double ToDense, double Seconds,
    double Sooner, double SoonerWithDense, double SoonerThanBest, double LossError, int WithinOnTest, double ShareLow, double ShareHigh);

/// <summary>
/// Two networks of each seed on the same test images (McNemar 1947): images that only the second has right (lost) and that only the first
/// has right (gained), summed over seeds; z = (gained − lost) / √(lost + gained). The seeds share their test images, so z is too sure
/// of itself where seeds err alike; the deviation over seeds is the other half of the answer.
/// </summary>
internal sealed record StudyPair(string Network, double Budget, string First, string Second, int Seeds, int Lost, int Gained)
{
    public double Z => Lost + Gained == 0 ? 0 : (Gained - Lost) / Math.Sqrt(Lost + Gained);
}

/// <summary>
/// A final network as a point: ratio against test accuracy. Best: no other is at least as light and at least as right, and one of both
/// more.
/// </summary>
internal sealed record StudyPoint(
    string Network, string Method, double Budget, int Retraining, ulong Seed, double Ratio, double TestAccuracy, bool Best);

/// <summary>What a study says, from its rows and answers alone.</summary>
internal sealed record StudySummary(IReadOnlyList<StudyGroup> Groups, IReadOnlyList<StudyPair> Pairs, IReadOnlyList<StudyPoint> Points)
{
    public static StudySummary Of(IReadOnlyList<StudyRow> rows, IReadOnlyList<StudyAnswers> answers)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(answers);
        var groups = rows.GroupBy(r => (r.Network, r.Budget, r.Method, r.Retraining))
            .OrderBy(g => g.Key.Network, StringComparer.Ordinal).ThenBy(g => g.Key.Budget)
            .ThenByDescending(g => g.Key.Method, StringComparer.Ordinal).ThenBy(g => g.Key.Retraining)
            .Select(g => Group(rows, [.. g])).ToArray();
        return new StudySummary(groups, [.. groups.Where(g => g.Method != StudyRow.DynamicAsLight).SelectMany(g => Pairs(g))], Points());

        IEnumerable<StudyPair> Pairs(StudyGroup group)
        {
            if (group.Method == StudyRow.HandSet && !group.Kindest)
                yield break;
            yield return Pair(group, StudyRow.Dense, 0, 0);
            if (group.Method == StudyRow.Dynamic && Kindness.Kindest(rows, group.Network, group.Budget) is { } length)
                yield return Pair(group, StudyRow.HandSet, group.Budget, length);
        }

        StudyPair Pair(StudyGroup group, string second, double budget, int retraining)
        {
            int seeds = 0, lost = 0, gained = 0;
            var own = (group.Network, group.Budget, group.Method, group.Retraining);
            foreach (var mine in answers.Where(a => (a.Network, a.Budget, a.Method, a.Retraining) == own))
            {
                var opposite = (mine.Network, mine.Seed, budget, second, retraining);
                if (answers.FirstOrDefault(a => (a.Network, a.Seed, a.Budget, a.Method, a.Retraining) == opposite) is not { } other)
                    continue;
                seeds++;
                lost += mine.Wrong.Except(other.Wrong).Count();
                gained += other.Wrong.Except(mine.Wrong).Count();
            }
            return new StudyPair(group.Network, group.Budget, group.Method, second, seeds, lost, gained);
        }

        IReadOnlyList<StudyPoint> Points()
        {
            var finals = rows.Where(r => r.Method != StudyRow.DynamicAsLight && r.Kept < r.Total).ToArray();
            bool Beaten(StudyRow r) => finals.Any(o =>
                o.Network == r.Network && o.Ratio >= r.Ratio && o.Test >= r.Test && (o.Ratio > r.Ratio || o.Test > r.Test));
            return
            [
                .. finals.OrderBy(r => r.Network, StringComparer.Ordinal).ThenByDescending(r => r.Ratio).ThenByDescending(r => r.Test)
                    .Select(r => new StudyPoint(r.Network, r.Method, r.Budget, r.Retraining, r.Seed, r.Ratio, r.Test, !Beaten(r))),
            ];
        }
    }

    private static StudyGroup Group(IReadOnlyList<StudyRow> rows, StudyRow[] group)
    {
        var first = group[0];
        int? kindest = Kindness.Kindest(rows, first.Network, first.Budget);
        int length = first.Method == StudyRow.Dynamic ? kindest ?? 0 : first.Retraining;
        double Sooner(Func<StudyRow, double> handSet, bool dense) => Sample.GeometricMean(group.Select(r =>
            Kindness.HandSet(rows, r, length) is not { } h ? double.NaN
                : (handSet(h) + (dense ? h.DenseSeconds : 0))
                    / ((r.Method == StudyRow.HandSet ? r.AsLight : r.Seconds) + (dense ? r.DenseSeconds : 0))));
        double[] ratios = [.. group.Select(r => r.Ratio)], tests = [.. group.Select(r => r.Test)];
        double[] losses = [.. group.Select(r => r.DenseTest - r.Test)];
        // Accuracies have two decimals in the tables, so that their difference is exact in hundredths.
        int within = losses.Count(l => Math.Round(l, 2) <= first.Budget);
        var (low, high) = Sample.Interval(within, losses.Length);
        return new StudyGroup(
            first.Network, first.Budget, first.Method, first.Retraining, length == kindest && length > 0, group.Length, Sample.Mean(ratios),
            Sample.Deviation(ratios), Sample.GeometricMean(ratios), Sample.Mean(group.Select(r => 100.0 * r.Kept / r.Total)),
            Sample.Mean(tests), Sample.Deviation(tests), Sample.Mean(tests) - Sample.Mean(group.Select(r => r.DenseTest)),
            Sample.Mean(group.Select(r => r.Seconds)),
            Sooner(h => h.Seconds, false), Sooner(h => h.Seconds, true), Sooner(h => h.BestSeconds, false),
            Sample.Deviation(losses) / Math.Sqrt(losses.Length), within, low, high);
    }
}
