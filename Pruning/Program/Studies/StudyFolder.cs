using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Studies;

/// <summary>
/// Where a study lies: NETWORK/options.json, NETWORK/seed-N/UNIT/, and at the top what is gathered from all units. A unit that has its name
/// is whole, however a study ended: it is made in UNIT.partial, which its process holds meanwhile, and renamed. So several processes may
/// work on one study, each at units that no other has; what is decided for all of them (options, claims, tables) is decided by one at a
/// time.
/// </summary>
internal sealed class StudyFolder(string path, CancellationToken cancellation = default)
{
    public const string Table = "table.txt";

    /// <summary>What the study was called with, each call once.</summary>
    public const string Calls = "study.json";

    private const string Partial = ".partial", SeedPrefix = "seed-";

    /// <summary>Between looks at the folder, in milliseconds, and as many again by chance, so that many do not look at once.</summary>
    private const int Pause = 20;

    /// <summary>
    /// How long the folder is waited for. One process of a study holds it for a look or a small file, and while it makes tables; where
    /// hundreds begin at once, on a file system over a network, these add up.
    /// </summary>
    public static readonly TimeSpan AmongFew = TimeSpan.FromSeconds(5), AmongMany = TimeSpan.FromMinutes(2);

    /// <summary>Who holds the folder for longer than this is no study.</summary>
    internal TimeSpan Patience { get; init; } = AmongFew;

    public string File(string name) => Path.Combine(path, name);

    /// <summary>The folder of a unit.</summary>
    public string Unit(string network, ulong seed, string unit) =>
        Path.Combine(Network(network), string.Create(CultureInfo.InvariantCulture, $"{SeedPrefix}{seed}"), unit);

    /// <summary>Whether a study was begun here.</summary>
    public bool IsStudy => Directory.Exists(path) && (StudyOptions.Are(File(Calls)) || Directory.EnumerateDirectories(path)
        .Any(n => StudyOptions.Are(Path.Combine(n, RunFolder.Options)) || Seeds(n).Length > 0));

    /// <summary>That several processes can be kept apart here.</summary>
    /// <exception cref="UserException">Failed: the file system takes no locks.</exception>
    public void DemandLocks()
    {
        using var held = Hold();
        using var second = FolderLock.TryTake(path);
        if (second is not null)
        {
            throw new UserException(
                ErrorKind.Failed,
                $"{path}: expected a file system that locks files, found one that does not; NFS and Lustre can be mounted so that they do");
        }
    }

    /// <summary>Whether a unit is finished.</summary>
    /// <exception cref="UserException">BadFile: it is, but some of it is missing.</exception>
    public bool Has(string network, ulong seed, string unit)
    {
        string folder = Unit(network, seed, unit);
        if (!Path.Exists(folder))
            return false;
        StudyUnit.Demand(folder);
        return true;
    }

    /// <summary>Those units that are neither finished nor being made. What is left of finished ones goes.</summary>
    public string[] Free(string network, ulong seed, IEnumerable<string> units)
    {
        using var held = HoldIfThere();
        return [.. units.Where(u => !IsFinished(u) && !IsClaimed(Unit(network, seed, u) + Partial))];

        bool IsFinished(string unit)
        {
            if (!Has(network, seed, unit))
                return false;
            TidyFinished(Unit(network, seed, unit));
            return true;
        }
    }

