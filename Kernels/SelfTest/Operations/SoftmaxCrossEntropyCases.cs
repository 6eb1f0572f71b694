namespace Secateurs.Kernels.SelfTest;

/// <summary>Loss, gradient and answer: common logits, logits far apart, equal logits, blank images, any step of a run.</summary>
internal static class SoftmaxCrossEntropyCases
{
    private const int Steps = 3;

    private static readonly (string Kind, int Images, int Classes, float Smoothing)[] Shapes =
    [
        ("common", 1, 1, 0), ("common", 17, 10, 0), ("common", 64, 7, 0), ("large", 33, 10, 0), ("equal", 16, 10, 0), ("tied", 50, 10, 0),
        ("common", 18, 1000, 0), ("common", 35, 10, 0.1f), ("large", 17, 3, 0.5f), ("common", 16, 100, 1),
    ];

    public static IEnumerable<SelfTestCase> All =>
        Shapes.Select(s => new SelfTestCase(
            FormattableString.Invariant(
                $"softmax {s.Kind} logits {s.Images} images {s.Classes} classes{(s.Smoothing > 0 ? $" smoothing {s.Smoothing}" : "")}"),
            m => Compute(m, s.Kind, s.Images, s.Classes, s.Smoothing), () => Expect(s.Kind, s.Images, s.Classes, s.Smoothing)));

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

    private static double[][] Compute(DeviceMemory memory, string kind, int images, int classes, float smoothing)
    {
        var shape = TensorShape.Vector(classes);
        int slots = Layout.Blocks(images) * Layout.Lanes;
        var logits = memory.Upload(Logits(kind, images * classes), shape, 0, 0);
        var labels = memory.Allocate<int>([.. Labels(images, classes), .. Enumerable.Repeat(-1, slots - images)]);
        var dLogits = memory.Result(shape, images);
        var loss = memory.Allocate<float>(Steps * slots);
        var correct = memory.Allocate<int>(Steps * slots);
        var step = memory.Allocate<int>([Steps - 1]);
        memory.Device.Run(SoftmaxCrossEntropy.Of(
            memory.Device, "test", logits, labels, images, dLogits, new(loss, correct, step), smoothing));
        return [memory.Read(loss), memory.Read(correct), memory.Read(dLogits, images)];
    }

    private static Expected[] Expect(string kind, int images, int classes, float smoothing)
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
            (loss[slot], bool right, double[] dz) = SoftmaxCrossEntropy.Reference(z, labels[n], images, smoothing);
            correct[slot] = right ? 1 : 0;
            dz.CopyTo(gradient, n * classes);
            // exp errs by 4 units at most on these devices and by the rounding of its argument, up to 2000; the sum adds one per class.
            double spread = 1 + z.Max() - z.Min(), relative = (spread + classes + 8) * Expected.Rounding;
            lossBound[slot] = relative + 4 * Expected.Rounding * (Math.Abs(z.Max()) + Math.Abs(z[labels[n]]) + Math.Log(classes));
            if (smoothing > 0)
                lossBound[slot] += (classes + 4) * Expected.Rounding * z.Max(Math.Abs);
            for (int k = 0; k < classes; k++)
                gradientBound[n * classes + k] = relative * Magnitude(k) + 1e-37; // exp may go under

            // Of a probability, and of what is wanted of it.
            double Magnitude(int k) => k == labels[n] ? 1.0 / images : Math.Abs(dz[k]) + 2.0 * smoothing / classes / images;
        }
        return
        [
            new Expected("loss", loss, lossBound), Expected.Exactly("correct", correct), new Expected("gradient", gradient, gradientBound),
        ];
    }
}
