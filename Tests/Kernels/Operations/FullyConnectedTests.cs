using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class FullyConnectedTests
{
    private const int Images = 3, Inputs = 5, Outputs = 4;

    public static TheoryData<string, string> Cases => KernelSuite.Rows(FullyConnectedCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_fully_connected_layer_matches_its_formula(string device, string name) => KernelSuite.Run(device, name);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_reference_gradients_are_the_slopes_of_the_reference(bool gated)
    {
        // The gate is the ReLU in front of the layer: x = max(0, u).
        float[] u = new Numbers(1).Eighths(Images * Inputs), weight = new Numbers(2).Eighths(Outputs * Inputs);
        float[] bias = new Numbers(3).Eighths(Outputs), dOutput = new Numbers(4).Eighths(Images * Outputs);
        if (gated)
            u = Slopes.OffZero(u);
        float[] Relu(float[] v) => gated ? [.. v.Select(a => Math.Max(0, a))] : v;
        double Loss(float[] v, float[] w) =>
            Slopes.Dot(FullyConnected.Reference.Forward(Relu(v), w, bias, Images, Outputs, relu: false), dOutput);

        Slopes.Check(
            u, v => Loss(v, weight), FullyConnected.Reference.BackwardData(dOutput, weight, gated ? Relu(u) : null, Images, Inputs));
        Slopes.Check(weight, w => Loss(u, w), FullyConnected.Reference.BackwardWeight(dOutput, Relu(u), Images));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        using var memory = new DeviceMemory(device);
        var (weight, bias) = (memory.Allocate<float>(Inputs * Outputs), memory.Allocate<float>(Outputs));
        Tensor x = memory.AllocateTensor(TensorShape.Vector(Inputs), 1), y = memory.AllocateTensor(TensorShape.Vector(Outputs), 1);
        Assert.Throws<ArgumentException>(() => FullyConnected.Forward(device, "test", x, weight.SubView(1), bias, y, relu: false));
        Assert.Throws<ArgumentException>(() => FullyConnected.Forward(device, "test", x, weight, bias.SubView(1), y, relu: false));
        Assert.Throws<ArgumentException>(
            () => FullyConnected.Forward(
                device, "test", memory.AllocateTensor(TensorShape.Vector(Inputs), 17), weight, bias, y, relu: false));
        Assert.Throws<ArgumentException>(() => FullyConnected.BackwardData(device, "test", y, weight, gate: y, x));
    }

    [Fact]
    public void A_gpu_refuses_weights_that_begin_between_its_loads()
    {
        var device = TestDevices.Get(TestDevices.Simulator);
        using var memory = new DeviceMemory(device);
        var (weight, bias) = (memory.Allocate<float>(Inputs * Outputs + 1), memory.Allocate<float>(Outputs));
        Tensor x = memory.AllocateTensor(TensorShape.Vector(Inputs), 1), y = memory.AllocateTensor(TensorShape.Vector(Outputs), 1);
        var error = Assert.Throws<ArgumentException>(
            () => FullyConnected.Forward(device, "test", x, weight.SubView(1), bias, y, relu: false));
        Assert.Equal("test: weights begin at byte 4 of their buffer, expected a multiple of 16", error.Message);
        Assert.Throws<ArgumentException>(() => FullyConnected.BackwardData(device, "test", y, weight.SubView(1), gate: null, x));
    }
}
