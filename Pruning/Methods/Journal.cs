using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// What a run has done so far, on the disk, so that it can go on after its process has ended in any way. A run is a sequence of steps
/// (<see cref="Step"/>: training, whose outcome is the trainer's state) and measurements (<see cref="Recall"/>: values), and between them
/// of decisions that follow from these. A run that goes on takes the same course from its beginning; what is recorded is not done again:
/// values come from the journal, states from their files. So nothing of what decides has to be saved, and it ends with the same bits.
/// </summary>
/// <remarks>
/// A line of JSON for each record, and N.safetensors, the state after step N. Those of steps that are not kept replace one another, and
/// writing them takes a twentieth of the time at most: a run that goes on repeats what is younger than the last. A line is written when its
/// state is whole; one that is torn does not count.
/// </remarks>
public sealed partial class Journal : IDisposable
{
    private const string LinesName = "journal.jsonl";

    /// <summary>Of a run's time that goes into states that are not kept, at most.</summary>
    private const double Share = 0.05;

    /// <param name="Value">What a step or a measurement came to.</param>
    /// <param name="Place">After a step, where the order of images stands.</param>
    /// <param name="Kept">Whether the state after it is needed until the run ends.</param>
    private sealed record Line(JsonElement Value, OrderPlace? Place = null, bool Kept = false);

    private readonly string _folder;
    private readonly IReadOnlyDictionary<string, string> _about;
    private readonly JournalLines _lines;
    private readonly List<Line> _recorded = [];
    private readonly Stopwatch _sinceState = Stopwatch.StartNew();
    private int _next;
    private int? _replaceable;
    private TimeSpan _cost;

    /// <summary>Begins a journal, or takes one up.</summary>
    /// <param name="folder">Where it is; made with the first record.</param>
    /// <param name="about">All that the course of the run depends on, by name: as recorded when it began, else it is another run.</param>
    /// <exception cref="UserException">Usage: it is another run's. BadFile: it cannot be read.</exception>
    public Journal(string folder, IReadOnlyDictionary<string, string> about)
    {
        ArgumentNullException.ThrowIfNull(about);
        (_folder, _about, _lines) = (folder, about, Lines(folder));
        if (Contradiction(folder, about) is { } contradiction)
            throw new UserException(ErrorKind.Usage, contradiction);
        Read();
        Tidy();
    }

    /// <summary>Whether what comes next is recorded.</summary>
    public bool Replays => _next < _recorded.Count;

    /// <summary>Why the journal in a folder, if there is one, is not that of a run; null where it is.</summary>
    /// <exception cref="UserException">BadFile: it cannot be read.</exception>
    public static string? Contradiction(string folder, IReadOnlyDictionary<string, string> about)
    {
        ArgumentNullException.ThrowIfNull(about);
        var lines = Lines(folder);
        if (lines.Read().Select(l => l.Text).FirstOrDefault() is not { } first)
            return null;
        var begun = JournalLines.Parsed<Dictionary<string, string>>(first) ?? throw lines.Bad("another kind of line");
        return about.Where(a => begun.GetValueOrDefault(a.Key) != a.Value)
            .Select(a => $"{folder}: expected a run whose {a.Key} is as it is now, {a.Value}, found one that began with "
                + (begun.GetValueOrDefault(a.Key) ?? "none"))
            .FirstOrDefault();
    }

