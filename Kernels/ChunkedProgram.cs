using ILGPU;

namespace Kernels;

/// <summary>
/// Operations that are run on one chunk of independent images after the other. On the CPU accelerator each worker takes a chunk through all
/// operations alone, in buffers of its own: no barrier, activations stay in its cache, and who is done takes the next chunk. The calling
/// thread is one of the workers and begins at once; the others are one launch, which costs as much as some chunks do, for all chunks. On a
/// GPU the operations are launched chunk by chunk.
/// </summary>
/// <remarks>Results do not depend on who computes a chunk, since each operation's result does not depend on the number of workers.</remarks>
public sealed class ChunkedProgram
{
    private readonly DeviceMemory _memory;
    private readonly ArrayView<int> _step;
    private readonly StepProgram? _program;
    private readonly ChunkLoop? _loop;

    /// <param name="memory">For the chunk's number.</param>
    /// <param name="build">Makes one worker's operations with its own buffers; they read the chunk's number from the view [1].</param>
    public ChunkedProgram(DeviceMemory memory, Func<ArrayView<int>, IEnumerable<Operation>> build)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(build);
        _memory = memory;
        if (memory.Device.RunsOnHost)
        {
            _loop = new ChunkLoop([.. Enumerable.Range(0, memory.Device.Workers).Select(_ => One(memory, build))]);
            if (memory.Device.Workers > 1)
                _program = new StepProgram(memory.Device, memory.Device.Workers - 1, [[_loop]]);
        }
        else
        {
            (_step, var operations) = One(memory, build);
            _program = new StepProgram(memory.Device, [.. operations.Select(o => new[] { o }), [Counter.Advance(memory.Device, _step)]]);
        }
    }

    private static (ArrayView<int> Step, Operation[] Operations) One(DeviceMemory memory, Func<ArrayView<int>, IEnumerable<Operation>> build)
    {
        var step = memory.Allocate<int>(1);
        return (step, [.. build(step)]);
    }

    /// <summary>Runs chunk 0 to <paramref name="chunks"/> - 1.</summary>
    public void Run(int chunks)
    {
        if (_loop is null)
        {
            _memory.Upload([0], _step);
            _program!.Run(chunks);
            return;
        }
        _loop.Restart(chunks);
        var others = chunks == 1 || _program is null ? Task.CompletedTask : Task.Run(RunOthers);
        try
        {
            _loop.TakeChunks(_memory.Device.SimdBits, _memory.Device.Workers - 1);
        }
        finally
        {
            others.GetAwaiter().GetResult();
        }
    }

    private void RunOthers()
    {
        if (_loop!.HasMore)
            _program!.Run();
    }

    private sealed class ChunkLoop((ArrayView<int> Step, Operation[] Operations)[] workers) : Operation("chunks", 0)
    {
        private int _next, _count;

        public void Restart(int count) => (_next, _count) = (0, count);

        public bool HasMore => Volatile.Read(ref _next) < _count;

        /// <summary>Runs whole chunks in the buffers of a worker until none is left.</summary>
        public void TakeChunks(int simdBits, int worker)
        {
            var (step, operations) = workers[worker];
            for (int chunk = Interlocked.Increment(ref _next) - 1; chunk < _count; chunk = Interlocked.Increment(ref _next) - 1)
            {
                step[0] = chunk;
                foreach (var operation in operations)
                    operation.RunOnHost(simdBits, 0, 1);
            }
        }

        internal override void RunOnHost(int simdBits, int worker, int workerCount) => TakeChunks(simdBits, worker);
    }
}
