using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Secateurs.Kernels;

/// <summary>
/// A list of operations with barriers between them, run as often as asked: the training step, the evaluation step, a
/// measurement. One description, two ways to run it: a GPU gets the operations as a few kernel launches on one stream; the CPU accelerator
/// gets one launch for many steps together, because a launch there costs as much as 25,000 barriers would on a quiet core.
/// </summary>
/// <remarks>On the CPU accelerator what is below 1.2e-38 in magnitude is zero, see <see cref="Denormals"/>.</remarks>
public sealed class StepProgram
{
    private readonly ComputeDevice _device;
    private readonly Operation[][] _stages;
    private readonly int _workers;
    private readonly WorkerChoice? _choice;
    private readonly SpinBarrier _barrier = new();
    private readonly IReadOnlyList<Launch> _first = [];
    private readonly Turn[] _turns = [];
    private Exception? _failure;
    private long[]? _ticks;

    /// <summary>Operations of one stage are independent of each other; between stages stands a barrier.</summary>
    internal StepProgram(ComputeDevice device, params IEnumerable<Operation[]> stages) : this(device, device.Workers, stages)
    {
        if (device.Workers > 1)
            _choice = new WorkerChoice(device.Workers);
    }

    /// <summary>The same on so many workers of the CPU accelerator, always.</summary>
    internal StepProgram(ComputeDevice device, int workers, IEnumerable<Operation[]> stages)
    {
        (_device, _workers) = (device, workers);
        _stages = [.. stages.Where(s => s.Length > 0)];
        if (!device.RunsOnHost)
            _turns = [new Turn(device, _stages)];
    }

    private StepProgram(ComputeDevice device, Operation first, IReadOnlyList<Operation[][]> turns) : this(device, 0, turns[0])
    {
        _first = [first.Launch!];
        _turns = [.. _turns, .. turns.Skip(1).Select(stages => new Turn(device, stages))];
    }

