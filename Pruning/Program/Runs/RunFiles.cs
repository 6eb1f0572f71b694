using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program.Studies;
using Secateurs.Pruning.Methods;

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

/// <summary>
/// What this program writes into the folders of runs: which files are its own, and which of them a new run leaves behind.
/// </summary>
internal static class RunFiles
{
    /// <summary>Bytes of an options.json at most.</summary>
    private const int MostOptions = 1 << 20;

    /// <summary>In the folder of a further budget.</summary>
    private static readonly string[] OfDrop =
    [
        RunFolder.Model, RunFolder.Summary, RunFolder.Coded, RunFolder.Compression, RunFolder.CompressOptions,
    ];

    private static readonly string[] OfCompression = [RunFolder.Coded, RunFolder.Compression, RunFolder.CompressOptions];

    private static readonly string[] Own =
    [
        RunFolder.Iterations, RunFolder.Layers, RunFolder.Summary, RunFolder.Comparison, RunFolder.Options, RunFolder.Environment,
        RunFolder.Model, RunFolder.Dense, RunFolder.Curves, RunFolder.Report, RunFolder.Log, .. OfCompression, StudyUnit.Rows,
        StudyUnit.Answers, StudyUnit.Within, RunFolder.Certificates,
    ];

    /// <summary>All names that this program gives to files of runs.</summary>
    public static IReadOnlyList<string> Names => Own;

    /// <summary>Whether a run of this program wrote here: the options that it begins with name its verb.</summary>
    public static bool IsRun(string folder) => Verb(Path.Combine(folder, RunFolder.Options)) is not null
        || Verb(Path.Combine(folder, RunFolder.CompressOptions)) is not null;

    /// <summary>
    /// Where a run of a folder lies that has begun and not ended: in the folder itself, or in one inside that is to replace it, of several
    /// the last; null where there is none.
    /// </summary>
    public static string? Half(string home) => !Directory.Exists(home) ? null
        : Partials(home).OrderByDescending(p => p.Length).ThenByDescending(p => p, StringComparer.Ordinal).Append(home)
            .FirstOrDefault(IsHalf);

    /// <summary>What a run began with: its options.json, or what stands for it in a compression.</summary>
    public static string Begun(string place) =>
        Path.Combine(place, Verb(Path.Combine(place, RunFolder.Options)) is null ? RunFolder.CompressOptions : RunFolder.Options);

    private static bool IsHalf(string place)
    {
        string begun = Begun(place), end = Path.GetFileName(begun) == RunFolder.Options ? RunFolder.Summary : RunFolder.Compression;
        return Verb(begun) is not null
            && (Directory.Exists(Path.Combine(place, RunFolder.Resume)) || !File.Exists(Path.Combine(place, end)));
    }

    /// <summary>That a run may replace what is in a folder.</summary>
    /// <exception cref="UserException">
    /// Usage: a file that no run of this program wrote has a name that is needed, or the run's own input has.
    /// </exception>
    public static void Demand(string folder, RunOutputs writes)
    {
        foreach (string part in writes.Networks.Select(n => Path.GetDirectoryName(n)!).Append("").Distinct())
        {
            string place = Path.Combine(folder, part);
            if (part.Length > 0 && FilePaths.IsLink(place))
                throw new UserException(ErrorKind.Usage, $"{place}: expected a folder of a run, found a link; name another folder");
            if (Own.FirstOrDefault(n => Directory.Exists(Path.Combine(place, n))) is { } folderThere)
            {
                throw new UserException(
                    ErrorKind.Usage, $"{Path.Combine(place, folderThere)}: expected a file of a run, found a folder; name another folder");
            }
            if (part.Length > 0 && File.Exists(place))
                throw new UserException(ErrorKind.Usage, $"{place}: expected a folder of a run, found a file; name another folder");
            bool run = IsRun(place) || (RunFolder.BudgetOf(part) is not null && IsRun(folder));
            if (!run && Own.FirstOrDefault(n => IsThere(Path.Combine(place, n))) is { } taken)
            {
                throw new UserException(
                    ErrorKind.Usage,
                    $"{Path.Combine(place, taken)}: expected a file of a run, found one that no run wrote; name another folder");
            }
        }
        if (writes.Input is { } input && writes.Networks.FirstOrDefault(n => FilePaths.AreSame(Path.Combine(folder, n), input)) is { } own)
        {
            throw new UserException(
                ErrorKind.Usage,
                $"{Path.Combine(folder, own)}: expected another folder, found the network that is read; name another with --out");
        }
    }

