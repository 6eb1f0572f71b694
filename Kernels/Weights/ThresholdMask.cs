using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Prunes a layer: a live weight with |score| &lt; threshold gets mask 0, and it and its moments become exactly zero. Of weights on the
/// threshold the first fall too, as many as an exact number needs; the others are kept. What is pruned stays pruned. The score is the
/// weight itself, or its <see cref="Saliency"/>.
/// </summary>
/// <remarks>What <see cref="MagnitudeHistogram"/> has counted falls here: bits of magnitudes are compared, not floats.</remarks>
internal static class ThresholdMask
{
    /// <param name="device">Where it runs.</param>
    /// <param name="score">What is compared: the weights themselves, or one number for each.</param>
    /// <param name="weight">A layer's weights.</param>
    /// <param name="firstMoment">The optimizer's first moments.</param>
    /// <param name="secondMoment">Its second moments.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="threshold">[1], so that a program's arguments never change; not negative.</param>
    /// <param name="tied">[1]: weights on the threshold with a smaller index fall too.</param>
    public static Operation Of(
        ComputeDevice device, ArrayView<float> score, ArrayView<float> weight, ArrayView<float> firstMoment, ArrayView<float> secondMoment,
        ArrayView<float> mask, ArrayView<float> threshold, ArrayView<int> tied)
    {
        Require.Length("threshold mask", "score", score.Length, weight.Length);
        Require.Length("threshold mask", "mask", mask.Length, weight.Length);
        Require.Length("threshold mask", "first moment", firstMoment.Length, weight.Length);
        Require.Length("threshold mask", "second moment", secondMoment.Length, weight.Length);
        return Operation.OfThreads(
            device, "threshold mask", 0, new Arguments(score, weight, firstMoment, secondMoment, mask, threshold, tied), weight.Length);
    }

    public readonly struct Arguments(
        ArrayView<float> score, ArrayView<float> weight, ArrayView<float> firstMoment, ArrayView<float> secondMoment, ArrayView<float> mask,
        ArrayView<float> threshold, ArrayView<int> tied) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Score = score, Weight = weight, FirstMoment = firstMoment, SecondMoment = secondMoment;
        public readonly ArrayView<float> Mask = mask, Threshold = threshold;
        public readonly ArrayView<int> Tied = tied;

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
        int score = MagnitudeHistogram.BitsOfMagnitude(a.Score[i]), threshold = MagnitudeHistogram.BitsOfMagnitude(a.Threshold[0]);
        if (a.Mask[i] != 0f && (score > threshold || (score == threshold && i >= a.Tied[0])))
            return;
        a.Mask[i] = 0;
        a.Weight[i] = 0;
        a.FirstMoment[i] = 0;
        a.SecondMoment[i] = 0;
    }

    /// <summary>The new mask, by one plain loop.</summary>
    public static float[] Reference(float[] score, float[] mask, float threshold, int tied) =>
        [.. score.Select((s, i) => mask[i] == 1 && !(Math.Abs(s) < threshold) && (i >= tied || Math.Abs(s) != threshold) ? 1f : 0f)];
}
