using System.Diagnostics;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Runs;

/// <summary>
/// The log of a run: iterations.csv and layers.csv, flushed row by row; log.txt with the lines that a human reads, which also go to the
/// terminal; a bar on a terminal. Keeps the best state, or before there is one the last that was not rolled back: in memory and, by
/// <c>keep</c>, on the disk, so that no end of the process loses it. A log.txt that cannot be written ends nothing.
/// </summary>
internal sealed class RunLog : IRunObserver, IDisposable
{
    private const string WayDown = "prune";

    /// <summary>Above the first row on a terminal.</summary>
    private const string Head = "   # phase     right  lighter    time";

    private static readonly TimeSpan BetweenKept = TimeSpan.FromSeconds(1);

    private readonly Terminal _terminal;
    private readonly Trainer _trainer;
    private readonly Action<ParameterState, int> _keep;
    private readonly CsvTable _iterations, _layers;
    private readonly Stopwatch _sinceKept = Stopwatch.StartNew();
    private StreamWriter? _text;
    private readonly Dictionary<int, IReadOnlyList<LayerRow>> _rows = [];
    private readonly JobProgress? _job;
    private readonly Journal? _journal;
    private bool _isHeaded;
    private (ParameterState, int)? _lastState, _bestState;

    /// <param name="folder">Where it is written.</param>
    /// <param name="terminal">Where it is shown.</param>
    /// <param name="trainer">Whose states it keeps.</param>
    /// <param name="keep">Writes a state and its iteration to the disk.</param>
    /// <param name="job">What the bar shows.</param>
    /// <param name="journal">Of the run: what it repeats was shown and kept before, and goes into the files alone.</param>
    public RunLog(
        RunFolder folder, Terminal terminal, Trainer trainer, Action<ParameterState, int> keep, JobProgress? job, Journal? journal = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        (_terminal, _trainer, _keep, _job, _journal) = (terminal, trainer, keep, job, journal);
        _iterations = new CsvTable(
            folder.File(RunFolder.Iterations),
            "iteration,epoch,phase,elapsed_s,learning_rate,train_loss,validation_loss,validation_accuracy,kept,total,density,decision,"
            + "ratio,annealed,origin,lost,gained,allowed,reason");
        _layers = new CsvTable(folder.File(RunFolder.Layers), "iteration,layer,threshold,deviation,kept,total,density");
        Unguarded(() => _text = new StreamWriter(folder.File(RunFolder.Log)) { AutoFlush = true, NewLine = "\n" });
    }

    /// <summary>The state to save if the run breaks off, and its iteration; null before the first.</summary>
    public (ParameterState State, int Iteration)? LastGood => _bestState ?? _lastState;

    private bool Repeats => _journal is { Replays: true };

    /// <summary>The rows of layers.csv of one iteration; none if it never was.</summary>
    public IReadOnlyList<LayerRow> Layers(int iteration) => _rows.GetValueOrDefault(iteration, []);

    public void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(layers);
        // The reason, a text with commas, is last: the others can be told apart by commas alone.
        _iterations.Write(
        [
            Csv.Whole(row.Iteration), Csv.Digits(row.Epoch), row.Phase, Csv.Three(row.Elapsed), Csv.Digits(row.LearningRate),
            Csv.Six(row.TrainLoss), Csv.Six(row.ValidationLoss), Csv.Two(row.ValidationAccuracy), Csv.Whole(row.Kept), Csv.Whole(row.Total),
            Csv.Six(row.Density), row.Decision.ToString().ToLowerInvariant(), .. Judged(row.Judged), row.Reason,
        ]);
        foreach (var l in layers)
        {
            _layers.Write(
                Csv.Whole(l.Iteration), l.Layer, Csv.Digits(l.Threshold), Csv.Digits(l.Deviation), Csv.Whole(l.Kept), Csv.Whole(l.Total),
                Csv.Six(l.Density));
        }
        _rows.Add(row.Iteration, layers);
        Note(string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Iteration,4} {row.Phase,-8} epoch {row.Epoch,6:F1}  {row.Elapsed,6:F1} s  loss {row.TrainLoss:F4}  "
            + $"validation {row.ValidationAccuracy:F2} %  kept {100 * row.Density:F2} %  {row.Reason}").TrimEnd());
        if (Repeats)
            return;
        if (row.Decision != Decision.Rollback || _lastState is null)
        {
            _lastState = (_trainer.Parameters.Save(), row.Iteration);
            // Before there is a best one states follow each other fast, and each is a little better than the last.
            if (_bestState is null && _sinceKept.Elapsed > BetweenKept)
                Keep(_lastState.Value);
        }
        // States and masks pass through large arrays, which the collector would let pile up to several hundred megabytes.
        GC.Collect();
        if (!_isHeaded)
            _terminal.Row(Head);
        _isHeaded = true;
        _terminal.Row(Short(row));
    }

    public void Best(int iteration)
    {
        _bestState = (_trainer.Parameters.Save(), iteration);
        if (!Repeats)
            Keep(_bestState.Value);
    }

    /// <summary>A line of log.txt alone.</summary>
    public void Note(string line) => Unguarded(() => _text?.WriteLine(line));

    public void Say(string line)
    {
        Note(line);
        if (!Repeats)
            _terminal.Say(line);
    }

    public void Progress(string phase, double epoch, double epochs, double loss) =>
        _job?.Show(_terminal, new PruneProgress(phase, epoch, epochs, loss, null));

    /// <summary>A part of the job begins.</summary>
    public void Begin(string part)
    {
        _job?.Begin(part);
        _job?.Show(_terminal, part);
    }

    public void Dispose()
    {
        _iterations.Dispose();
        _layers.Dispose();
        Unguarded(() => _text?.Dispose());
    }

    private static string[] Judged(JudgedNetwork? network) => network is var (ratio, annealed, origin, (_, lost, gained, allowed, _))
        ? [Csv.Digits(ratio), Csv.Digits(annealed), Csv.Whole(origin), Csv.Whole(lost), Csv.Whole(gained), Csv.Whole(allowed)]
        : ["", "", "", "", "", ""];

    /// <summary>A row of the terminal, 80 columns at most: what was measured, and in words what it means.</summary>
    internal static string Short(IterationRow row)
    {
        string words = row.Judged is { Judgement.Verdict: var verdict } judged
            ? (judged.Annealed > 0 ? "annealed: " : row.Phase == WayDown ? "look: " : "")
                + verdict switch
                {
                    Verdict.Within => "within the budget",
                    Verdict.Doubtful => "outside, perhaps by noise",
                    _ => "outside the budget",
                }
            : row.Decision == Decision.Finish && row.Density == 1 ? "the dense network" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Iteration,4} {row.Phase,-7} {row.ValidationAccuracy,6:F2} % {1 / Math.Max(1e-9, row.Density),7:F1}x "
            + $"{Durations.Clock(row.Elapsed),7}  {words}").TrimEnd();
    }

    private void Keep((ParameterState State, int Iteration) kept)
    {
        _keep(kept.State, kept.Iteration);
        _sinceKept.Restart();
    }

    /// <summary>What people read may be lost with a full disk; what programs read may not.</summary>
    private void Unguarded(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_text is not null)
                _terminal.Say($"warning: the log is not written any more: {e.Message}");
            _text = null;
        }
    }
}
