using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Operations that are run on one chunk of independent images after the other. On the CPU accelerator each worker takes a chunk through all
/// operations alone, in buffers of its own: no barrier, activations stay in its cache, and who is done takes the next chunk. The calling
/// thread is one of the workers and begins at once; the others are one launch, which costs as much as some chunks do and therefore lingers
/// for a moment, in case that another call follows. On a GPU the operations are launched chunk by chunk.
/// </summary>
/// <remarks>
/// While workers linger, a launch of anything else on the same device waits for them. Results do not depend on who computes a chunk, since
/// each operation's result does not depend on the number of workers.
/// </remarks>
internal sealed class ChunkedProgram : IDisposable
{
    private readonly DeviceMemory _memory;
    private readonly int _most, _workers;
    private readonly ArrayView<int> _step;
    private readonly StepProgram? _program;
    private readonly ChunkLoop? _loop;
    private Task _others = Task.CompletedTask;

    /// <param name="memory">For the chunk's number.</param>
    /// <param name="build">Makes one worker's operations with its own buffers; they read the chunk's number from the view [1].</param>
    /// <param name="most">Chunks of a call at most: no more workers are made ready.</param>
    /// <param name="workers">At most: each has buffers of its own.</param>
    public ChunkedProgram(
        DeviceMemory memory, Func<ArrayView<int>, IEnumerable<Operation>> build, int most = int.MaxValue, int workers = int.MaxValue)
        : this(memory, build, TimeProvider.System, most, workers)
    {
    }

    internal ChunkedProgram(
        DeviceMemory memory, Func<ArrayView<int>, IEnumerable<Operation>> build, TimeProvider clock, int most = int.MaxValue,
        int workers = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(build);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        (_memory, _most) = (memory, most);
        if (memory.Device.RunsOnHost)
        {
            _workers = Math.Min(memory.Device.Workers, Math.Min(most, workers));
            _loop = new ChunkLoop([.. Enumerable.Range(0, _workers).Select(_ => One(memory, build))], clock);
            if (_workers > 1)
                _program = new StepProgram(memory.Device, _workers - 1, [[_loop]]);
        }
        else
        {
            (_step, var operations) = One(memory, build);
            _program = new StepProgram(memory.Device, [.. operations.Select(o => new[] { o }), [Counter.Advance(memory.Device, _step)]]);
        }
    }

    /// <summary>How often the other workers were called in.</summary>
    internal int Launches { get; private set; }

    private static (ArrayView<int> Step, Operation[] Operations) One(
        DeviceMemory memory, Func<ArrayView<int>, IEnumerable<Operation>> build)
    {
        var step = memory.Allocate<int>(1);
        return (step, [.. build(step)]);
    }

    /// <summary>Runs chunk 0 to <paramref name="chunks"/> - 1.</summary>
    public void Run(int chunks)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunks, _most);
        if (_loop is null)
        {
            _memory.Upload([0], _step);
            _program!.Run(chunks);
            return;
        }
        var call = _loop.Begin(chunks);
        if (chunks > 1 && _program is not null && _others.IsCompleted)
        {
            _others.GetAwaiter().GetResult();
            _loop.Open();
            Launches++;
            _others = Task.Run(() => _program.Run());
        }
        using (Denormals.Flush())
            _loop.TakeChunks(call, _memory.Device.SimdBits, _workers - 1);
        call.Wait();
    }

    /// <summary>After the last call: the other workers go home.</summary>
    public void Dispose()
    {
        _loop?.Close();
        _others.GetAwaiter().GetResult();
    }

    /// <summary>One call's chunks: those that are taken and those that are done.</summary>
    private sealed class Call(int count)
    {
        private int _taken, _done;
        private Exception? _failure;

        /// <summary>The next chunk, or -1.</summary>
        public int Take()
        {
            int chunk = Volatile.Read(ref _taken) < count ? Interlocked.Increment(ref _taken) - 1 : count;
            return chunk < count ? chunk : -1;
        }

        public void Done(Exception? failure)
        {
            if (failure is not null)
                Interlocked.CompareExchange(ref _failure, failure, null);
            Interlocked.Increment(ref _done);
        }

        public bool IsFinished => Volatile.Read(ref _done) >= count;

        /// <summary>Until all chunks are done.</summary>
        public void Wait()
        {
            for (var spin = default(SpinWait); !IsFinished; spin.SpinOnce(sleep1Threshold: -1))
            {
            }
            if (_failure is { } failure)
                throw new InvalidOperationException($"an operation failed on the CPU accelerator: {failure.Message}", failure);
        }
    }

    private sealed class ChunkLoop((ArrayView<int> Step, Operation[] Operations)[] workers, TimeProvider clock) : Operation("chunks", 0)
    {
        /// <summary>How long the launched workers wait for another call.</summary>
        private static readonly TimeSpan Linger = TimeSpan.FromMicroseconds(Tuning.LingerMicroseconds);

        private Call? _call;
        private volatile bool _leaving;

        public Call Begin(int count)
        {
            var call = new Call(count);
            Volatile.Write(ref _call, call);
            return call;
        }

        public void Open() => _leaving = false;

        public void Close() => _leaving = true;

        /// <summary>Runs whole chunks in the buffers of a worker until none is left.</summary>
        public void TakeChunks(Call call, int simdBits, int worker)
        {
            var (step, operations) = workers[worker];
            for (int chunk = call.Take(); chunk >= 0; chunk = call.Take())
            {
                step[0] = chunk;
                Exception? failure = null;
                try
                {
                    foreach (var operation in operations)
                        operation.RunOnHost(simdBits, 0, 1);
                }
#pragma warning disable CA1031 // rethrown where the call waits
                catch (Exception e)
#pragma warning restore CA1031
                {
                    failure = e;
                }
                call.Done(failure);
            }
        }

        /// <summary>The launched workers leave together, so that none is missing when the next launch comes.</summary>
        internal override void RunOnHost(int simdBits, int worker, int workerCount)
        {
            Call? last = null;
            for (long idle = clock.GetTimestamp(); !_leaving;)
            {
                if (Volatile.Read(ref _call) is { } call && call != last)
                {
                    TakeChunks(call, simdBits, worker);
                    last = call;
                    idle = clock.GetTimestamp();
                }
                else if (last is { IsFinished: true } && clock.GetElapsedTime(idle) > Linger)
                {
                    _leaving = true;
                }
                else
                {
                    Thread.SpinWait(Tuning.LingerSpinLength);
                }
                if (last is { IsFinished: false })
                    idle = clock.GetTimestamp();
            }
        }
    }
}
