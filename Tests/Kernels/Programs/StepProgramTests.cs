using ILGPU;
using Secateurs.Kernels;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class StepProgramTests
{
    public static TheoryData<string> FastCpus => [.. TestDevices.FastCpus];

    [Theory]
    [MemberData(nameof(FastCpus))]
    public void A_failure_reaches_the_caller_and_the_program_can_run_again(string name)
    {
        var device = TestDevices.Get(name);
        using var memory = new DeviceMemory(device);
        var step = memory.Allocate<int>(1);
        for (int worker = 0; worker < device.Workers; worker++)
        {
            var program = new StepProgram(
                device, device.Workers,
                [[Counter.Advance(device, step)], [Failing(device, step, worker, atStep: 3)], [Counter.Advance(device, step)]]);
            memory.Upload([0], step);
            var failure = Assert.Throws<InvalidOperationException>(() => program.Run(10));
            Assert.Contains("on purpose", failure.Message, StringComparison.Ordinal);
            Assert.Equal(3, memory.Download(step)[0]);

            // From 4 on nothing fails: 5 steps of two.
            memory.Upload([4], step);
            program.Run(5);
            Assert.Equal(14, memory.Download(step)[0]);
        }
    }

    [Theory]
    [MemberData(nameof(FastCpus))]
    public void No_worker_enters_a_stage_before_all_have_left_the_one_before(string name)
    {
        var device = TestDevices.Get(name);
        using var memory = new DeviceMemory(device);
        // Each stage moves a wave one place on; a worker that ran ahead would read a place that is not written yet.
        const int Places = 8, Length = 1 << 12, Steps = 50;
        var wave = Enumerable.Range(0, Places).Select(_ => memory.Allocate<int>(Length)).ToArray();
        var stages = Enumerable.Range(0, Places).Select(i => new[] { Shift(device, wave[i], wave[(i + 1) % Places]) });
        new StepProgram(device, device.Workers, stages).Run(Steps);
        Assert.All(memory.Download(wave[0]), v => Assert.Equal(Steps * Places, v));
    }

    [Fact]
    public void A_profile_names_every_operation_once_and_runs_the_steps()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        using var memory = new DeviceMemory(device);
        var step = memory.Allocate<int>(1);
        var profile = new StepProgram(device, [Counter.Advance(device, step)], [Counter.Advance(device, step)]).Profile(7).Entries;
        Assert.Equal(14, memory.Download(step)[0]);
        Assert.Equal(["step counter", "step counter", "waiting for other workers"], profile.Select(p => p.Name));
        Assert.All(profile, p => Assert.True(p.Seconds > 0));
    }

    private static Operation Failing(ComputeDevice device, ArrayView<int> step, int worker, int atStep) =>
        Operation.OnHost(device, "failing", 0, new FailingBody { Step = step, Worker = worker, AtStep = atStep });

    private static Operation Shift(ComputeDevice device, ArrayView<int> from, ArrayView<int> to) =>
        Operation.OnHost(device, "shift", 0, new ShiftBody { From = from, To = to });

    private struct FailingBody : IBody
    {
        public ArrayView<int> Step;
        public int Worker, AtStep;

        public readonly void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker == Worker && Step[0] == AtStep)
                throw new InvalidOperationException("on purpose");
        }
    }

    /// <summary>to[i] = from[i + 1] + 1: what a worker reads at the end of its share another one has written.</summary>
    private struct ShiftBody : IBody
    {
        public ArrayView<int> From, To;

        public readonly void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(To.IntLength, worker, workers);
            for (int i = first; i < last; i++)
                To[i] = From[(i + 1) % From.IntLength] + 1;
        }
    }
}
