using Secateurs.Kernels;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class DeviceMemoryTests
{
    public static TheoryData<string> FastCpus => [.. TestDevices.FastCpus];

    /// <summary>A system that promises more memory than it has ends a process without a word when the memory is written.</summary>
    [Theory]
    [MemberData(nameof(FastCpus))]
    public void What_the_memory_does_not_hold_is_refused_in_a_line_that_says_so(string name)
    {
        var device = TestDevices.Get(name);
        using var memory = new DeviceMemory(device);
        memory.Allocate<float>(1000);
        string message = Assert.Throws<InsufficientMemoryException>(() => memory.Allocate<byte>(device.MemoryBytes)).Message;
        Assert.Contains("memory for network, batch and data: expected the ", message);
        Assert.Contains(" GB of this device to hold all buffers, found ", message);
        Assert.Single(memory.Buffers);
    }

    /// <summary>Whoever has them; what is freed or refused counts no more.</summary>
    [Fact]
    public void All_buffers_of_a_device_count()
    {
        using var device = ComputeDevice.Cpu(1);
        using var memory = new DeviceMemory(device);
        using (var other = new DeviceMemory(device))
        {
            other.Allocate<float>(1 << 20);
            Assert.Throws<InsufficientMemoryException>(() => device.Reserve(device.MemoryBytes - (1 << 20)));
        }
        device.Reserve(device.MemoryBytes - (1 << 20));
        memory.Allocate<byte>(1 << 10);
        device.Release(device.MemoryBytes - (1 << 20));
    }

    [Fact]
    public void More_values_than_kernels_count_are_refused()
    {
        using var memory = new DeviceMemory(TestDevices.Get(TestDevices.FastCpus.First()));
        var shape = new TensorShape(64, 1024, 1024);
        string message = Assert.Throws<InsufficientMemoryException>(() => memory.AllocateTensor(shape, 48)).Message;
        Assert.Contains("expected at most 2147483647 values in a buffer, found 3221225472; fewer images at once", message);
        Assert.Throws<InsufficientMemoryException>(() => new HostBuffer<byte>(memory, 1L << 31));
        Assert.Empty(memory.Buffers);
    }
}
