namespace Secateurs.Kernels.SelfTest;

/// <summary>Fully connected layers of a single image, with whole rows of weights and with live ones alone, over vectors and maps.</summary>
internal static class OneImageFullyConnectedCases
{
    private static readonly (TensorShape Input, int Outputs, int LivePercent)[] Shapes =
    [
        (new(1, 1, 1), 1, 100), (new(37, 1, 1), 10, 100), (new(3, 4, 5), 70, 100), (new(31, 1, 1), 33, 50), (new(64, 1, 1), 19, 3),
        (new(2, 7, 3), 100, 5),
        (new(9, 1, 1), 4, 0),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.SelectMany(s => new[] { Case(s.Input, s.Outputs, s.LivePercent, false), Case(s.Input, s.Outputs, s.LivePercent, true) });

    private static SelfTestCase Case(TensorShape input, int outputs, int livePercent, bool relu)
    {
        int count = outputs * input.Features;
        float[] X() => new Numbers(1).Activations(input.Features);
        float[] Weight() => new Numbers(2).Uniform(count);
        float[] Mask() => [.. new Numbers(3).Integers(count, 100).Select(n => n < livePercent ? 1f : 0f)];
        float[] Bias() => new Numbers(4).Uniform(outputs);
        float[] Live() => [.. Weight().Zip(Mask(), (w, m) => w * m)];
        return new(
            $"one image gemm {input.Channels}x{input.Height}x{input.Width}-{outputs} {livePercent} % live{(relu ? " relu" : "")}",
            memory =>
            {
                var y = new RowImage(memory, TensorShape.Vector(outputs));
                memory.Device.Run(OneImageFullyConnected.Forward(
                    memory, "test", memory.UploadRows(X(), input), new(Weight(), Mask(), memory.Allocate<float>(Bias())), y, relu));
                return [memory.Read(y)];
            },
            () =>
            [
                Expected.Sums(
                    "y", FullyConnected.Reference.Forward(X(), Live(), Bias(), 1, outputs, relu),
                    FullyConnected.Reference.Forward(X(), Numbers.Absolute(Live()), Numbers.Absolute(Bias()), 1, outputs, false),
                    input.Features + 1),
            ],
            onHostOnly: true);
    }
}
