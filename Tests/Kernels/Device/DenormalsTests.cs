using ILGPU;
using Secateurs.Kernels;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class DenormalsTests
{
    public static TheoryData<string> FastCpus => [.. TestDevices.FastCpus];

    [Theory]
    [MemberData(nameof(FastCpus))]
    public void Every_worker_flushes_them_and_the_caller_does_not(string name)
    {
        Assert.Equal(Denormals.CanBeFlushed, Denormals.AreFlushedOn(TestDevices.Get(name)));
        Assert.False(Denormals.AreFlushed);
    }

    [Fact]
    public void They_are_flushed_in_a_scope_alone()
    {
        Assert.False(Denormals.AreFlushed);
        using (Denormals.Flush())
        {
            Assert.Equal(Denormals.CanBeFlushed, Denormals.AreFlushed);
            using (Denormals.Flush())
                Assert.Equal(Denormals.CanBeFlushed, Denormals.AreFlushed);
            Assert.Equal(Denormals.CanBeFlushed, Denormals.AreFlushed);
        }
        Assert.False(Denormals.AreFlushed);
    }

    /// <summary>On one worker the calling thread computes every chunk.</summary>
    [Fact]
    public void A_caller_that_computes_gets_its_own_mode_back_after_a_failure_too()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First(n => TestDevices.Get(n).Workers == 1));
        using var memory = new DeviceMemory(device);
        var seen = memory.Allocate<int>(1);
        using var program = new ChunkedProgram(
            memory, step => [Operation.OnHost(device, "look", 0, new LookBody { Step = step, Seen = seen })]);
        program.Run(1);
        Assert.Equal(Denormals.CanBeFlushed ? 1 : 0, seen[0]);
        Assert.False(Denormals.AreFlushed);

        Assert.Throws<InvalidOperationException>(() => program.Run(2));
        Assert.False(Denormals.AreFlushed);

        using (Denormals.Flush())
        {
            program.Run(1);
            Assert.Equal(Denormals.CanBeFlushed, Denormals.AreFlushed);
        }
    }

    /// <summary>Fails on the second chunk.</summary>
    private struct LookBody : IBody
    {
        public ArrayView<int> Step, Seen;

        public readonly void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (Step[0] == 1)
                throw new InvalidOperationException("on purpose");
            Seen[0] = Denormals.AreFlushed ? 1 : 0;
        }
    }
}