    /// <summary>A name for a run that is to replace another.</summary>
    public static string FreePartial(string folder)
    {
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(
                folder, number == 1 ? RunFolder.Partial : string.Create(CultureInfo.InvariantCulture, $"{RunFolder.Partial}-{number}"));
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
        // What a search that was broken off saved is no concern of a network that is coded.
        var partials = Partials(home).Where(p => p != stage && (!writes.Adds || Verb(Path.Combine(p, RunFolder.Options)) is null));
        foreach (string place in partials)
            Sweep(place);
        // A search that was broken off in the folder itself may go on after it got a coded network.
        foreach (string place in partials.Prepend(home).Where(p => !writes.Adds || Verb(Path.Combine(p, RunFolder.Options)) is null))
            foreach (string file in Journal.Files(Path.Combine(place, RunFolder.Resume)))
                yield return file;
        foreach (var (place, names) in partials.Prepend(home).SelectMany(p => Parts(p, writes.Adds)))
        {
            foreach (string file in names.Select(n => Path.Combine(place, n)).Where(File.Exists))
            {
                bool replaced = File.Exists(Path.Combine(stage, Path.GetRelativePath(home, file)));
                if (!replaced && (writes.Input is not { } input || !FilePaths.AreSame(file, input)))
                    yield return file;
            }
        }
    }

    /// <summary>Removes what killed processes left of files of runs.</summary>
    public static void Sweep(string folder)
    {
        foreach (string name in Own.Append(StudyFolder.Table))
            AtomicFile.Sweep(folder, name);
    }

    /// <summary>
    /// A run's folder and those inside that belong to it, links excepted: of further budgets, and of a comparison's sides.
    /// </summary>
    private static IEnumerable<(string Folder, string[] Names)> Parts(string run, bool coded)
    {
        yield return (run, coded ? OfCompression : Own);
        if (coded || Verb(Path.Combine(run, RunFolder.Options)) is not { } verb)
            yield break;
        foreach (string inner in Directory.EnumerateDirectories(run).Where(d => !FilePaths.IsLink(d)))
        {
            string name = Path.GetFileName(inner);
            if (verb == "compare" && RunFolder.Sides.Contains(name))
                yield return (inner, Own);
            else if (RunFolder.BudgetOf(name) is not null && File.Exists(Path.Combine(inner, RunFolder.Model)))
                yield return (inner, OfDrop);
        }
    }

    /// <summary>Runs that were to replace another, in folders as <see cref="FreePartial"/> names them.</summary>
    private static IEnumerable<string> Partials(string home) => Directory.EnumerateDirectories(home, $"{RunFolder.Partial}*")
        .Where(d => IsPartial(Path.GetFileName(d)) && IsRun(d) && !FilePaths.IsLink(d));

    /// <summary>Those of which nothing is left, not even a run's options.</summary>
    public static IEnumerable<string> EmptyPartials(string home) => Directory.EnumerateDirectories(home, $"{RunFolder.Partial}*")
        .Where(d => IsPartial(Path.GetFileName(d)) && !IsRun(d));

    private static bool IsPartial(string name) => name == RunFolder.Partial
        || (name.StartsWith($"{RunFolder.Partial}-", StringComparison.Ordinal)
            && name[(RunFolder.Partial.Length + 1)..].All(char.IsAsciiDigit));

    private static string? Verb(string file)
    {
        try
        {
            if (new FileInfo(file) is not { Exists: true, LinkTarget: null, Length: < MostOptions })
                return null;
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("verb", out var verb)
                ? verb.ToString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsThere(string path) => Path.Exists(path) || FilePaths.IsLink(path);
}
