using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>
/// A teacher's answers, softened by a temperature T (Hinton, Vinyals and Dean 2015): q(n, k) = softmax(z_teacher(n) / T)(k). The gradient
/// of the logits becomes (1 - a) · (softmax(z) - onehot) / batch + a T · (softmax(z / T) - q) / batch, where a is the teacher's share.
/// An image that is shown in another view (<see cref="ImageView"/>) keeps its label, and has an answer of its own.
/// </summary>
internal static class Distillation
{
    /// <summary>Writes q of the images of a batch to targets[view][image][K]; blank slots write nothing.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="logits">The teacher's, (N, K).</param>
    /// <param name="order">Which image stands in which slot, as for <see cref="Gather"/>.</param>
    /// <param name="step">[1].</param>
    /// <param name="temperature">T.</param>
    /// <param name="images">That have answers; they come first in the data set.</param>
    /// <param name="targets">[views][images][K].</param>
    public static Operation Record(
        ComputeDevice device, Tensor logits, ArrayView<int> order, ArrayView<int> step, float temperature, int images,
        ArrayView<float> targets) =>
        Operation.OfThreads(
            device, "teacher's answers", 0,
            new Arguments(logits, default, order, step, 0, temperature, 0, targets, Whole(logits, targets, images)),
            (long)logits.Blocks * Layout.Lanes, logits.Blocks);

    private static int Whole(Tensor logits, ArrayView<float> targets, int images) =>
        targets.Length > 0 && targets.Length % ((long)logits.Shape.Features * images) == 0 ? images
            : throw new ArgumentException(
                $"distillation: {targets.Length} targets are not some views of {images} images in {logits.Shape.Features} classes");

    /// <summary>Mixes the teacher's gradient into what <see cref="SoftmaxCrossEntropy"/> left in dLogits.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="logits">The student's, (N, K).</param>
    /// <param name="dLogits">(N, K), read and written.</param>
    /// <param name="order">As in <see cref="Record"/>.</param>
    /// <param name="step">[1].</param>
    /// <param name="share">a, 0 to 1.</param>
    /// <param name="temperature">T, the one of the targets.</param>
    /// <param name="batch">Images that the loss is a mean over.</param>
    /// <param name="images">As in <see cref="Record"/>.</param>
    /// <param name="targets">[views][images][K]; images of other views than these are not shown.</param>
    public static Operation Mix(
        ComputeDevice device, Tensor logits, Tensor dLogits, ArrayView<int> order, ArrayView<int> step, float share, float temperature,
        int batch, int images, ArrayView<float> targets)
    {
        if (logits.Shape != dLogits.Shape || logits.Blocks != dLogits.Blocks)
            throw new ArgumentException($"distillation: gradient {dLogits.Shape} does not match logits {logits.Shape}");
        return Operation.OfThreads(
            device, "distillation", 0,
            new Arguments(logits, dLogits, order, step, share, temperature, 1f / batch, targets, Whole(logits, targets, images)),
            (long)logits.Blocks * Layout.Lanes, logits.Blocks);
    }

    public readonly struct Arguments(
        Tensor logits, Tensor dLogits, ArrayView<int> order, ArrayView<int> step, float share, float temperature, float scale,
        ArrayView<float> targets, int images) : IBody, IThreadBody
    {
        public readonly Tensor Logits = logits, DLogits = dLogits;
        public readonly ArrayView<int> Order = order, Step = step;
        public readonly float Share = share, Temperature = temperature, Scale = scale;
        public readonly ArrayView<float> Targets = targets;
        public readonly int Images = images;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Logits.Blocks, worker, workers);
            for (int slot = first * Layout.Lanes; slot < last * Layout.Lanes; slot++)
                RunThread(slot);
        }

        public void RunThread(int index)
        {
            if (index >= Logits.Blocks * Layout.Lanes)
                return;
            if (Scale == 0)
                RecordOne(index, this);
            else
                MixOne(index, this);
        }
    }

    private static void RecordOne(int slot, Arguments a)
    {
        int classes = a.Logits.Shape.Features, entry = a.Order[a.Step[0] * a.Logits.Blocks * Layout.Lanes + slot];
        if (entry < 0)
            return;
        int start = slot / Layout.Lanes * classes * Layout.Lanes + slot % Layout.Lanes;
        int target = (Gather.View(entry) * a.Images + Gather.Image(entry)) * classes;
        float max = Max(start, classes, a), sum = Sum(start, classes, max, a);
        for (int k = 0; k < classes; k++)
            a.Targets[target + k] = XMath.Exp((a.Logits.Data[start + k * Layout.Lanes] - max) / a.Temperature) / sum;
    }

    private static void MixOne(int slot, Arguments a)
    {
        int classes = a.Logits.Shape.Features, entry = a.Order[a.Step[0] * a.Logits.Blocks * Layout.Lanes + slot];
        if (entry < 0)
            return;
        int start = slot / Layout.Lanes * classes * Layout.Lanes + slot % Layout.Lanes;
        int target = (Gather.View(entry) * a.Images + Gather.Image(entry)) * classes;
        float max = Max(start, classes, a), sum = Sum(start, classes, max, a);
        for (int k = 0; k < classes; k++)
        {
            int at = start + k * Layout.Lanes;
            float soft = XMath.Exp((a.Logits.Data[at] - max) / a.Temperature) / sum - a.Targets[target + k];
            a.DLogits.Data[at] = (1f - a.Share) * a.DLogits.Data[at] + a.Share * a.Temperature * a.Scale * soft;
        }
    }

    private static float Max(int start, int classes, Arguments a)
    {
        float max = a.Logits.Data[start];
        for (int k = 1; k < classes; k++)
            max = IntrinsicMath.Max(max, a.Logits.Data[start + k * Layout.Lanes]);
        return max;
    }

    private static float Sum(int start, int classes, float max, Arguments a)
    {
        float sum = 0;
        for (int k = 0; k < classes; k++)
            sum += XMath.Exp((a.Logits.Data[start + k * Layout.Lanes] - max) / a.Temperature);
        return sum;
    }

    /// <summary>The gradient of one image's logits, in double.</summary>
    public static double[] Reference(float[] logits, float[] teacher, int label, double share, double temperature, int batch)
    {
        double[] Softmax(float[] z, double t) => [.. z.Select(v => Math.Exp(v / t) / z.Sum(u => Math.Exp(u / t)))];
        double[] p = Softmax(logits, 1), soft = Softmax(logits, temperature), q = Softmax(teacher, temperature);
        return [.. p.Select((v, k) => ((1 - share) * (v - (k == label ? 1 : 0)) + share * temperature * (soft[k] - q[k])) / batch)];
    }
}
