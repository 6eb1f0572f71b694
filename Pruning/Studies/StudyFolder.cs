using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Model;
using Pruning.Runs;

namespace Pruning.Studies;

/// <summary>
/// Where a study lies: NETWORK/options.json, NETWORK/seed-N/UNIT/, and at the top what is gathered from all units. A unit is a run's
/// folder with its rows of <see cref="StudyRow"/> and <see cref="StudyAnswers"/> besides. It is made under a name that ends in .partial and
/// renamed when it is whole, so a unit that has its name is finished, however a study ended.
/// </summary>
public sealed class StudyFolder(string path)
{
    public const string Rows = "study.csv", Answers = "answers.csv", Table = "table.txt";

    /// <summary>In a unit of dynamic pruning: every network within a budget, as a row of method dynamic-as-light.</summary>
    public const string Within = "within.csv";

    private const string Partial = ".partial", SeedPrefix = "seed-";

    public string File(string name) => Path.Combine(path, name);

    /// <summary>The folder of a unit.</summary>
    public string Unit(string network, ulong seed, string unit) =>
        Path.Combine(path, RunFolder.Safe(network), string.Create(CultureInfo.InvariantCulture, $"{SeedPrefix}{seed}"), unit);

    public bool Has(string network, ulong seed, string unit) => Directory.Exists(Unit(network, seed, unit));

    /// <summary>Units of one network must have been asked for with the same options.</summary>
    /// <exception cref="UserException">Usage: the study in the folder began with others.</exception>
    public void Demand(string network, JsonObject options)
    {
        ArgumentNullException.ThrowIfNull(options);
        string folder = Path.Combine(path, RunFolder.Safe(network)), file = Path.Combine(folder, RunFolder.Options);
        // Before the first unit is whole there is nothing that other options could contradict.
        bool begins = !Directory.Exists(folder) || !Directory.EnumerateDirectories(folder, $"{SeedPrefix}*").Any(
            seed => Directory.EnumerateDirectories(seed).Any(unit => !unit.EndsWith(Partial, StringComparison.Ordinal)));
        if (begins || !System.IO.File.Exists(file))
        {
            AtomicFile.Write(file, stream =>
            {
                JsonSerializer.Serialize(stream, options, Terminal.Json);
                stream.WriteByte((byte)'\n');
            });
            return;
        }
        JsonObject? begun;
        try
        {
            begun = JsonNode.Parse(System.IO.File.ReadAllText(file)) as JsonObject;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.BadFile, $"{file}: expected the options of a study, found {e.Message}", e);
        }
        foreach (var (key, asked) in options)
        {
            if (!JsonNode.DeepEquals(begun?[key], asked))
                throw new UserException(ExitCode.Usage, $"{file}: this study began with {key} = {Show(begun?[key])}, asked for is {Show(asked)}");
        }

        static string Show(JsonNode? value) => value?.ToJsonString(new JsonSerializerOptions(Terminal.Json) { WriteIndented = false }) ?? "nothing";
    }

    /// <summary>Makes a unit by a run; if the run breaks off, what it saved stays under the partial name until it is tried again.</summary>
    public void Make(string network, ulong seed, string unit, Action<RunFolder> run)
    {
        ArgumentNullException.ThrowIfNull(run);
        string whole = Unit(network, seed, unit), partial = whole + Partial;
        try
        {
            if (Directory.Exists(partial))
                Directory.Delete(partial, recursive: true);
            run(RunFolder.Create(partial, "", force: false));
            Directory.Move(partial, whole);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.Failed, $"{whole}: expected a folder to write to, found {e.Message}", e);
        }
    }

    /// <summary>Reads all finished units and writes study.csv and answers.csv, sorted, with seconds_as_light filled in.</summary>
    public (IReadOnlyList<StudyRow> Rows, IReadOnlyList<StudyAnswers> Answers) Gather()
    {
        var rows = new List<StudyRow>();
        var answers = new List<StudyAnswers>();
        foreach (string seed in Directory.EnumerateDirectories(path).SelectMany(network => Directory.EnumerateDirectories(network, SeedPrefix + "*")))
        {
            string[] units = [.. Directory.EnumerateDirectories(seed).Where(u => !u.EndsWith(Partial, StringComparison.Ordinal))];
            List<T> All<T>(string name, Func<string, IReadOnlyList<T>> read) =>
                [.. units.Select(u => Path.Combine(u, name)).Where(System.IO.File.Exists).SelectMany(read)];
            var within = All(Within, StudyRow.Read);
            bool dynamic = units.Any(u => System.IO.File.Exists(Path.Combine(u, Within)));
            foreach (var row in All(Rows, StudyRow.Read))
            {
                if (row.Method != StudyRow.HandSet || !dynamic)
                {
                    rows.Add(row);
                    continue;
                }
                var light = within.Find(w => w.Budget == row.Budget && w.Kept <= row.Kept);
                rows.Add(row with { AsLight = light?.Seconds ?? double.PositiveInfinity });
                if (light is not null)
                    rows.Add(light with { Retraining = row.Retraining });
            }
            answers.AddRange(All(Answers, StudyAnswers.Read));
        }
        StudyRow[] all =
        [
            .. Kindness.Mark(rows).OrderBy(r => r.Network, StringComparer.Ordinal).ThenBy(r => r.Seed).ThenBy(r => r.Budget)
                .ThenByDescending(r => r.Method, StringComparer.Ordinal).ThenBy(r => r.Retraining),
        ];
        StudyAnswers[] paired =
        [
            .. answers.OrderBy(a => a.Network, StringComparer.Ordinal).ThenBy(a => a.Seed).ThenBy(a => a.Budget)
                .ThenByDescending(a => a.Method, StringComparer.Ordinal).ThenBy(a => a.Retraining),
        ];
        StudyRow.Write(File(Rows), all);
        StudyAnswers.Write(File(Answers), paired);
        return (all, paired);
    }
}