    /// <summary>Removes a journal from a folder, and the folder, if nothing else is in it.</summary>
    public static void Delete(string folder)
    {
        foreach (string file in Files(folder))
            File.Delete(file);
        if (Directory.Exists(folder) && !FilePaths.IsLink(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
            Directory.Delete(folder);
    }

    /// <summary>The files of a journal, the lines last: what is left after a part of them is gone is one still.</summary>
    public static string[] Files(string folder)
    {
        if (!Directory.Exists(folder) || FilePaths.IsLink(folder))
            return [];
        AtomicFile.Sweep(folder);
        return [.. Directory.EnumerateFiles(folder).Where(f => StateName().IsMatch(Path.GetFileName(f))
            || Path.GetFileName(f) == LinesName).OrderBy(f => Path.GetFileName(f) == LinesName)];
    }

    /// <summary>A measurement, which changes nothing: made, or taken from the journal.</summary>
    /// <typeparam name="T">A value that JSON holds.</typeparam>
    public T Recall<T>(Func<T> measure)
    {
        ArgumentNullException.ThrowIfNull(measure);
        if (Replays)
            return Value<T>(Next(isStep: false));
        T value = measure();
        Append(new Line(JournalLines.Element(value)));
        return value;
    }

    /// <summary>
    /// A step, whose outcome is the state of the trainer and a value: done, or taken from the journal. A state that was replaced since is
    /// not there any more; then nothing but another step may look at the trainer.
    /// </summary>
    /// <typeparam name="T">A value that JSON holds.</typeparam>
    /// <param name="trainer">What is trained.</param>
    /// <param name="train">Trains.</param>
    /// <param name="keep">Whether what follows looks at the trainer; else the state may be replaced by that of the next step.</param>
    /// <param name="with">As long as the parameters, changed by the training too; zero where the mask is.</param>
    public T Step<T>(Trainer trainer, Func<T> train, bool keep = true, float[]? with = null)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(train);
        int number = _next;
        if (Replays)
        {
            var line = Next(isStep: true);
            if (File.Exists(StateOf(number)))
                Restore(number, line.Place!, trainer, with);
            return Value<T>(line);
        }
        T value = train();
        bool saves = keep || _sinceState.Elapsed >= _cost / Share;
        if (saves)
            Save(number, trainer, with);
        Append(new Line(JournalLines.Element(value), trainer.Place, keep));
        if (saves && _replaceable is { } replaced)
            File.Delete(StateOf(replaced));
        if (saves)
            _replaceable = keep ? null : number;
        return value;
    }

    /// <summary>Closes the files; the journal stays.</summary>
    public void Dispose() => _lines.Dispose();

    private static JournalLines Lines(string folder) => new(Path.Combine(folder, LinesName));

    private string StateOf(int step) =>
        Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{step}.safetensors"));

    /// <summary>All records up to the last from which the run can go on.</summary>
    private void Read()
    {
        var lines = new List<Line>();
        int end = 0;
        bool holds = true;
        foreach (var (text, length) in _lines.Read())
        {
            // The first line is what the run is about.
            if (_lines.Length == 0)
            {
                _lines.Length = length;
                continue;
            }
            if (JournalLines.Parsed<Line>(text) is not { } line)
                break;
            if (line.Place is not null)
                holds = File.Exists(StateOf(lines.Count));
            if (line.Kept && !holds)
                break;
            lines.Add(line);
            if (holds)
                (end, _lines.Length) = (lines.Count, length);
        }
        _recorded.AddRange(lines.Take(end));
    }

    /// <summary>Removes states that nothing needs any more.</summary>
    private void Tidy()
    {
        int last = _recorded.FindLastIndex(l => l.Place is not null);
        foreach (string file in Files(_folder).Where(f => Path.GetFileName(f) != LinesName))
        {
            int step = int.Parse(Path.GetFileNameWithoutExtension(file), CultureInfo.InvariantCulture);
            if (step >= _recorded.Count || (!_recorded[step].Kept && step != last))
                File.Delete(file);
        }
        _replaceable = last >= 0 && !_recorded[last].Kept ? last : null;
    }

    private Line Next(bool isStep)
    {
        var line = _recorded[_next++];
        return (line.Place is not null) == isStep ? line : throw _lines.Bad($"another kind of record at {_next}");
    }

    private T Value<T>(Line line)
    {
        try
        {
            return JournalLines.Value<T>(line.Value);
        }
        catch (JsonException e)
        {
            throw _lines.Bad($"another kind of value at {_next}", e);
        }
    }

    /// <summary>Of a step that looks at nothing but the trainer, the moments end with what it changed besides.</summary>
    private void Save(int number, Trainer trainer, float[]? with)
    {
        var clock = Stopwatch.StartNew();
        var state = trainer.Save();
        if (with is not null)
        {
            var p = state.Parameters;
            state = state with { Parameters = new ParameterState(p.Weight, p.Mask, [.. p.Moments, [.. with]]) };
        }
        StateFile.Save(StateOf(number), state);
        _cost = clock.Elapsed;
        _sinceState.Restart();
    }

    private void Restore(int number, OrderPlace place, Trainer trainer, float[]? with)
    {
        var state = StateFile.Load(StateOf(number));
        if (with is not null)
            state.Parameters.Moments[^1].CopyTo(with, 0);
        trainer.Restore(state);
        trainer.Place = place;
    }

    private void Append(Line line)
    {
        if (_lines.Length == 0)
            _lines.Append(_about);
        _lines.Append(line);
        _next++;
    }

    [GeneratedRegex(@"^[0-9]{1,9}\.safetensors$", RegexOptions.CultureInvariant)]
    private static partial Regex StateName();
}
