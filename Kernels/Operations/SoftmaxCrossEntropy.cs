using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>What came of each image in each step: that of image n lies at [step · slots + n], slots = 16 · blocks.</summary>
/// <param name="loss">In nats.</param>
/// <param name="correct">1 or 0.</param>
/// <param name="step">[1].</param>
internal readonly struct StepOutcomes(ArrayView<float> loss, ArrayView<int> correct, ArrayView<int> step)
{
    public readonly ArrayView<float> Loss = loss;
    public readonly ArrayView<int> Correct = correct, Step = step;
}

/// <summary>
/// loss(n) = log Σ_k exp(z(n, k)) - z(n, label), its gradient (softmax(z) - onehot) / batch, and whether the largest logit is the label's.
/// Of equal logits the first class is the answer. An image whose label is negative is blank: no loss, no gradient, not correct. Label
/// smoothing by s (Szegedy et al. 2016) has s / K of each of K classes and 1 - s of the label's in the place of the label alone.
/// </summary>
internal static class SoftmaxCrossEntropy
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="logits">(N, K).</param>
    /// <param name="labels">[N], padded to whole blocks.</param>
    /// <param name="batch">Images that the loss is a mean over.</param>
    /// <param name="dLogits">(N, K).</param>
    /// <param name="outcomes">Of each image.</param>
    /// <param name="smoothing">s, 0 to 1.</param>
    public static Operation Of(
        ComputeDevice device, string name, Tensor logits, ArrayView<int> labels, int batch, Tensor dLogits, StepOutcomes outcomes,
        float smoothing = 0)
    {
        Require.Length(name, "labels", labels.Length, (long)logits.Blocks * Layout.Lanes);
        Require.Like(name, "gradient", dLogits, logits);
        return Operation.OfThreads(
            device, name, 0, new Arguments(logits, labels, 1f / batch, dLogits, outcomes, smoothing),
            labels.Length * Tuning.SoftmaxThreads, logits.Blocks);
    }

    public readonly struct Arguments(
        Tensor logits, ArrayView<int> labels, float scale, Tensor dLogits, StepOutcomes outcomes, float smoothing) : IBody, IThreadBody
    {
        public readonly Tensor Logits = logits, DLogits = dLogits;
        public readonly ArrayView<int> Labels = labels;
        public readonly StepOutcomes Outcomes = outcomes;
        public readonly float Scale = scale, Smoothing = smoothing;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Logits.Blocks, worker, workers);
            for (int image = first * Layout.Lanes; image < last * Layout.Lanes; image++)
                Image(image, this);
        }

        public void RunThread(int index) => Thread(this, index);
    }

    /// <summary>Threads are [block][share][16 images]: each finds maximum and sum, and writes the gradients of every 16th class.</summary>
    private static void Thread(Arguments a, int index)
    {
        int lane = index % Layout.Lanes, share = index / Layout.Lanes % Tuning.SoftmaxThreads;
        int block = index / (Layout.Lanes * Tuning.SoftmaxThreads);
        int image = block * Layout.Lanes + lane, classes = a.Logits.Shape.Features, start = block * classes * Layout.Lanes + lane;
        if (image >= a.Labels.IntLength)
            return;
        int label = a.Labels[image], best = 0;
        float max = a.Logits.Data[start];
        for (int k = 1; k < classes; k++)
        {
            float z = a.Logits.Data[start + k * Layout.Lanes];
            best = z > max ? k : best;
            max = z > max ? z : max;
        }
        float sum = 0;
        for (int k = 0; k < classes; k++)
            sum += XMath.Exp(a.Logits.Data[start + k * Layout.Lanes] - max);
        float scale = label < 0 ? 0f : a.Scale / sum, off = label < 0 ? 0f : a.Scale * a.Smoothing / classes;
        float on = off + a.Scale * (1f - a.Smoothing);
        for (int k = share; k < classes; k += Tuning.SoftmaxThreads)
        {
            int at = start + k * Layout.Lanes;
            float gradient = XMath.Exp(a.Logits.Data[at] - max) * scale;
            a.DLogits.Data[at] = gradient - (k == label ? on : off);
        }
        if (share != 0)
            return;
        int slot = a.Outcomes.Step[0] * a.Labels.IntLength + image;
        a.Outcomes.Loss[slot] = label < 0 ? 0f : XMath.Log(sum) + max - Target(a, start, label);
        a.Outcomes.Correct[slot] = label >= 0 && best == label ? 1 : 0;
    }

    /// <summary>The same one after the other, on the CPU accelerator.</summary>
    private static void Image(int image, Arguments a)
    {
        int classes = a.Logits.Shape.Features, start = image / Layout.Lanes * classes * Layout.Lanes + image % Layout.Lanes;
        int label = a.Labels[image], slot = a.Outcomes.Step[0] * a.Labels.IntLength + image;
        float max = a.Logits.Data[start];
        int best = 0;
        for (int k = 1; k < classes; k++)
        {
            float z = a.Logits.Data[start + k * Layout.Lanes];
            if (z > max)
            {
                max = z;
                best = k;
            }
        }
        float sum = 0;
        for (int k = 0; k < classes; k++)
        {
            float e = XMath.Exp(a.Logits.Data[start + k * Layout.Lanes] - max);
            a.DLogits.Data[start + k * Layout.Lanes] = e;
            sum += e;
        }
        bool blank = label < 0;
        float scale = blank ? 0f : a.Scale / sum, off = blank ? 0f : a.Scale * a.Smoothing / classes;
        float on = off + a.Scale * (1f - a.Smoothing);
        for (int k = 0; k < classes; k++)
        {
            int at = start + k * Layout.Lanes;
            float gradient = a.DLogits.Data[at] * scale;
            a.DLogits.Data[at] = gradient - (k == label ? on : off);
        }
        a.Outcomes.Loss[slot] = blank ? 0f : XMath.Log(sum) + max - Target(a, start, label);
        a.Outcomes.Correct[slot] = !blank && best == label ? 1 : 0;
    }

    /// <summary>What the loss wants to be large: the label's logit; where labels are smoothed, partly the mean of all.</summary>
    private static float Target(Arguments a, int start, int label)
    {
        float target = a.Logits.Data[start + IntrinsicMath.Max(label, 0) * Layout.Lanes], sum = 0f;
        if (a.Smoothing > 0f)
        {
            int classes = a.Logits.Shape.Features;
            for (int k = 0; k < classes; k++)
                sum += a.Logits.Data[start + k * Layout.Lanes];
            target = (1f - a.Smoothing) * target + a.Smoothing * sum / classes;
        }
        return target;
    }

    /// <summary>The formulas over plain (N, K) logits, in double.</summary>
    public static (double Loss, bool Correct, double[] Gradient) Reference(float[] logits, int label, int batch, double smoothing = 0)
    {
        double sum = logits.Sum(z => Math.Exp((double)z - logits.Max()));
        var wanted = logits.Select((_, k) => smoothing / logits.Length + (k == label ? 1 - smoothing : 0)).ToArray();
        var gradient = logits.Select((z, k) => (Math.Exp((double)z - logits.Max()) / sum - wanted[k]) / batch).ToArray();
        double target = logits.Zip(wanted, (z, w) => z * w).Sum();
        return (Math.Log(sum) + logits.Max() - target, Array.IndexOf(logits, logits.Max()) == label, gradient);
    }
}
