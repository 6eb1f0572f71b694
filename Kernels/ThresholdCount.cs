using ILGPU;

namespace Kernels;

/// <summary>For one layer and many thresholds in one pass: how many live weights have |score| &lt; threshold, that is, would be pruned (<see cref="MagnitudeMask"/>).</summary>
public static class ThresholdCount
{
    /// <summary>Floats that the result takes for a number of thresholds: 256 exact partial counts each.</summary>
    public static int ResultLength(int thresholds) => thresholds * PartialSums.Count;

    /// <param name="device">Where it runs.</param>
    /// <param name="weight">A layer's scores: the weights themselves or their saliencies, at most 2^31.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="thresholds">Any number, in any order, not negative.</param>
    /// <param name="result">[thresholds][256], read by <see cref="Read"/>.</param>
    public static Operation Of(
        ComputeDevice device, ArrayView<float> weight, ArrayView<float> mask, ArrayView<float> thresholds, ArrayView<float> result)
    {
        MaskedGemm.Require("threshold count", "mask", mask.Length, weight.Length);
        MaskedGemm.Require("threshold count", "result", result.Length, ResultLength(thresholds.IntLength));
        return Operation.OfThreads(
            device, "threshold count", 0, new Arguments(weight, mask, thresholds, result), result.Length);
    }

    /// <summary>One count per threshold.</summary>
    public static int[] Read(ReadOnlySpan<float> result)
    {
        var counts = new int[result.Length / PartialSums.Count];
        for (int t = 0; t < counts.Length; t++)
            counts[t] = (int)PartialSums.Sum(result.Slice(t * PartialSums.Count, PartialSums.Count));
        return counts;
    }

    public readonly struct Arguments(ArrayView<float> weight, ArrayView<float> mask, ArrayView<float> thresholds, ArrayView<float> result) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Weight = weight, Mask = mask, Thresholds = thresholds, Result = result;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int length = Weight.IntLength, groups = PartialSums.Count / V.Width;
            float* w = Weight.Pointer(), mask = Mask.Pointer(), result = Result.Pointer();
            var (first, last) = Operation.Share(Thresholds.IntLength * groups, worker, workers);
            for (int item = first; item < last; item++)
            {
                int t = item / groups, j = item % groups * V.Width, i = j;
                var target = result + t * PartialSums.Count + j;
                V threshold = V.Broadcast(Thresholds[t]), count = V.Zero;
                for (; i + V.Width <= length; i += PartialSums.Count)
                {
                    V value = V.Load(w + i), magnitude = V.Max(value, V.Zero - value);
                    count += V.WherePositive(threshold - magnitude, V.Load(mask + i));
                }
                V.Store(count, target);
                for (int k = 0; i < length; i++, k++)
                    target[k] += MathF.Abs(w[i]) < Thresholds[t] ? mask[i] : 0f;
            }
        }

        public void RunThread(int index) => Thread(this, index);
    }

    private static void Thread(Arguments a, int index)
    {
        if (index >= a.Result.IntLength)
            return;
        float threshold = a.Thresholds[index / PartialSums.Count], count = 0;
        for (int i = index % PartialSums.Count; i < a.Weight.IntLength; i += PartialSums.Count)
            count += IntrinsicMath.Abs(a.Weight[i]) < threshold ? a.Mask[i] : 0f;
        a.Result[index] = count;
    }

    /// <summary>One plain loop per threshold.</summary>
    public static int[] Reference(float[] weight, float[] mask, float[] thresholds) =>
        [.. thresholds.Select(t => weight.Where((w, i) => mask[i] == 1 && Math.Abs(w) < t).Count())];
}
