using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class ConvolutionTests
{
    private const int Images = 2;

    public static TheoryData<string, string> Cases => KernelSuite.Rows(ConvolutionCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_convolution_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_reference_gradients_are_the_slopes_of_the_reference(bool gated)
    {
        var filter = new FilterShape(3, 2, 3, 2);
        var input = new TensorShape(filter.Channels, 5, 4, 1);
        var output = filter.Output(input);
        float[] u = new Numbers(1).Eighths(Images * input.Features), weight = new Numbers(2).Eighths(filter.Count);
        float[] bias = new Numbers(3).Eighths(filter.Filters), dOutput = new Numbers(4).Eighths(Images * output.Features);
        if (gated)
            u = Slopes.OffZero(u);
        float[] Relu(float[] v) => gated ? [.. v.Select(a => Math.Max(0, a))] : v;
        double Loss(float[] v, float[] w) =>
            Slopes.Dot(Convolution.Reference.Forward(Relu(v), w, bias, Images, input, filter, relu: false), dOutput);

        Slopes.Check(
            u, v => Loss(v, weight), Convolution.Reference.BackwardData(dOutput, weight, gated ? Relu(u) : null, Images, input, filter));
        Slopes.Check(weight, w => Loss(u, w), Convolution.Reference.BackwardWeight(dOutput, Relu(u), Images, input, filter));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        using var memory = new DeviceMemory(device);
        var filter = new FilterShape(2, 1, 3, 3);
        var (weight, bias) = (memory.Allocate<float>(filter.Count), memory.Allocate<float>(filter.Filters));
        Tensor x = memory.AllocateTensor(new TensorShape(1, 6, 5, 1), 1), y = memory.AllocateTensor(filter.Output(x.Shape), 1);
        Assert.Throws<ArgumentException>(() => Convolution.Forward(device, "test", x, weight.SubView(1), bias, filter, y, relu: false));
        Assert.Throws<ArgumentException>(() => Convolution.Forward(device, "test", x, weight, bias.SubView(1), filter, y, relu: false));
        Assert.Throws<ArgumentException>(() => Convolution.Forward(device, "test", x, weight, bias, filter, x, relu: false));
        var otherBorder = memory.AllocateTensor(x.Shape with { Padding = 2 }, 1);
        Assert.Throws<ArgumentException>(() => Convolution.BackwardData(device, "test", y, weight, filter, otherBorder, x));
    }
}
