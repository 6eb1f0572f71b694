using ILGPU;

namespace Kernels;

/// <summary>
/// Histogram of the magnitudes of a layer's live weights over the bits of |w|: bin = (bits(|w|) >> shift) mod 2048, counting only weights
/// whose bits above the bin's equal a prefix. Bits order as magnitudes do, so with shift 20 and prefix 0 it is a histogram with logarithmic
/// bins, and three passes (shifts 20, 10 and 0) find the n-th smallest magnitude exactly (radix selection).
/// </summary>
public static class MagnitudeHistogram
{
    /// <summary>Bins of a pass: 11 bits.</summary>
    public const int Bins = 2048;

    /// <param name="device">Where it runs.</param>
    /// <param name="weight">A layer's weights.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="range">[2]: shift and prefix.</param>
    /// <param name="counts">[2048], zeroed by the caller; counts are added.</param>
    public static Operation Of(
        ComputeDevice device, ArrayView<float> weight, ArrayView<float> mask, ArrayView<int> range, ArrayView<int> counts)
    {
        MaskedGemm.Require("histogram", "mask", mask.Length, weight.Length);
        MaskedGemm.Require("histogram", "counts", counts.Length, Bins);
        return Operation.OfThreads(device, "histogram", 0, new Arguments(weight, mask, range, counts), weight.Length);
    }

    public readonly struct Arguments(ArrayView<float> weight, ArrayView<float> mask, ArrayView<int> range, ArrayView<int> counts) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Weight = weight, Mask = mask;
        public readonly ArrayView<int> Range = range, Counts = counts;

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
        int shift = a.Range[0];
        int bits = (int)(Interop.FloatAsInt(a.Weight[i]) & 0x7FFFFFFFu), bin = bits >> shift;
        if (a.Mask[i] != 0f && bin >> 11 == a.Range[1])
            Atomic.Add(ref a.Counts[bin & (Bins - 1)], 1);
    }

    /// <summary>One plain loop.</summary>
    public static int[] Reference(float[] weight, float[] mask, int shift, int prefix)
    {
        var counts = new int[Bins];
        for (int i = 0; i < weight.Length; i++)
        {
            int bin = BitConverter.SingleToInt32Bits(Math.Abs(weight[i])) >> shift;
            if (mask[i] == 1 && bin / Bins == prefix)
                counts[bin % Bins]++;
        }
        return counts;
    }
}
