namespace Secateurs.Program.Studies;

/// <summary>From the units of a study, as they lie on the disk, to its rows and answers.</summary>
internal static class StudyTables
{
    /// <summary>All rows, sorted, with the time until dynamic pruning was as light.</summary>
    /// <param name="seeds">Folders of seeds.</param>
    public static (IReadOnlyList<StudyRow> Rows, IReadOnlyList<StudyAnswers> Answers) Of(IEnumerable<string> seeds)
    {
        var rows = new List<StudyRow>();
        var answers = new List<StudyAnswers>();
        foreach (string seed in seeds)
        {
            string[] units = StudyUnit.In(seed);
            foreach (string unit in units)
                StudyUnit.Demand(unit);
            answers.AddRange(units.SelectMany(u => StudyUnit.Read(u, StudyUnit.Answers, StudyAnswers.Read)));
            StudyRow[] made =
            [
                .. units.Where(u => Path.GetFileName(u) != StudyRow.Dense)
                    .SelectMany(u => StudyUnit.Read(u, StudyUnit.Rows, StudyRow.Read)),
            ];
            StudyRow[]? within = units.Select(u => Path.Combine(u, StudyUnit.Within)).FirstOrDefault(File.Exists) is { } file
                ? [.. StudyRow.Read(file)]
                : null;
            rows.AddRange(within is null ? made : made.SelectMany(row => AsLight(row, within)));
        }
        return (
            [
                .. Kindness.Mark(rows).OrderBy(r => r.Network, StringComparer.Ordinal).ThenBy(r => r.Seed).ThenBy(r => r.Budget)
                    .ThenByDescending(r => r.Method, StringComparer.Ordinal).ThenBy(r => r.Retraining),
            ],
            [
                .. answers.OrderBy(a => a.Network, StringComparer.Ordinal).ThenBy(a => a.Seed).ThenBy(a => a.Budget)
                    .ThenByDescending(a => a.Method, StringComparer.Ordinal).ThenBy(a => a.Retraining),
            ]);
    }

    /// <summary>A row, and after one by hand the first network of dynamic pruning that was as light.</summary>
    private static IEnumerable<StudyRow> AsLight(StudyRow row, StudyRow[] within)
    {
        if (row.Method != StudyRow.HandSet)
            return [row];
        var light = within.FirstOrDefault(w => w.Budget == row.Budget && w.Kept <= row.Kept);
        return light is null
            ? [row with { AsLight = double.PositiveInfinity }]
            : [row with { AsLight = light.Seconds }, light with { Retraining = row.Retraining }];
    }
}
