using ILGPU;
using Secateurs.Kernels;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class ChunkedProgramTests
{
    private const int Most = 200;

    public static TheoryData<string> FastCpus => [.. TestDevices.FastCpus];

    public static TheoryData<string> Pairs => [.. TestDevices.FastCpus.Where(name => TestDevices.Get(name).Workers == 2)];

    [Theory]
    [MemberData(nameof(FastCpus))]
    public void Every_chunk_is_computed_once(string name)
    {
        var device = TestDevices.Get(name);
        using var memory = new DeviceMemory(device);
        var seen = memory.Allocate<int>(Most);
        using var program = new ChunkedProgram(
            memory, step => [Mark(device, step, seen, failing: -1), Mark(device, step, seen, failing: -1)]);
        var expected = new int[Most];
        // Some calls find the other workers still there, some come after they have left.
        foreach (int chunks in Enumerable.Repeat((int[])[1, 2, 3, Most, 0, 17], 20).SelectMany(c => c))
        {
            if (chunks == 3)
                Thread.Sleep(2);
            program.Run(chunks);
            for (int i = 0; i < chunks; i++)
                expected[i] += 2;
            Assert.Equal(expected, memory.Download(seen));
        }
    }

    [Theory]
    [MemberData(nameof(FastCpus))]
    public void A_failure_reaches_the_caller_and_the_program_can_run_again(string name)
    {
        var device = TestDevices.Get(name);
        using var memory = new DeviceMemory(device);
        var seen = memory.Allocate<int>(Most);
        using var program = new ChunkedProgram(memory, step => [Mark(device, step, seen, failing: 9)]);
        for (int i = 0; i < 20; i++)
            Assert.Contains(
                "on purpose", Assert.Throws<InvalidOperationException>(() => program.Run(Most)).Message, StringComparison.Ordinal);
        int before = memory.Download(seen)[0];
        program.Run(9);
        Assert.Equal(before + 1, memory.Download(seen)[0]);
    }

    /// <summary>Time passes only while the second worker computes, so that it never waits too long for the next call.</summary>
    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_worker_that_ends_a_call_waits_for_the_next(string name)
    {
        var device = TestDevices.Get(name);
        using var memory = new DeviceMemory(device);
        using var program = new ChunkedProgram(memory, step => [Operation.OnHost(device, "wait", 0, new WaitBody())], WaitBody.Clock);
        WaitBody.Caller = Environment.CurrentManagedThreadId;
        for (int i = 0; i < 50; i++)
            program.Run(Most);
        Assert.Equal(1, program.Launches);
    }

    private static Operation Mark(ComputeDevice device, ArrayView<int> step, ArrayView<int> seen, int failing) =>
        Operation.OnHost(device, "mark", 0, new MarkBody { Step = step, Seen = seen, Failing = failing });

    private struct MarkBody : IBody
    {
        public ArrayView<int> Step, Seen;
        public int Failing;

        public readonly void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (Step[0] == Failing)
                throw new InvalidOperationException("on purpose");
            Seen[Step[0]]++;
        }
    }

    private struct WaitBody : IBody
    {
        public static readonly StoppedClock Clock = new();
        public static int Caller;

        public readonly void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (Environment.CurrentManagedThreadId != Caller)
                Clock.Seconds++;
            Thread.SpinWait(200);
        }
    }

    private sealed class StoppedClock : TimeProvider
    {
        public long Seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Volatile.Read(ref Seconds);
    }
}
