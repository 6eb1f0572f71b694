using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>A teacher's answers.</summary>
/// <param name="targets">[views][images][K]: q.</param>
/// <param name="images">That have answers; they come first in the data set.</param>
/// <param name="temperature">T.</param>
internal readonly struct TeacherAnswers(ArrayView<float> targets, int images, float temperature)
{
    public readonly ArrayView<float> Targets = targets;
    public readonly int Images = images;
    public readonly float Temperature = temperature;
}

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
    /// <param name="course">Which image stands in which slot.</param>
    /// <param name="answers">Written.</param>
    public static Operation Record(ComputeDevice device, Tensor logits, Course course, TeacherAnswers answers) =>
        Of(device, "teacher's answers", new Arguments(logits, default, course, answers, 0, 0));

    /// <summary>Mixes the teacher's gradient into what <see cref="SoftmaxCrossEntropy"/> left in dLogits.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="logits">The student's, (N, K).</param>
    /// <param name="dLogits">(N, K), read and written.</param>
    /// <param name="course">As in <see cref="Record"/>.</param>
    /// <param name="answers">The teacher's; images of other views than these are not shown.</param>
    /// <param name="share">a, 0 to 1.</param>
    /// <param name="batch">Images that the loss is a mean over.</param>
    public static Operation Mix(
        ComputeDevice device, Tensor logits, Tensor dLogits, Course course, TeacherAnswers answers, float share, int batch)
    {
        Require.Like("distillation", "gradient", dLogits, logits);
        return Of(device, "distillation", new Arguments(logits, dLogits, course, answers, share, 1f / batch));
    }

    private static Operation Of(ComputeDevice device, string name, Arguments a)
    {
        long targets = a.Answers.Targets.Length;
        int images = a.Answers.Images, classes = a.Logits.Shape.Features;
        if (targets == 0 || targets % ((long)classes * images) != 0)
            throw new ArgumentException($"{name}: {targets} targets are not some views of {images} images in {classes} classes");
        return Operation.OfThreads(device, name, 0, a, (long)a.Logits.Blocks * Layout.Lanes, a.Logits.Blocks);
    }

    public readonly struct Arguments(
        Tensor logits, Tensor dLogits, Course course, TeacherAnswers answers, float share, float scale) : IBody, IThreadBody
    {
        public readonly Tensor Logits = logits, DLogits = dLogits;
        public readonly Course Course = course;
        public readonly TeacherAnswers Answers = answers;
        public readonly float Share = share, Scale = scale;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Logits.Blocks, worker, workers);
            for (int slot = first * Layout.Lanes; slot < last * Layout.Lanes; slot++)
                RunThread(slot);
        }

        public void RunThread(int index)
        {
            if (index < Logits.Blocks * Layout.Lanes)
                One(index, this);
        }
    }

    /// <summary>Records, where there is no scale, or mixes.</summary>
    private static void One(int slot, Arguments a)
    {
        int classes = a.Logits.Shape.Features, entry = a.Course.Entry(slot, a.Logits.Blocks * Layout.Lanes);
        if (entry < 0)
            return;
        int start = slot / Layout.Lanes * classes * Layout.Lanes + slot % Layout.Lanes;
        int target = (Gather.View(entry) * a.Answers.Images + Gather.Image(entry)) * classes;
        float temperature = a.Answers.Temperature, max = Max(start, classes, a), sum = Sum(start, classes, max, a);
        for (int k = 0; k < classes; k++)
        {
            int at = start + k * Layout.Lanes;
            float soft = XMath.Exp((a.Logits.Data[at] - max) / temperature) / sum;
            if (a.Scale == 0)
                a.Answers.Targets[target + k] = soft;
            else
                a.DLogits.Data[at] = (1f - a.Share) * a.DLogits.Data[at]
                    + a.Share * temperature * a.Scale * (soft - a.Answers.Targets[target + k]);
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
            sum += XMath.Exp((a.Logits.Data[start + k * Layout.Lanes] - max) / a.Answers.Temperature);
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
