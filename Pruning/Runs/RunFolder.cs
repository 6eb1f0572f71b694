using System.Globalization;
using System.Text.Json;
using Model;

namespace Pruning.Runs;

/// <summary>
/// The folder of one run. A run is never written over unless that is asked for: a folder that the program names itself gets a number
/// where the name is taken, a folder that the user names must not hold a run.
/// </summary>
public sealed class RunFolder
{
    public const string Iterations = "iterations.csv", Layers = "layers.csv", Summary = "summary.csv", Comparison = "comparison.csv",
        Options = "options.json", Environment = "environment.json", Model = "model.safetensors", Dense = "dense.safetensors",
        Curves = "curves.svg", Log = "log.txt", Coded = "model.dcn", Compression = "compression.csv";

    private static readonly string[] Own = [Iterations, Layers, Summary, Comparison, Options, Environment, Model, Dense, Curves, Log, Coded, Compression];

    private RunFolder(string path)
    {
        Path = path;
        try
        {
            Directory.CreateDirectory(path);
            foreach (string name in Own)
                System.IO.File.Delete(File(name));
            foreach (string inner in Drops(path))
                _ = new RunFolder(inner);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.Failed, $"{path}: expected a folder to write to, found {e.Message}", e);
        }
    }

    public string Path { get; }

    /// <summary>Makes the folder.</summary>
    /// <param name="asked">Named by the user, or null.</param>
    /// <param name="name">What the program calls it under runs/; characters that are awkward in a path are replaced.</param>
    /// <param name="force">Whether a run in it may be replaced.</param>
    /// <exception cref="UserException">Usage: it holds a run. Failed: it cannot be made.</exception>
    public static RunFolder Create(string? asked, string name, bool force)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (asked is not null)
        {
            if (!force && Directory.Exists(asked) && Drops(asked).Prepend(asked).Any(f => Own.Any(n => System.IO.File.Exists(System.IO.Path.Combine(f, n)))))
                throw new UserException(ExitCode.Usage, $"{asked}: expected a folder without a run, found one (--force writes over it)");
            return new RunFolder(asked);
        }
        string path = System.IO.Path.Combine("runs", Safe(name));
        string free = path;
        for (int number = 2; !force && (Directory.Exists(free) || System.IO.File.Exists(free)); number++)
            free = $"{path}-{number}";
        return new RunFolder(free);
    }

    /// <summary>Folders of further budgets, which belong to the run in <paramref name="path"/>.</summary>
    private static string[] Drops(string path) => Directory.GetDirectories(path, "drop-*");

    /// <summary>A name without the characters that are awkward in a path.</summary>
    public static string Safe(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '@' ? c : '-'));

    /// <summary>A folder inside this one, for one of several runs.</summary>
    public RunFolder Inner(string name) => new(File(name));

    /// <summary>The folder inside this one for a further budget of the same search: drop-0.5.</summary>
    public RunFolder Drop(double budget) => Inner(string.Create(CultureInfo.InvariantCulture, $"drop-{budget}"));

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a JSON file.</summary>
    public void WriteJson(string name, object value) => AtomicFile.Write(File(name), stream =>
    {
        JsonSerializer.Serialize(stream, value, Terminal.Json);
        stream.WriteByte((byte)'\n');
    });

    /// <summary>Writes a text file.</summary>
    public void WriteText(string name, string text) => AtomicFile.Write(File(name), stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes summary.csv: one row a method.</summary>
    public void WriteSummary(params IEnumerable<SummaryRow> rows) => CsvTable.WriteWhole(
        File(Summary),
        "network,method,device,seed,dense_epochs,prune_epochs,dense_seconds,prune_seconds,dense_validation_accuracy,dense_test_accuracy,"
        + "validation_accuracy,test_accuracy,kept,total,ratio",
        rows.Select(r => new[]
        {
            r.Network, r.Method, r.Device, Csv.Whole(r.Seed), Csv.Short(r.DenseEpochs), Csv.Short(r.PruneEpochs), Csv.Three(r.DenseSeconds),
            Csv.Three(r.PruneSeconds), Csv.Two(r.DenseValidationAccuracy), Csv.Two(r.DenseTestAccuracy), Csv.Two(r.ValidationAccuracy),
            Csv.Two(r.TestAccuracy), Csv.Whole(r.Kept), Csv.Whole(r.Total), Csv.Two(r.Ratio),
        }));
}
