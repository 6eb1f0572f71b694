using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Studies;

/// <summary>
/// A unit of a study: the folder of one run with its rows of <see cref="StudyRow"/> and <see cref="StudyAnswers"/> besides. Its name says
/// what it is: dense, dynamic, hand-set-4.
/// </summary>
internal static class StudyUnit
{
    public const string Rows = "study.csv", Answers = "answers.csv";

    /// <summary>In a unit of dynamic pruning: every network within a budget, as a row of method dynamic-as-light.</summary>
    public const string Within = "within.csv";

    private const string HandSetPrefix = $"{StudyRow.HandSet}-";

    /// <summary>The unit of a walk by hand.</summary>
    /// <param name="length">Epochs of retraining a try.</param>
    public static string HandSet(int length) => string.Create(CultureInfo.InvariantCulture, $"{HandSetPrefix}{length}");

    /// <summary>The finished units of a seed, whole or damaged; what else lies there is none of the study's.</summary>
    internal static string[] In(string seed) =>
        [.. Directory.EnumerateDirectories(seed).Where(u => IsName(Path.GetFileName(u))).Order(StringComparer.Ordinal)];

    /// <summary>That a unit which has its name has what was made with it.</summary>
    /// <exception cref="UserException">BadFile: it has not, so that the study would do without it in silence.</exception>
    internal static void Demand(string unit)
    {
        if (!Directory.Exists(unit))
            throw new UserException(ErrorKind.BadFile, $"{unit}: expected the folder of a unit, found a file");
        string name = Path.GetFileName(unit);
        // The time until dynamic pruning was as light as by hand is found in its list; studies of one side alone once had none.
        bool compared = name == StudyRow.Dynamic
            && In(Path.GetDirectoryName(unit)!).Any(u => Path.GetFileName(u).StartsWith(HandSetPrefix, StringComparison.Ordinal));
        string[] files = [name == StudyRow.Dense ? RunFolder.Summary : Rows, Answers, .. compared ? (string[])[Within] : []];
        foreach (string file in files)
        {
            if (!File.Exists(Path.Combine(unit, file)))
                throw Damaged(unit, file, "none");
        }
    }

    /// <summary>The rows of a unit's file.</summary>
    /// <exception cref="UserException">BadFile: they cannot be read, or there are none.</exception>
    internal static IReadOnlyList<T> Read<T>(string unit, string file, Func<string, IReadOnlyList<T>> read) =>
        read(Path.Combine(unit, file)) is { Count: > 0 } rows ? rows : throw Damaged(unit, file, "one without a row");

    private static UserException Damaged(string unit, string file, string found) => new(
        ErrorKind.BadFile,
        $"{Path.Combine(unit, file)}: expected the file of a finished unit, found {found}; without the folder {unit} it is made anew");

    private static bool IsName(string name) =>
        name is StudyRow.Dense or StudyRow.Dynamic
        || (name.StartsWith(HandSetPrefix, StringComparison.Ordinal)
            && int.TryParse(name[HandSetPrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            && name == HandSet(length));
}
