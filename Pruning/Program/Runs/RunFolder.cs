using System.Globalization;
using System.Text.Json;
using Secateurs.Model;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Runs;

/// <summary>
/// The folder of one run, which no other process can work in meanwhile. Nothing in it is written over unless that is asked for, and then a
/// run of this program only: the new run grows in a folder inside, <see cref="Partial"/>, and takes the old one's place when it is whole
/// (<see cref="Finish"/>). A folder that the program names itself gets a number where the name is taken.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    public const string Iterations = "iterations.csv", Layers = "layers.csv", Summary = "summary.csv", Comparison = "comparison.csv",
        Options = "options.json", Environment = "environment.json", Model = ModelFile.Name, Dense = "dense.safetensors",
        Curves = "curves.svg", Report = "report.html", Log = "log.txt", Coded = ModelFile.CodedName, Compression = "compression.csv",
        CompressOptions = "compression.json", Certificates = "certificates.csv";

    /// <summary>Where a run grows that is to replace another; one that was broken off stays there, and the next takes partial-2.</summary>
    public const string Partial = "partial";

    /// <summary>Where a run keeps what it goes on from (<see cref="Methods.Journal"/>) until it is whole.</summary>
    public const string Resume = "resume";

    /// <summary>The two folders inside that of a comparison.</summary>
    public const string HandSet = "hand-set", Dynamic = "dynamic";

    /// <summary>Both.</summary>
    public static IReadOnlyList<string> Sides { get; } = [HandSet, Dynamic];

    private readonly string _home;
    private readonly FolderLock? _lock;
    private readonly RunFolder? _outer;
    private readonly List<RunFolder> _inner = [];
    private readonly Func<RunFolder, IEnumerable<string>> _stale;
    private string? _stage;
    private Journal? _journal;
    private bool _ended;

    private RunFolder(string home, FolderLock? @lock, string? stage, RunFolder? outer, Func<RunFolder, IEnumerable<string>> stale)
    {
        (_home, _lock, _stage, _outer, _stale) = (home, @lock, stage, outer, stale);
        Make(Path);
    }

    /// <summary>Where the run's files lie now.</summary>
    public string Path => _outer is null ? _stage ?? _home : System.IO.Path.Combine(_outer.Path, System.IO.Path.GetFileName(_home));

    /// <summary>Whether the run is to replace another.</summary>
    public bool Replaces => _stage is not null;

    /// <summary>What the user or the program named.</summary>
    public string Home => _home;

    /// <summary>Is told, when the folder is given back, whether the run in it has begun and not ended, but can go on.</summary>
    public Action<bool>? Left { get; set; }

    /// <summary>Claims the folder.</summary>
    /// <param name="asked">Named by the user, or null.</param>
    /// <param name="name">What the program calls it under runs/; characters that are awkward in a path are replaced.</param>
    /// <param name="force">Whether a run in it may be replaced.</param>
    /// <param name="writes">What the run ends with; null for a search in the folder itself.</param>
    /// <exception cref="UserException">Usage: it is not empty, another process works in it, or it holds what no run wrote or what this one
    /// reads. Failed: it cannot be made.</exception>
    public static RunFolder Create(string? asked, string name, bool force, RunOutputs? writes = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        writes ??= RunOutputs.OfSearch();
        string path = asked ?? System.IO.Path.Combine("runs", Safe(name));
        if (asked is not null || force)
            return Claim(path, force, writes) ?? throw Bad(path, "a folder of its own", "one that another process works in");
        for (int number = 1; ; number++)
        {
            string free = number == 1 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}-{number}");
            if (!System.IO.Path.Exists(free) && Claim(free, force, writes, mustBeEmpty: true) is { } claimed)
                return claimed;
        }
    }

    /// <summary>Claims a folder whose run has begun and is to go on.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="half">What <see cref="RunFiles.Half"/> found in it.</param>
    /// <param name="writes">What the run ends with.</param>
    /// <exception cref="UserException">As <see cref="Create"/>.</exception>
    public static RunFolder Reopen(string path, string half, RunOutputs writes)
    {
        if (FolderLock.TryTake(path) is not { } held)
            throw Bad(path, "a folder of its own", "one that another process works in");
        try
        {
            RunFiles.Sweep(half);
            if (half == path)
                return new RunFolder(path, held, null, null, _ => []);
            RunFiles.Demand(path, writes);
            return new RunFolder(path, held, half, null, Replaced(writes));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>What the run has done so far: nothing, or where it goes on.</summary>
    /// <param name="about">What its course depends on.</param>
    /// <exception cref="UserException">As <see cref="Methods.Journal(string, IReadOnlyDictionary{string, string})"/>.</exception>
    public Journal Begin(IReadOnlyDictionary<string, string> about) => _journal = new Journal(File(Resume), about);

    /// <summary>What was done leads nowhere: training that diverged would do so again.</summary>
    public void GiveUp()
    {
        _outer?.GiveUp();
        _ended = true;
        _journal?.Dispose();
        Journal.Delete(File(Resume));
    }

    /// <summary>A name without the characters that are awkward in a path.</summary>
    public static string Safe(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '@' ? c : '-'));

    /// <summary>A folder inside this one, for one of several runs.</summary>
    public RunFolder Inner(string name)
    {
        string home = System.IO.Path.Combine(_home, name);
        // Beside a run that is to be replaced nothing is made before the new one is whole.
        var held = Replaces && !Directory.Exists(home) ? null
            : FolderLock.TryTake(home) ?? throw Bad(home, "a folder of its own", "one that another process works in");
        _inner.Add(new RunFolder(home, held, null, this, _ => []));
        return _inner[^1];
    }

    /// <summary>The folder inside this one for a further budget of the same search: drop-0.5.</summary>
    public RunFolder Drop(double budget) => Inner(DropName(budget));

    /// <summary>Its name.</summary>
    public static string DropName(double budget) => string.Create(CultureInfo.InvariantCulture, $"drop-{budget}");

    /// <summary>The budget of a folder of that name; null of any other name.</summary>
    public static double? BudgetOf(string name) =>
        name.StartsWith("drop-", StringComparison.Ordinal)
        && double.TryParse(name["drop-".Length..], NumberStyles.Float, CultureInfo.InvariantCulture, out double budget)
        && DropName(budget) == name ? budget : null;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The run is whole and its files are closed: where it is to replace another it does so now.</summary>
    /// <exception cref="UserException">Failed: a file cannot be moved; what was not moved is where it was.</exception>
    public void Finish()
    {
        string from = Path, journal = File(Resume);
        using var busy = AtomicFile.Busy();
        try
        {
            _journal?.Dispose();
            if (_stage is { } stage)
                Replace(stage);
            // The last to go: as long as it is there, a run that was broken off here comes to its end again.
            Journal.Delete(journal);
            _ended = true;
            foreach (string left in RunFiles.EmptyPartials(_home).ToArray())
            {
                Journal.Delete(System.IO.Path.Combine(left, Resume));
                RemoveEmpty(left);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.Failed, $"{_home}: expected to take the run from {from}, found {e.Message}", e);
        }
    }

    private void Replace(string stage)
    {
        string[] stale = [.. _stale(this)];
        Move(stage, _home);
        _stage = null;
        foreach (string file in stale.Where(f => !FilePaths.IsLink(f)))
            System.IO.File.Delete(file);
        foreach (string left in stale.Select(f => System.IO.Path.GetDirectoryName(f)!).Append(stage).Distinct())
            RemoveEmpty(left);
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        foreach (var inner in _inner)
            inner.Dispose();
        _journal?.Dispose();
        _lock?.Dispose();
        Left?.Invoke(!_ended && RunFiles.Half(_home) is not null);
    }

    /// <summary>Writes a JSON file.</summary>
    public void WriteJson(string name, object value) => AtomicFile.Write(File(name), stream =>
    {
        JsonSerializer.Serialize(stream, value, Terminal.Json);
        stream.WriteByte((byte)'\n');
    });

    /// <summary>Writes a text file.</summary>
    public void WriteText(string name, string text) =>
        AtomicFile.Write(File(name), stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes summary.csv: one row a method.</summary>
    public void WriteSummary(params IEnumerable<SummaryRow> rows) => CsvTable.WriteWhole(
        File(Summary),
        "network,method,device,seed,dense_epochs,prune_epochs,dense_seconds,prune_seconds,dense_validation_accuracy,dense_test_accuracy,"
        + "validation_accuracy,test_accuracy,kept,total,ratio,confidence,certified_loss",
        rows.Select(r => new[]
        {
            r.Network, r.Method, r.Device, Csv.Whole(r.Seed), Csv.Short(r.DenseEpochs), Csv.Short(r.PruneEpochs), Csv.Three(r.DenseSeconds),
            Csv.Three(r.PruneSeconds), Csv.Two(r.DenseValidationAccuracy), Csv.Two(r.DenseTestAccuracy), Csv.Two(r.ValidationAccuracy),
            Csv.Two(r.TestAccuracy), Csv.Whole(r.Kept), Csv.Whole(r.Total), Csv.Two(r.Ratio),
            r.Confidence > 0 ? Csv.Digits(r.Confidence) : "", double.IsNaN(r.CertifiedLoss) ? "" : Csv.Two(r.CertifiedLoss),
        }));

    /// <summary>Writes certificates.csv: one row a network that was tested, from heavy to light; of each budget the first that fails
    /// is the last.</summary>
    public void WriteCertificates(IEnumerable<Certificate> certificates) => CsvTable.WriteWhole(
        File(Certificates), "budget,confidence,iteration,kept,images,new_images,lost,gained,bound,certified",
        certificates.Select(c => new[]
        {
            Csv.Digits(c.Budget), Csv.Digits(c.Confidence), Csv.Whole(c.Iteration), Csv.Whole(c.Kept), Csv.Whole(c.Images),
            Csv.Whole(c.NewImages), Csv.Whole(c.Lost), Csv.Whole(c.Gained), Csv.Three(c.Bound), c.Holds ? "yes" : "no",
        }));

    /// <summary>Null where another process has it, or where it must be empty and is not.</summary>
    private static RunFolder? Claim(string path, bool force, RunOutputs writes, bool mustBeEmpty = false)
    {
        if (System.IO.File.Exists(path))
            throw Bad(path, "a folder", "a file");
        if (FolderLock.TryTake(path) is not { } held)
            return null;
        try
        {
            RunFiles.Sweep(path);
            string? taken = Directory.EnumerateFileSystemEntries(path).Select(e => System.IO.Path.GetFileName(e))
                .Where(n => n != FolderLock.Name).Order(StringComparer.Ordinal).FirstOrDefault();
            if (taken is null)
                return new RunFolder(path, held, null, null, _ => []);
            bool holdsRun = RunFiles.IsRun(path);
            if (!force && !mustBeEmpty)
                throw Bad(path, "a new folder", !holdsRun ? $"one with files ({taken}, ...)"
                    : RunFiles.Half(path) is not null
                    ? $"one with a run that was broken off (`{Terminal.Command} resume {Terminal.Quoted(path)}` goes on with it, "
                        + "--force replaces it)"
                    : writes.Adds ? "one with a run (--force adds the coded network, in the place of one that is there)"
                    : "one with a run (--force replaces it when the new one is whole)");
            if (!force)
            {
                held.Dispose();
                return null;
            }
            RunFiles.Demand(path, writes);
            return new RunFolder(path, held, RunFiles.FreePartial(path), null, Replaced(writes));
        }
        catch (Exception e)
        {
            held.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw new UserException(ErrorKind.Failed, $"{path}: expected a folder to write to, found {e.Message}", e);
            throw;
        }
    }

    private static Func<RunFolder, IEnumerable<string>> Replaced(RunOutputs writes) =>
        folder => RunFiles.Stale(folder._home, folder._stage!, writes);

    private static void Make(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.Failed, $"{path}: expected a folder to write to, found {e.Message}", e);
        }
    }

    /// <summary>Each file takes the place of the one of its name; where that is a link, of its target.</summary>
    private static void Move(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string inner in Directory.EnumerateDirectories(from).Where(d => System.IO.Path.GetFileName(d) != Resume))
        {
            string into = System.IO.Path.Combine(to, System.IO.Path.GetFileName(inner));
            if (FilePaths.IsLink(into))
                throw new IOException($"a link at {into}");
            Move(inner, into);
        }
        // While its options are there, what is left of the run is known as one.
        foreach (string file in Directory.EnumerateFiles(from).OrderBy(f => System.IO.Path.GetFileName(f) is Options or CompressOptions))
        {
            string target = System.IO.Path.Combine(to, System.IO.Path.GetFileName(file));
            if (FilePaths.IsLink(target))
            {
                AtomicFile.Write(target, stream =>
                {
                    using var content = System.IO.File.OpenRead(file);
                    content.CopyTo(stream);
                });
                System.IO.File.Delete(file);
            }
            else
            {
                System.IO.File.Move(file, target, overwrite: true);
            }
        }
        RemoveEmpty(from);
    }

    private static void RemoveEmpty(string folder)
    {
        if (!Directory.Exists(folder) || FilePaths.IsLink(folder))
            return;
        foreach (string inner in Sides.Select(n => System.IO.Path.Combine(folder, n)))
            RemoveEmpty(inner);
        if (!Directory.EnumerateFileSystemEntries(folder).Any())
            Directory.Delete(folder);
    }


    private static UserException Bad(string path, string expected, string found) =>
        new(ErrorKind.Usage, $"{path}: expected {expected}, found {found}");
}