    /// <summary>That the folder can take a study of a network: it is new, or a study's that began with the same options.</summary>
    /// <exception cref="UserException">Usage: it is not. BadFile: the options in it cannot be read.</exception>
    public void Demand(string network, JsonObject options)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var held = HoldIfThere();
        if (held is null)
            return;
        RunFiles.Sweep(path);
        string? other = Directory.EnumerateFileSystemEntries(path).Select(e => Path.GetFileName(e)).Where(n => n != FolderLock.Name)
            .Order(StringComparer.Ordinal).FirstOrDefault();
        if (!IsStudy && other is not null)
        {
            throw new UserException(
                ErrorKind.Usage, $"{path}: expected a new folder or that of a study, found one with files ({other}, ...)");
        }
        if (!Begins(network))
            StudyOptions.Demand(OptionsFile(network), options);
    }

    /// <summary>
    /// Makes a unit by a run. If that breaks off, what it saved stays under the partial name until the unit was made after all.
    /// </summary>
    /// <param name="network">Of the unit.</param>
    /// <param name="seed">Of the unit.</param>
    /// <param name="unit">Its name.</param>
    /// <param name="options">What all units of the network have in common.</param>
    /// <param name="run">Makes it in a folder, which may hold a part of it already.</param>
    /// <param name="goesOn">Whether the run in a folder that was broken off is one to go on with; else another begins.</param>
    /// <returns>False where another process makes it, or has made it.</returns>
    /// <exception cref="UserException">As <see cref="Demand"/>. Failed: the folder cannot be written.</exception>
    public bool Make(string network, ulong seed, string unit, JsonObject options, Action<RunFolder> run, Func<string, bool>? goesOn = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(run);
        string whole = Unit(network, seed, unit), partial = whole + Partial;
        if (Claim() is not { } claim)
            return false;
        using (claim)
        {
            string? half = RunFiles.Half(partial) is { } broken && goesOn?.Invoke(broken) == true ? broken : null;
            string made = half ?? RunFiles.FreePartial(partial);
            using (var into = half is null ? RunFolder.Create(made, "", force: false)
                : RunFolder.Reopen(made, made, RunOutputs.OfSearch()))
            {
                run(into);
                into.Finish();
            }
            try
            {
                Directory.Move(made, whole);
                Tidy(partial, made);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UserException(ErrorKind.Failed, $"{whole}: expected to take the unit from {made}, found {e.Message}", e);
            }
        }
        RemoveEmpty(partial);
        return true;

        FolderLock? Claim()
        {
            using var held = Hold();
            string home = Path.GetDirectoryName(whole)!;
            LookAnew(Network(network));
            LookAnew(home);
            if (Has(network, seed, unit))
                return null;
            if (FilePaths.IsLink(partial))
                throw new UserException(ErrorKind.Failed, $"{partial}: expected a folder, found a link");
            // Whoever has a claim has these options: before the first one there is nothing that others could contradict.
            if (Begins(network))
                StudyOptions.Write(OptionsFile(network), options);
            else
                StudyOptions.Demand(OptionsFile(network), options);
            if (FolderLock.TryTake(partial) is not { } taken)
                return null;
            // Who had the claim may have finished the unit before giving it back.
            LookAnew(home);
            if (!Has(network, seed, unit))
                return taken;
            taken.Dispose();
            RemoveEmpty(partial);
            return null;
        }
    }

    /// <summary>
    /// Reads all finished units, fills in seconds_as_light, and writes study.csv, answers.csv and table.txt: of several processes that end
    /// at once the last one writes what all have made.
    /// </summary>
    /// <exception cref="UserException">BadFile: a unit is damaged. Failed: the tables cannot be written.</exception>
    public (StudySummary Summary, string Text) Gather()
    {
        using var held = Hold();
        foreach (string network in Directory.GetDirectories(path).Where(n => Seeds(n).Length > 0))
        {
            LookAnew(network);
            Array.ForEach(Seeds(network), LookAnew);
        }
        var (rows, answers) = StudyTables.Of(Directory.EnumerateDirectories(path).SelectMany(Seeds));
        var summary = StudySummary.Of(rows, answers);
        string text = StudyText.Of(summary);
        StudyRow.Write(File(StudyUnit.Rows), rows);
        StudyAnswers.Write(File(StudyUnit.Answers), answers);
        AtomicFile.Write(File(Table), stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
        return (summary, text);
    }

    /// <summary>Notes a call of the study, so that it can be gone on with.</summary>
    /// <param name="words">What was given.</param>
    /// <exception cref="UserException">BadFile: the calls before cannot be read. Failed: the folder cannot be written.</exception>
    public void Note(JsonArray words)
    {
        using var held = Hold();
        string[][] calls = StudyOptions.Calls(File(Calls));
        JsonArray all = [.. calls.Select(c => new JsonArray([.. c.Select(w => JsonValue.Create(w))]))];
        if (all.Any(c => JsonNode.DeepEquals(c, words)))
            return;
        all.Add(words);
        StudyOptions.Write(File(Calls), new JsonObject { ["verb"] = "study", ["calls"] = all });
    }

    private string Network(string network) => Path.Combine(path, RunFolder.Safe(network));

    private string OptionsFile(string network) => Path.Combine(Network(network), RunFolder.Options);

    private static string[] Seeds(string network) =>
        Directory.Exists(network) ? Directory.GetDirectories(network, $"{SeedPrefix}*") : [];

    private bool Begins(string network) => !Seeds(Network(network)).Any(
        seed => StudyUnit.In(seed).Length > 0 || Directory.EnumerateDirectories(seed, $"*{Partial}").Any(IsClaimed));

    /// <summary>
    /// A machine may remember for a minute what a folder on NFS had in it; once it has changed something there itself it asks anew.
    /// </summary>
    private static void LookAnew(string folder)
    {
        if (Directory.Exists(folder))
            FolderLock.TryTake(folder)?.Dispose();
    }

    /// <summary>Claims are taken by who holds the study, so that this look at one is in nobody's way.</summary>
    private static bool IsClaimed(string partial)
    {
        if (!Directory.Exists(partial) || FilePaths.IsLink(partial))
            return false;
        using var free = FolderLock.TryTake(partial);
        return free is null;
    }

    private FolderLock? HoldIfThere() => Path.Exists(path) ? Hold() : null;

    /// <summary>Holds the study as such, for a moment; units are held by themselves.</summary>
    /// <exception cref="UserException">Failed: a run works in the folder, or it cannot be written to.</exception>
    private FolderLock Hold()
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            if (FolderLock.TryTake(path) is { } held)
                return held;
            if (waited.Elapsed > Patience)
                throw new UserException(ErrorKind.Failed, $"{path}: expected a folder of its own, found one that another process works in");
            cancellation.WaitHandle.WaitOne(Pause + Random.Shared.Next(Pause + 1));
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Does what the process that made a unit was killed before.</summary>
    private static void TidyFinished(string whole)
    {
        string partial = whole + Partial;
        if (!Directory.Exists(partial) || FilePaths.IsLink(partial))
            return;
        using (var claim = FolderLock.TryTake(partial))
        {
            if (claim is null)
                return;
            Tidy(partial, whole);
        }
        RemoveEmpty(partial);
    }

    /// <summary>
    /// Removes what runs that were broken off left of a unit that is there now: their own files, and none through a link.
    /// </summary>
    private static void Tidy(string partial, string made)
    {
        foreach (string file in RunFiles.Stale(partial, made, RunOutputs.OfSearch()).Where(f => !FilePaths.IsLink(f)).ToArray())
            System.IO.File.Delete(file);
        foreach (string inner in Directory.EnumerateDirectories(partial).ToArray())
            RemoveEmpty(inner);
    }

    /// <summary>Removes folders in which nothing is left but the lock of a process that died, and the file that it was writing.</summary>
    private static void RemoveEmpty(string folder)
    {
        if (!Directory.Exists(folder) || FilePaths.IsLink(folder))
            return;
        try
        {
            foreach (string inner in Directory.GetDirectories(folder))
                RemoveEmpty(inner);
            using (var held = FolderLock.TryTake(folder))
            {
                if (held is not null)
                    AtomicFile.Sweep(folder);
                if (held is null || Directory.EnumerateFileSystemEntries(folder).Any(e => Path.GetFileName(e) != FolderLock.Name))
                    return;
            }
            Directory.Delete(folder);
        }
        catch (IOException)
        {
            // Another process has come: it removes the folder itself.
        }
    }
}
