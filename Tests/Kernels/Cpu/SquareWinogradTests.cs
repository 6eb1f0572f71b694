using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class SquareWinogradTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(SquareWinogradCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Minimal_filtering_gives_what_the_convolution_gives(string device, string name) => KernelSuite.Run(device, name);

    [Fact]
    public void Strides_other_filters_thin_layers_and_small_maps_are_left_to_the_convolution()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        bool Fits(FilterShape filter, int size = 8) =>
            SquareWinograd.Fits(device, filter, filter.Output(new TensorShape(filter.Channels, size, size, 1)));
        Assert.True(Fits(new FilterShape(8, 8, 3, 3)));
        Assert.True(Fits(new FilterShape(8, 8, 3, 3), size: 3));
        Assert.False(Fits(new FilterShape(8, 8, 3, 3), size: 2));
        Assert.False(Fits(new FilterShape(8, 8, 3, 3), size: 5));
        Assert.False(Fits(new FilterShape(8, 8, 3, 3, Stride: 2)));
        Assert.False(Fits(new FilterShape(8, 8, 5, 5)));
        Assert.False(Fits(new FilterShape(8, 3, 3, 3)));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        using var memory = new DeviceMemory(device);
        var filter = new FilterShape(9, 8, 3, 3);
        Tensor x = memory.AllocateTensor(new TensorShape(8, 9, 8, 1), 1), y = memory.AllocateTensor(filter.Output(x.Shape), 1);
        var (weight, bias) = (memory.Allocate<float>(filter.Count), memory.Allocate<float>(filter.Filters));
        var scratch = new SquareWinogradScratch(memory, memory.Device.Workers);
        Assert.Throws<ArgumentException>(() => new SquareWinograd(memory, scratch, filter, y, x));
        var strided = filter with { Stride = 2 };
        Assert.Throws<NotSupportedException>(
            () => new SquareWinograd(memory, scratch, strided, x, memory.AllocateTensor(strided.Output(x.Shape), 1)));
        var square = new SquareWinograd(memory, scratch, filter, x, y);
        Assert.Throws<ArgumentException>(() => square.TransformWeight("test", weight.SubView(1)));
        Assert.Throws<ArgumentException>(() => square.Forward("test", y, bias, y, relu: false));
        Assert.Throws<ArgumentException>(() => square.Forward("test", x, bias.SubView(1), y, relu: false));
        Assert.Throws<ArgumentException>(() => square.BackwardData("test", y, y, x));
        Assert.Throws<ArgumentException>(() => square.BackwardWeight("test", x, y, UpdateCases.Storing(weight.SubView(1))));
        square.TransformWeight("test", weight);
        Assert.Throws<InvalidOperationException>(() => new SquareWinograd(memory, scratch, filter, x, y));
    }
}
