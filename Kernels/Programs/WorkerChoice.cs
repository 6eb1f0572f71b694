namespace Secateurs.Kernels;

/// <summary>
/// How many workers run the next steps of a program on the CPU accelerator: all of them, or one alone. One is sooner where there is little
/// work between barriers, and where other processes share the cores: a worker that has lost its core keeps all others waiting.
/// </summary>
/// <remarks>
/// Steps are run in slices; now and then a slice tries the other number, and what was faster goes on. Results do not depend on the number,
/// so a choice by the clock changes no bit of them. A trial that confirms the choice doubles the time to the next. One that changes it
/// starts anew, since a slice in which something else held a core misleads.
/// </remarks>
internal sealed class WorkerChoice
{
    private readonly int _all;
    private bool _compiled, _trying;
    private double _seconds, _untilTrial, _patience = Tuning.LeastPatience;
    private int _steps;

    /// <param name="workers">With 1 there is nothing to choose but how many steps make a slice.</param>
    public WorkerChoice(int workers) => Workers = _all = workers;

    /// <summary>Of the next slice.</summary>
    public int Workers { get; private set; }

    /// <summary>Of the next slice.</summary>
    public int Steps { get; private set; } = 1;

    /// <summary>Tells what a slice took.</summary>
    public void Record(int steps, double seconds)
    {
        // The first step compiles its operations.
        if (!_compiled)
        {
            _compiled = true;
            return;
        }
        if (_trying)
        {
            _trying = false;
            bool changes = seconds / steps <= Tuning.WorkersMargin * _seconds / _steps;
            _patience = changes ? Tuning.LeastPatience : Math.Min(2 * _patience, Tuning.MostPatience);
            if (changes)
                (_seconds, _steps) = (seconds, steps);
            else
                Workers = Other;
            _untilTrial = _patience * seconds;
        }
        else
        {
            (_seconds, _steps) = (seconds, steps);
            _untilTrial -= seconds;
            // A few steps may all run before another process asks for a core.
            if (_untilTrial <= 0 && seconds > Tuning.SliceSeconds / 2)
            {
                _trying = true;
                Workers = Other;
            }
        }
        Steps = (int)Math.Clamp(Tuning.SliceSeconds * _steps / Math.Max(_seconds, 1e-9), 1, 10_000);
    }

    private int Other => Workers == 1 ? _all : 1;
}