    /// <summary>
    /// On a GPU: a run does <paramref name="first"/> once, and then takes its steps from <paramref name="turns"/> by turns.
    /// </summary>
    /// <param name="device">A GPU.</param>
    /// <param name="first">What the first step needs.</param>
    /// <param name="turns">Steps that differ in their buffers only.</param>
    internal static StepProgram ByTurns(ComputeDevice device, Operation first, params IReadOnlyList<Operation[][]> turns)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(turns);
        return device.RunsOnHost ? throw new NotSupportedException("the CPU accelerator has no turns") : new(device, first, turns);
    }

    /// <summary>The operations of a step in their order.</summary>
    internal IEnumerable<Operation> Operations => _stages.SelectMany(s => s);

    /// <summary>What one step is on a GPU; empty on the CPU accelerator, which takes many steps in one launch.</summary>
    internal IReadOnlyList<Launch> Launches => Turns.Count > 0 ? Turns[0] : [];

    /// <summary>The same for each of the steps that a GPU takes by turns.</summary>
    internal IReadOnlyList<IReadOnlyList<Launch>> Turns => [.. _turns.Select(t => t.Launches)];

    /// <summary>Kernel launches per step on a GPU, 0 on the CPU accelerator.</summary>
    public int LaunchCount => Launches.Count;

    /// <summary>How a CUDA device gets the launches, for reports; null on other devices.</summary>
    public string? GraphState => _device.Graphs is null && _device.GraphTrouble is null ? null
        : _turns.All(t => t.Graph.Replays) ? "launches replayed as a CUDA graph"
        : $"no CUDA graph: {_turns.Select(t => t.Graph.Trouble).FirstOrDefault(t => t is not null) ?? "nothing recorded yet"}";

    /// <summary>
    /// Runs the whole list <paramref name="steps"/> times and, on a GPU where nobody may interrupt it, returns without waiting.
    /// </summary>
    /// <param name="steps">How often.</param>
    /// <param name="cancellation">Ends the run between two steps, within some hundredths of a second or the one that is under way.</param>
    /// <returns>Steps that were run: all of them, unless <paramref name="cancellation"/> came in between.</returns>
    public int Run(int steps = 1, CancellationToken cancellation = default)
    {
        var pace = _choice ?? Pace(cancellation);
        if (_device.RunsOnHost)
            return InSlices(steps, pace, (_, slice) => RunOnHost(slice, _choice?.Workers ?? _workers), cancellation);
        if (steps > 0)
            Queue(_first);
        return InSlices(steps, pace, QueueSteps, cancellation);

        void QueueSteps(int first, int count)
        {
            for (int step = first; step < first + count; step++)
                _turns[step % _turns.Length].Graph.Run();
            if (pace is not null)
                _device.Synchronize();
        }
    }

    /// <summary>How many steps at once, where a run may be interrupted between them; null for all.</summary>
    private static WorkerChoice? Pace(CancellationToken cancellation) => cancellation.CanBeCanceled ? new WorkerChoice(1) : null;

    /// <summary>Gives the first step and the number of each slice to <paramref name="run"/>; returns the steps of all.</summary>
    private static int InSlices(int steps, WorkerChoice? pace, Action<int, int> run, CancellationToken cancellation)
    {
        int done = 0;
        while (done < steps && !cancellation.IsCancellationRequested)
        {
            int slice = Math.Min(steps - done, pace?.Steps ?? steps);
            long start = Stopwatch.GetTimestamp();
            run(done, slice);
            pace?.Record(slice, Stopwatch.GetElapsedTime(start).TotalSeconds);
            done += slice;
        }
        return done;
    }

    private static void Queue(IReadOnlyList<Launch> launches)
    {
        foreach (var launch in launches)
            launch.Run();
    }

    private void RunOnHost(int steps, int workers)
    {
        _barrier.Reset(workers);
        var handle = GCHandle.Alloc(this);
        try
        {
            _device.LaunchOnHost(GCHandle.ToIntPtr(handle), steps, workers);
        }
        finally
        {
            handle.Free();
        }
        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException($"an operation failed on the CPU accelerator: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// Runs the list as <see cref="Run"/> does and returns also the seconds, summed over the steps, of each operation as the first worker
    /// saw them, and last of its waiting for the other workers; on a GPU of each launch, with a synchronisation after it.
    /// </summary>
    public (int Steps, IReadOnlyList<ProfileEntry> Entries) Profile(int steps, CancellationToken cancellation = default)
    {
        if (_device.RunsOnHost)
        {
            var operations = Operations.ToArray();
            var ticks = _ticks = new long[operations.Length + 1];
            try
            {
                int run = InSlices(steps, Pace(cancellation), (_, slice) => RunOnHost(slice, _workers), cancellation);
                return
                (
                    run,
                    [
                        .. operations.Select((o, i) => new ProfileEntry(o.Name, o.Flops, Seconds(ticks[i]))),
                        new ProfileEntry("waiting for other workers", 0, Seconds(ticks[^1])),
                    ]
                );
            }
            finally
            {
                _ticks = null;
            }
        }
        var launchTicks = new long[Launches.Count];
        Queue(_first);
        int step = 0;
        for (; step < steps && !cancellation.IsCancellationRequested; step++)
            for (int i = 0; i < launchTicks.Length; i++)
            {
                _device.Synchronize();
                long start = Stopwatch.GetTimestamp();
                _turns[step % _turns.Length].Launches[i].Run();
                _device.Synchronize();
                launchTicks[i] += Stopwatch.GetTimestamp() - start;
            }
        return (step, [.. Launches.Select((l, i) => new ProfileEntry(l.Name, l.Flops, Seconds(launchTicks[i])))]);

        static double Seconds(long ticks) => ticks / (double)Stopwatch.Frequency;
    }

    /// <summary>The one kernel of the CPU accelerator: each thread of the group is a worker.</summary>
    internal static void HostKernel(long program, int steps) => RunWorker(program, steps, Group.IdxX, Group.DimX);

    /// <summary>An intrinsic to ILGPU, which therefore does not read it: here any .NET code may run, SIMD included.</summary>
    [IntrinsicImplementation]
    private static void RunWorker(long program, int steps, int worker, int workers) =>
        ((StepProgram)GCHandle.FromIntPtr((nint)program).Target!).RunWorker(steps, worker, workers);

    private void RunWorker(int steps, int worker, int workers)
    {
        using var flushing = Denormals.Flush();
        // One exception, whatever its kind, must reach the host thread: an unwound worker would leave the others waiting for ever.
        try
        {
            var ticks = worker == 0 ? _ticks : null;
            for (int step = 0; step < steps; step++)
            {
                int index = 0;
                foreach (var stage in _stages)
                {
                    foreach (var operation in stage)
                    {
                        long start = ticks is null ? 0 : Stopwatch.GetTimestamp();
                        operation.RunOnHost(_device.SimdBits, worker, workers);
                        if (ticks is not null)
                        {
                            ticks[index] += Stopwatch.GetTimestamp() - start;
                            index++;
                        }
                    }
                    long arrived = ticks is null ? 0 : Stopwatch.GetTimestamp();
                    if (!_barrier.Wait())
                        return;
                    if (ticks is not null)
                        ticks[^1] += Stopwatch.GetTimestamp() - arrived;
                }
            }
        }
#pragma warning disable CA1031 // rethrown on the host thread by Run
        catch (Exception e)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, e, null);
            _barrier.Abort();
        }
    }

    /// <summary>A step on a GPU.</summary>
    private sealed class Turn
    {
        public Turn(ComputeDevice device, IEnumerable<Operation[]> stages)
        {
            Launches = Launch.Plan(stages.Where(s => s.Length > 0).Select(s => s.Select(o => o.Launch!)), device.MaxParameterBytes);
            Graph = new StepGraph(device.Graphs, device.GraphTrouble ?? (device.Graphs is null ? "not CUDA" : null), () => Queue(Launches));
        }

        public IReadOnlyList<Launch> Launches { get; }

        public StepGraph Graph { get; }
    }

    /// <summary>Meets all workers: spins for some microseconds, then yields, since other processes share the cores.</summary>
    private sealed class SpinBarrier
    {
        private int _workers, _arrived;
        private volatile int _phase;
        private volatile bool _aborted;

        /// <summary>False when a worker failed and none should go on.</summary>
        public bool Wait()
        {
            if (_workers == 1)
                return !_aborted;
            int phase = _phase;
            if (Interlocked.Increment(ref _arrived) == _workers)
            {
                _arrived = 0;
                _phase = phase + 1;
                return !_aborted;
            }
            for (int spins = 0; _phase == phase && !_aborted; spins++)
            {
                if (spins < Tuning.SpinsAtBarrier)
                    Thread.SpinWait(Tuning.SpinLength);
                else
                    Thread.Yield();
            }
            return !_aborted;
        }

        public void Abort() => _aborted = true;

        /// <summary>Ready for so many workers, after a failure too; none may be under way.</summary>
        public void Reset(int workers)
        {
            _workers = workers;
            _arrived = 0;
            _aborted = false;
        }
    }
}

/// <summary>What an operation, a launch of several, or waiting took.</summary>
/// <param name="Name">Of the operation.</param>
/// <param name="Flops">Of one run.</param>
/// <param name="Seconds">Of all runs together.</param>
public readonly record struct ProfileEntry(string Name, double Flops, double Seconds);
