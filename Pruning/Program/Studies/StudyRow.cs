using System.Globalization;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Studies;

/// <summary>A row of study.csv: a network and what it took. Accuracies in percent, times in seconds.</summary>
/// <param name="Network">A name, or its layers.</param>
/// <param name="Seed">Of split, first weights and order.</param>
/// <param name="Method">
/// hand-set, dynamic, or dynamic-as-light: the first network within the budget that dynamic had, by its probe or retrained, with no more
/// weights than hand-set's.
/// </param>
/// <param name="Budget">Points of validation accuracy.</param>
/// <param name="Retraining">Epochs that each hand-set try is retrained for; 0, in the file empty, for dynamic.</param>
/// <param name="Tries">Networks judged until this one was settled.</param>
/// <param name="Epochs">Of pruning and retraining, until then.</param>
/// <param name="Seconds">The same in time; dense training not counted.</param>
/// <param name="BestSeconds">
/// Time of the best try alone, as if its sensitivity had been known; NaN, in the file empty, where there is no such thing.
/// </param>
/// <param name="Kept">Live weights.</param>
/// <param name="Total">All weights, biases not counted.</param>
/// <param name="Validation">What decided.</param>
/// <param name="Test">Read after the last decision.</param>
/// <param name="DenseValidation">Of the dense network that all methods of this seed started from.</param>
/// <param name="DenseTest">The same on the test images.</param>
/// <param name="DenseSeconds">Of its training.</param>
/// <param name="AsLight">
/// Hand-set: seconds until dynamic first had a network within the budget with no more weights, infinite if it never had. Dynamic: the same
/// against the kindest retraining length. NaN where one side is missing. In the file seconds_as_light, empty where there is no such number,
/// and as_light: yes, no or, where one side is missing, empty.
/// </param>
internal sealed record StudyRow(
    string Network, ulong Seed, string Method, double Budget, int Retraining, int Tries, double Epochs, double Seconds, double BestSeconds,
    int Kept, int Total, double Validation, double Test, double DenseValidation, double DenseTest, double DenseSeconds,
    double AsLight = double.NaN)
{
    public const string HandSet = "hand-set", Dynamic = "dynamic", DynamicAsLight = "dynamic-as-light", Dense = "dense";

    private const string No = "no", Header =
        "network,seed,method,budget,retraining,tries,epochs,seconds,best_try_seconds,kept,total,ratio,validation_accuracy,test_accuracy,"
        + "dense_validation_accuracy,dense_test_accuracy,dense_seconds,seconds_as_light,as_light";

    /// <summary>total / kept.</summary>
    public double Ratio => (double)Total / Math.Max(1, Kept);

    /// <summary>Writes a whole file, or leaves what was there.</summary>
    public static void Write(string path, IEnumerable<StudyRow> rows) => CsvTable.WriteWhole(path, Header, rows.Select(r => new[]
    {
        r.Network, Csv.Whole(r.Seed), r.Method, Csv.Digits(r.Budget), r.Retraining == 0 ? "" : Csv.Whole(r.Retraining), Csv.Whole(r.Tries),
        Csv.Short(r.Epochs), Time(r.Seconds), Time(r.BestSeconds), Csv.Whole(r.Kept), Csv.Whole(r.Total), Csv.Two(r.Ratio),
        Csv.Two(r.Validation), Csv.Two(r.Test), Csv.Two(r.DenseValidation), Csv.Two(r.DenseTest), Time(r.DenseSeconds), Time(r.AsLight),
        double.IsNaN(r.AsLight) ? "" : double.IsInfinity(r.AsLight) ? No : "yes",
    }));

    /// <exception cref="UserException">BadFile: it is no study.csv.</exception>
    public static IReadOnlyList<StudyRow> Read(string path) => CsvTable.ReadOrRefuse(path, "the study.csv of a study", f => new StudyRow(
        f[0], ulong.Parse(f[1], CultureInfo.InvariantCulture), f[2], Number(f[3]), f[4].Length == 0 ? 0 : Whole(f[4]), Whole(f[5]),
        Number(f[6]), Number(f[7]), Number(f[8]), Whole(f[9]), Whole(f[10]), Number(f[12]), Number(f[13]), Number(f[14]), Number(f[15]),
        Number(f[16]), f[18] == No ? double.PositiveInfinity : Number(f[17])),
        [.. Header.Split(',')[..^1], $"as_light{CsvTable.Optional}"]);

    private static string Time(double seconds) => double.IsFinite(seconds) ? Csv.Three(seconds) : "";

    private static double Number(string text) => text switch
    {
        "" => double.NaN,
        // In studies from before there was a column as_light.
        "never" => double.PositiveInfinity,
        _ => double.Parse(text, CultureInfo.InvariantCulture),
    };

    private static int Whole(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>A row of answers.csv: which test images a network has wrong, for tests that pair images.</summary>
internal sealed record StudyAnswers(
    string Network, ulong Seed, string Method, double Budget, int Retraining, int Images, IReadOnlyList<int> Wrong)
{
    private const string Header = "network,seed,method,budget,retraining,images,wrong";

    public static StudyAnswers Of(string network, ulong seed, string method, double budget, int retraining, Outcomes test)
    {
        ArgumentNullException.ThrowIfNull(test);
        return new(
            network, seed, method, budget, retraining, test.Correct.Length,
            [.. test.Correct.Index().Where(c => !c.Item).Select(c => c.Index)]);
    }

    public static void Write(string path, IEnumerable<StudyAnswers> rows) => CsvTable.WriteWhole(path, Header, rows.Select(r => new[]
    {
        r.Network, Csv.Whole(r.Seed), r.Method, Csv.Digits(r.Budget), Csv.Whole(r.Retraining), Csv.Whole(r.Images),
        string.Join(' ', r.Wrong),
    }));

    /// <exception cref="UserException">BadFile: it is no answers.csv.</exception>
    public static IReadOnlyList<StudyAnswers> Read(string path) => CsvTable.ReadOrRefuse(
        path, "the answers.csv of a study", f => new StudyAnswers(
            f[0], ulong.Parse(f[1], CultureInfo.InvariantCulture), f[2], double.Parse(f[3], CultureInfo.InvariantCulture),
            int.Parse(f[4], CultureInfo.InvariantCulture), int.Parse(f[5], CultureInfo.InvariantCulture),
            [.. f[6].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => int.Parse(w, CultureInfo.InvariantCulture))]),
        Header.Split(','));
}
