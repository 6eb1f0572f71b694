using ILGPU;

namespace Kernels;

/// <summary>
/// Prunes a layer: a live weight with |score| &lt; threshold gets mask 0, and it and its moments become exactly zero. A weight on the
/// threshold is kept; what is pruned stays pruned. The score is the weight itself, or its <see cref="Saliency"/>.
/// </summary>
public static class MagnitudeMask
{
    /// <param name="device">Where it runs.</param>
    /// <param name="score">What is compared: the weights themselves, or one number for each.</param>
    /// <param name="weight">A layer's weights.</param>
    /// <param name="firstMoment">The optimizer's first moments.</param>
    /// <param name="secondMoment">Its second moments.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="threshold">[1], so that a program's arguments never change.</param>
    public static Operation Of(
        ComputeDevice device, ArrayView<float> score, ArrayView<float> weight, ArrayView<float> firstMoment, ArrayView<float> secondMoment,
        ArrayView<float> mask, ArrayView<float> threshold)
    {
        MaskedGemm.Require("magnitude mask", "score", score.Length, weight.Length);
        MaskedGemm.Require("magnitude mask", "mask", mask.Length, weight.Length);
        MaskedGemm.Require("magnitude mask", "first moment", firstMoment.Length, weight.Length);
        MaskedGemm.Require("magnitude mask", "second moment", secondMoment.Length, weight.Length);
        return Operation.OfThreads(
            device, "magnitude mask", 0, new Arguments(score, weight, firstMoment, secondMoment, mask, threshold), weight.Length);
    }

    public readonly struct Arguments(
        ArrayView<float> score, ArrayView<float> weight, ArrayView<float> firstMoment, ArrayView<float> secondMoment, ArrayView<float> mask,
        ArrayView<float> threshold) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Score = score, Weight = weight, FirstMoment = firstMoment, SecondMoment = secondMoment, Mask = mask, Threshold = threshold;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(Weight.IntLength, worker, workers);
            for (int i = first; i < last; i++)
                One(i, this);
        }

        public void RunThread(int index) => Thread(this, index);
    }

    private static void Thread(Arguments a, int i)
    {
        if (i < a.Weight.IntLength)
            One(i, a);
    }

    private static void One(int i, Arguments a)
    {
        if (a.Mask[i] != 0f && IntrinsicMath.Abs(a.Score[i]) >= a.Threshold[0])
            return;
        a.Mask[i] = 0;
        a.Weight[i] = 0;
        a.FirstMoment[i] = 0;
        a.SecondMoment[i] = 0;
    }

    /// <summary>The new mask, by one plain loop.</summary>
    public static float[] Reference(float[] score, float[] mask, float threshold) =>
        [.. score.Select((s, i) => mask[i] == 1 && !(Math.Abs(s) < threshold) ? 1f : 0f)];
}
