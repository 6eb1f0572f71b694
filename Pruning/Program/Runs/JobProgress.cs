using System.Diagnostics;
using System.Globalization;
using Secateurs.Pruning;

namespace Secateurs.Program.Runs;

/// <summary>
/// How far a whole job is and how long it goes on: one bar for all of its parts. A part that lasts longer than expected comes nearer to its
/// end more and more slowly.
/// </summary>
internal sealed class JobProgress(IReadOnlyList<JobPart> parts)
{
    /// <summary>Where the end of a part is not believed any more.</summary>
    private const double Believed = 0.8;

    /// <summary>Characters of the bar on a terminal of 80 columns or more; a third of it on narrower ones.</summary>
    private const int Width = 24;

    private readonly double _total = Math.Max(1e-9, parts.Sum(p => p.Epochs));
    private Stopwatch _clock = new();
    private int _part = -1;
    private double _epochs, _last, _secondsPerEpoch = double.NaN;
    private string _phase = "";

    /// <summary>0 to 1.</summary>
    public double Done { get; private set; }

    /// <summary>Seconds to the end; NaN before anything was measured.</summary>
    public double Left => (1 - Done) * _total * _secondsPerEpoch;

    /// <summary>A part begins; those before it are over, or others do them.</summary>
    public void Begin(string name)
    {
        int next = Enumerable.Range(_part + 1, Math.Max(0, parts.Count - _part - 1)).FirstOrDefault(i => parts[i].Name == name, -1);
        if (next < 0)
            return;
        (_part, _epochs, _last, _phase, _clock) = (next, 0, 0, "", Stopwatch.StartNew());
        Done = parts.Take(next).Sum(p => p.Epochs) / _total;
    }

    /// <summary>So many epochs of a phase of the part are done.</summary>
    /// <param name="phase">Of the run.</param>
    /// <param name="epoch">Epochs of it so far.</param>
    public void Report(string phase, double epoch)
    {
        if (_part < 0)
            return;
        bool begins = phase != _phase || epoch <= _last;
        _epochs += begins ? Math.Max(0, epoch - Math.Floor(epoch - 1e-9)) : epoch - _last;
        (_phase, _last) = (phase, epoch);
        var part = parts[_part];
        double seconds = _clock.Elapsed.TotalSeconds;
        if (_epochs > 0 && (part.IsCounted || double.IsNaN(_secondsPerEpoch)))
            _secondsPerEpoch = seconds / _epochs;
        double share = (part.IsCounted ? _epochs : seconds / _secondsPerEpoch) / Math.Max(1e-9, part.Epochs);
        double believed = share < Believed ? share : 1 - (1 - Believed) * Math.Exp(-(share - Believed) / (1 - Believed));
        Done = Math.Clamp((parts.Take(_part).Sum(p => p.Epochs) + believed * part.Epochs) / _total, Done, 1);
    }

    /// <summary>So many epochs of a phase of the part are done: shown on a terminal, where a person looks at one.</summary>
    public void Show(Terminal terminal, PruneProgress progress)
    {
        var (phase, epoch, epochs, loss, _) = progress;
        Report(phase, epoch);
        Show(terminal, string.Create(
            CultureInfo.InvariantCulture, $"{phase} {epoch:0.#}/{Csv.Short(Math.Round(epochs, 1))}  loss {loss:F4}"));
    }

    /// <summary>The bar on a terminal, with what is being done behind it.</summary>
    public void Show(Terminal terminal, string what)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        if (terminal.Interactive)
            terminal.Bar($"{Bar(terminal.Width < 80 ? Width / 3 : Width)}  {what}");
    }

    /// <summary>The bar itself, e.g. ━━━━━━──────  31 %  1:02:40 left.</summary>
    public string Bar(int width)
    {
        int full = (int)(Done * width);
        string left = double.IsNaN(Left) ? "starting" : $"{Durations.Clock(Left)} left";
        return string.Create(
            CultureInfo.InvariantCulture, $"{new string('━', full)}{new string('─', width - full)} {Math.Floor(100 * Done),3} %  {left}");
    }
}
