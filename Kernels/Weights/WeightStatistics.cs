using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// What <see cref="WeightStatistics"/> finds in a layer: live weights, their mean and standard deviation √(E w² - (E w)²).
/// </summary>
public readonly record struct LayerStatistics(int Live, double Mean, double Deviation);

/// <summary>Count, sum and sum of squares of the live weights of a layer.</summary>
internal static class WeightStatistics
{
    /// <summary>Floats that the result takes: 256 counts, 256 sums, 256 sums of squares.</summary>
    public const int ResultLength = 3 * PartialSums.Count;

    /// <param name="device">Where it runs.</param>
    /// <param name="weight">A layer's weights.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="result">[<see cref="ResultLength"/>], read by <see cref="Read"/>.</param>
    public static Operation Of(ComputeDevice device, ArrayView<float> weight, ArrayView<float> mask, ArrayView<float> result)
    {
        Require.Length("weight statistics", "mask", mask.Length, weight.Length);
        Require.Length("weight statistics", "result", result.Length, ResultLength);
        return Operation.OfThreads(device, "weight statistics", 0, new Arguments(weight, mask, result), PartialSums.Count);
    }

    /// <summary>Adds up the partial sums; NaN or infinite weights give a deviation that is not finite.</summary>
    public static LayerStatistics Read(ReadOnlySpan<float> result)
    {
        double live = PartialSums.Sum(result[..PartialSums.Count]);
        if (live == 0)
            return default;
        double mean = PartialSums.Sum(result.Slice(PartialSums.Count, PartialSums.Count)) / live;
        double square = PartialSums.Sum(result.Slice(2 * PartialSums.Count, PartialSums.Count)) / live;
        return new LayerStatistics((int)live, mean, Math.Sqrt(Math.Max(0, square - mean * mean)) + 0 * square);
    }

    public readonly struct Arguments(ArrayView<float> weight, ArrayView<float> mask, ArrayView<float> result) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Weight = weight, Mask = mask, Result = result;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int length = Weight.IntLength;
            float* w = Weight.Pointer(), mask = Mask.Pointer(), result = Result.Pointer();
            var (first, last) = Operation.Share(PartialSums.Count / V.Width, worker, workers);
            for (int j = first * V.Width; j < last * V.Width; j += V.Width)
            {
                V count = V.Zero, sum = V.Zero, square = V.Zero;
                int i = j;
                for (; i + V.Width <= length; i += PartialSums.Count)
                {
                    V live = V.Load(mask + i), value = V.Load(w + i) * live;
                    count += live;
                    sum += value;
                    square = V.MultiplyAdd(value, value, square);
                }
                V.Store(count, result + j);
                V.Store(sum, result + PartialSums.Count + j);
                V.Store(square, result + 2 * PartialSums.Count + j);
                for (int k = j; i < length; i++, k++)
                {
                    float value = w[i] * mask[i];
                    result[k] += mask[i];
                    result[PartialSums.Count + k] += value;
                    result[2 * PartialSums.Count + k] = MathF.FusedMultiplyAdd(value, value, result[2 * PartialSums.Count + k]);
                }
            }
        }

        public void RunThread(int index) => Thread(this, index);
    }

    private static void Thread(Arguments a, int j)
    {
        if (j >= PartialSums.Count)
            return;
        float count = 0, sum = 0, square = 0;
        for (int i = j; i < a.Weight.IntLength; i += PartialSums.Count)
        {
            float live = a.Mask[i], value = a.Weight[i] * live;
            count += live;
            sum += value;
            square += value * value;
        }
        a.Result[j] = count;
        a.Result[PartialSums.Count + j] = sum;
        a.Result[2 * PartialSums.Count + j] = square;
    }

    /// <summary>One plain loop in double.</summary>
    public static LayerStatistics Reference(float[] weight, float[] mask)
    {
        double[] live = [.. weight.Where((_, i) => mask[i] != 0).Select(w => (double)w)];
        double mean = live.Length == 0 ? 0 : live.Average();
        return new LayerStatistics(live.Length, mean, live.Length == 0 ? 0 : Math.Sqrt(live.Average(w => (w - mean) * (w - mean))));
    }
}
