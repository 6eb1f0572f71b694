using Secateurs.Kernels;
using Device = Secateurs.Kernels.Devices;

namespace Tests.KernelTests;

/// <summary>Which accelerator is taken, on machines that are made up.</summary>
public sealed class DeviceChoiceTests
{
    private static readonly DeviceInfo
        Cuda = new(DeviceKind.Cuda, 0, "A", 1, 1, "", false, null),
        Cuda1 = Cuda with { Index = 1 },
        OpenCl = new(DeviceKind.OpenCL, 0, "B", 1, 1, "", false, null),
        Pocl = OpenCl with { OnProcessor = true },
        Cpu = new(DeviceKind.Cpu, 0, "C", 1, 1, "", true, null);

    [Fact]
    public void Auto_takes_cuda_then_opencl_then_cpu()
    {
        Assert.Equal([Cuda, Cuda1, OpenCl, Cpu], Device.AutoOrder([Cpu, OpenCl, Cuda1, Cuda]));
        Assert.Equal([OpenCl, Cpu], Device.AutoOrder([OpenCl, Cpu]));
    }

    [Fact]
    public void Auto_leaves_out_what_cannot_be_used_and_opencl_on_the_processor() =>
        Assert.Equal([Cpu], Device.AutoOrder([Cuda with { Trouble = "old" }, Pocl, OpenCl with { Index = 1, Trouble = "older" }, Cpu]));

    [Fact]
    public void A_named_device_is_found_even_if_auto_would_not_take_it() =>
        Assert.Equal(Pocl, Device.Find([Pocl, Cpu], new DeviceRequest(DeviceKind.OpenCL)));

    [Fact]
    public void A_named_device_that_is_absent_or_useless_is_an_error_that_says_what_is_there()
    {
        DeviceInfo[] devices = [OpenCl with { Trouble = "no such feature" }, Cpu];
        Assert.Equal(
            "device 'cuda:1' is not there; this machine has opencl:0 (B), cpu:0 (C)",
            Assert.Throws<DeviceException>(() => Device.Find(devices, new DeviceRequest(DeviceKind.Cuda, 1))).Message);
        Assert.Equal(
            "device opencl:0 (B) cannot be used: no such feature",
            Assert.Throws<DeviceException>(() => Device.Find(devices, new DeviceRequest(DeviceKind.OpenCL))).Message);
    }

    [Fact]
    public void A_device_needs_groups_of_some_threads_and_the_shared_memory_of_the_largest_tile()
    {
        Assert.Null(Device.GroupTrouble(16));
        Assert.Equal("its work-groups have 8 threads at most, the kernels need 16", Device.GroupTrouble(8));
        Assert.Null(Device.SharedMemoryTrouble(48 * 1024));
        Assert.Equal("its work-groups have 32768 bytes of local memory, the kernels need 36864", Device.SharedMemoryTrouble(32 * 1024));
    }

    [Theory]
    [InlineData("auto", null, 0)]
    [InlineData("cuda", DeviceKind.Cuda, 0)]
    [InlineData("cuda:1", DeviceKind.Cuda, 1)]
    [InlineData("opencl:12", DeviceKind.OpenCL, 12)]
    [InlineData("cpu", DeviceKind.Cpu, 0)]
    public void Requests_are_read_and_written(string text, DeviceKind? kind, int index)
    {
        Assert.True(DeviceRequest.TryParse(text, out var request));
        Assert.Equal(new DeviceRequest(kind, index), request);
        Assert.Equal(text, request.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("auto:1")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1:2")]
    [InlineData("cuda:99999999999")]
    public void Other_requests_are_refused(string text) => Assert.False(DeviceRequest.TryParse(text, out _));

    /// <summary>More would only wait for each other: 1,024 on 2 cores took seconds for every launch.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(1024, true)]
    public void There_are_never_more_workers_than_cores(int asked, bool fewer)
    {
        var lines = new List<string>();
        using var device = Device.Open(new DeviceRequest(DeviceKind.Cpu), asked, 0, lines.Add);
        Assert.Equal(asked == 1 ? 1 : Environment.ProcessorCount, device.Workers);
        Assert.Equal(fewer ? [$"workers: {Environment.ProcessorCount} of the {asked} asked for, one per core"] : [], lines);
    }

    [Fact]
    public void Auto_opens_something_and_says_what()
    {
        var lines = new List<string>();
        using var device = Device.Open(default, 0, 0, lines.Add);
        Assert.StartsWith("device: ", lines[^1]);
        Assert.All(lines.SkipLast(1), l => Assert.StartsWith("warning: ", l));
    }
}
