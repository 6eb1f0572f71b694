using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class WinogradTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(WinogradCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Minimal_filtering_gives_what_the_convolution_gives(string device, string name) => KernelSuite.Run(device, name);

    [Fact]
    public void Other_columns_and_thin_layers_are_left_to_the_convolution()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        bool Fits(FilterShape filter, int height = 9, int width = 8) =>
            Winograd.Fits(device, filter, filter.Output(new TensorShape(filter.Channels, height, width)));
        Assert.True(Fits(new FilterShape(5, 5, 5, 5)));
        Assert.False(Fits(new FilterShape(5, 5, 5, 5), width: 7));
        Assert.False(Fits(new FilterShape(5, 5, 5, 3)));
        Assert.False(Fits(new FilterShape(50, 1, 5, 5)));
        Assert.False(Fits(new FilterShape(4, 20, 5, 5)));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        using var memory = new DeviceMemory(device);
        var filter = new FilterShape(6, 5, 5, 5);
        Tensor x = memory.AllocateTensor(new TensorShape(5, 9, 8, 1), 1), y = memory.AllocateTensor(filter.Output(x.Shape), 1);
        var (weight, bias) = (memory.Allocate<float>(filter.Count), memory.Allocate<float>(filter.Filters));
        Assert.Throws<ArgumentException>(() => new Winograd(memory, filter, y, x));
        Assert.Throws<NotSupportedException>(
            () => new Winograd(
                memory, filter with { Columns = 3 }, x, memory.AllocateTensor((filter with { Columns = 3 }).Output(x.Shape), 1)));
        var winograd = new Winograd(memory, filter, x, y);
        Assert.Throws<ArgumentException>(() => winograd.TransformInput("test", y));
        Assert.Throws<ArgumentException>(() => winograd.TransformWeight("test", weight.SubView(1)));
        Assert.Throws<ArgumentException>(() => winograd.TransformOutputGradient("test", x));
        Assert.Throws<ArgumentException>(() => winograd.Forward("test", bias.SubView(1), y, relu: false));
        Assert.Throws<ArgumentException>(() => winograd.BackwardData("test", y, x));
    }
}
