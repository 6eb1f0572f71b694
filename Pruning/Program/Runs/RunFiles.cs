using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Runs;

/// <summary>What a run ends with: the networks it writes, as paths inside its folder, and what it reads.</summary>
/// <param name="Networks">model.safetensors, dynamic/model.safetensors, ...</param>
/// <param name="Input">The network that it starts from; never written over.</param>
/// <param name="Adds">Whether it belongs to a run that may be there already, of which only files of its own kind are replaced.</param>
internal sealed record RunOutputs(IReadOnlyList<string> Networks, string? Input, bool Adds)
{
    /// <summary>A search, or a training: the network of its folder, and those of folders inside.</summary>
    public static RunOutputs OfSearch(string? input = null, params IEnumerable<string> inner) =>
        new([RunFolder.Model, .. inner.Select(i => Path.Combine(i, RunFolder.Model))], input, Adds: false);

    /// <summary>A coded network beside the network that it was made of.</summary>
    public static RunOutputs OfCompression(string input) => new([RunFolder.Coded], input, Adds: true);
}

/// <summary>What this program writes into the folders of runs: which files are its own, and which of them a new run leaves behind.</summary>
internal static class RunFiles
{
    /// <summary>Bytes of an options.json at most.</summary>
    private const int MostOptions = 1 << 20;

    private static readonly string[] OfCompression = [RunFolder.Coded, RunFolder.Compression, RunFolder.CompressOptions];

    private static readonly string[] Own =
    [
        RunFolder.Iterations, RunFolder.Layers, RunFolder.Summary, RunFolder.Comparison, RunFolder.Options, RunFolder.Environment, RunFolder.Model,
        RunFolder.Dense, RunFolder.Curves, RunFolder.Log, .. OfCompression, StudyUnit.Rows, StudyUnit.Answers, StudyUnit.Within,
    ];

    /// <summary>Whether a run of this program wrote here: the options that it begins with name its verb.</summary>
    public static bool IsRun(string folder) => Verb(Path.Combine(folder, RunFolder.Options)) is not null
        || Verb(Path.Combine(folder, RunFolder.CompressOptions)) is not null;

    /// <summary>That a run may replace what is in a folder.</summary>
    /// <exception cref="UserException">Usage: a file that no run of this program wrote has a name that is needed, or the run's own input has.</exception>
    public static void Demand(string folder, RunOutputs writes)
    {
        foreach (string part in writes.Networks.Select(n => Path.GetDirectoryName(n)!).Append("").Distinct())
        {
            string place = Path.Combine(folder, part);
            bool run = IsRun(place) || (IsDrop(part) && IsRun(folder));
            if (!run && Own.FirstOrDefault(n => IsThere(Path.Combine(place, n))) is { } taken)
                throw new UserException(ErrorKind.Usage, $"{Path.Combine(place, taken)}: expected a file of a run, found one that no run wrote; name another folder");
        }
        if (writes.Input is { } input && writes.Networks.FirstOrDefault(n => IsSame(Path.Combine(folder, n), input)) is { } own)
            throw new UserException(ErrorKind.Usage, $"{Path.Combine(folder, own)}: expected another folder, found the network that is read; name another with --out");
    }

    /// <summary>A name for a run that is to replace another.</summary>
    public static string FreePartial(string folder)
    {
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(folder, number == 1 ? RunFolder.Partial : string.Create(CultureInfo.InvariantCulture, $"{RunFolder.Partial}-{number}"));
            if (!Path.Exists(path))
                return path;
        }
    }

    /// <summary>Files of the run before that the new one does not replace: they would stand beside it as if they were its own.</summary>
    /// <param name="home">The run's folder.</param>
    /// <param name="stage">Where the new run is.</param>
    /// <param name="writes">What it ends with.</param>
    public static IEnumerable<string> Stale(string home, string stage, RunOutputs writes)
    {
        var names = writes.Adds ? OfCompression : Own;
        IEnumerable<string> places = [home, .. writes.Adds ? [] : Parts(home), .. Partials(home).Where(p => p != stage).SelectMany(p => Parts(p).Prepend(p))];
        foreach (string place in places)
        {
            bool partial = Path.GetRelativePath(home, place).StartsWith(RunFolder.Partial, StringComparison.Ordinal);
            foreach (string file in (partial ? Own : names).Select(n => Path.Combine(place, n)).Where(File.Exists))
            {
                bool replaced = File.Exists(Path.Combine(stage, Path.GetRelativePath(home, file)));
                if (!replaced && (writes.Input is not { } input || !IsSame(file, input)))
                    yield return file;
            }
            if (partial)
                AtomicFile.Sweep(place);
        }
    }

    /// <summary>Folders inside a run's that belong to it, links excepted: of further budgets, and of a comparison's sides.</summary>
    private static IEnumerable<string> Parts(string run)
    {
        string? verb = Verb(Path.Combine(run, RunFolder.Options));
        return verb is null ? [] : Directory.EnumerateDirectories(run).Where(d => !IsLink(d)
            && (IsDrop(Path.GetFileName(d)) || (verb == "compare" && RunFolder.Sides.Contains(Path.GetFileName(d)))));
    }

    private static IEnumerable<string> Partials(string home) => Directory.EnumerateDirectories(home, $"{RunFolder.Partial}*").Where(d => IsRun(d) && !IsLink(d));

    /// <summary>drop-0.5.</summary>
    private static bool IsDrop(string name) => name.StartsWith("drop-", StringComparison.Ordinal)
        && double.TryParse(name["drop-".Length..], NumberStyles.Float, CultureInfo.InvariantCulture, out double budget) && RunFolder.DropName(budget) == name;

    private static string? Verb(string file)
    {
        try
        {
            if (new FileInfo(file) is not { Exists: true, LinkTarget: null, Length: < MostOptions })
                return null;
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("verb", out var verb) ? verb.ToString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether two paths lead to one file, by whatever links.</summary>
    public static bool IsSame(string a, string b) => Resolved(a) == Resolved(b);

    /// <summary>The path without links on the way, or the path itself where nothing is there.</summary>
    private static string Resolved(string path)
    {
        path = Path.GetFullPath(path);
        if (Path.GetDirectoryName(path) is not { } folder)
            return path;
        return IsLink(path) ? Resolved(File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName) : Path.Combine(Resolved(folder), Path.GetFileName(path));
    }

    private static bool IsThere(string path) => Path.Exists(path) || IsLink(path);

    private static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;
}
