namespace Secateurs.Kernels.SelfTest;

/// <summary>Loss, gradient and answer: common logits, logits far apart, equal logits, blank images, any step of a run.</summary>
internal static class SoftmaxCrossEntropyCases
{
    private const int Steps = 3;

    private static readonly (string Kind, int Images, int Classes)[] Shapes =
    [
        ("common", 1, 1), ("common", 17, 10), ("common", 64, 7), ("large", 33, 10), ("equal", 16, 10), ("tied", 50, 10),
        ("common", 18, 1000),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.Select(s => new SelfTestCase(
            $"softmax {s.Kind} logits {s.Images} images {s.Classes} classes",
            m => Compute(m, s.Kind, s.Images, s.Classes), () => Expect(s.Kind, s.Images, s.Classes)));

    private static float[] Logits(string kind, int count) => kind switch
    {
        "large" => [.. new Numbers(1).Uniform(count).Select(v => 1000 * v)],
        "equal" => [.. Enumerable.Repeat(2.5f, count)],
        "tied" => [.. new Numbers(1).Integers(count, 3).Select(v => (float)v)],
        _ => [.. new Numbers(1).Uniform(count).Select(v => 4 * v)],
    };

    /// <summary>Every fifth image is blank, but never the first.</summary>
    private static int[] Labels(int images, int classes) =>
        [.. new Numbers(2).Integers(images, classes).Select((l, n) => n % 5 == 4 ? -1 : l)];

    private static double[][] Compute(DeviceMemory memory, string kind, int images, int classes)
    {
        var shape = TensorShape.Vector(classes);
        int slots = Layout.Blocks(images) * Layout.Lanes;
        var logits = memory.Upload(Logits(kind, images * classes), shape, 0, 0);
        var labels = memory.Allocate<int>([.. Labels(images, classes), .. Enumerable.Repeat(-1, slots - images)]);
        var dLogits = memory.Result(shape, images);
        var loss = memory.Allocate<float>(Steps * slots);
        var correct = memory.Allocate<int>(Steps * slots);
        var step = memory.Allocate<int>([Steps - 1]);
        memory.Device.Run(SoftmaxCrossEntropy.Of(memory.Device, "test", logits, labels, step, images, dLogits, loss, correct));
        return [memory.Read(loss), memory.Read(correct), memory.Read(dLogits, images)];
    }

    private static Expected[] Expect(string kind, int images, int classes)
    {
        int slots = Layout.Blocks(images) * Layout.Lanes;
        double[] loss = new double[Steps * slots], lossBound = new double[Steps * slots], correct = new double[Steps * slots];
        double[] gradient = new double[images * classes], gradientBound = new double[images * classes];
        float[] logits = Logits(kind, images * classes);
        int[] labels = Labels(images, classes);
        for (int n = 0; n < images; n++)
        {
            if (labels[n] < 0)
                continue;
            int slot = (Steps - 1) * slots + n;
            float[] z = logits[(n * classes)..((n + 1) * classes)];
            (loss[slot], bool right, double[] dz) = SoftmaxCrossEntropy.Reference(z, labels[n], images);
            correct[slot] = right ? 1 : 0;
            dz.CopyTo(gradient, n * classes);
            // exp errs by 4 units at most on these devices and by the rounding of its argument, up to 2000; the sum adds one per class.
            double spread = 1 + z.Max() - z.Min(), relative = (spread + classes + 8) * Expected.Rounding;
            lossBound[slot] = relative + 4 * Expected.Rounding * (Math.Abs(z.Max()) + Math.Abs(z[labels[n]]) + Math.Log(classes));
            for (int k = 0; k < classes; k++)
                gradientBound[n * classes + k] = relative * (k == labels[n] ? 1.0 / images : dz[k]) + 1e-37; // exp may go under
        }
        return
        [
            new Expected("loss", loss, lossBound), Expected.Exactly("correct", correct), new Expected("gradient", gradient, gradientBound),
        ];
    }
}
