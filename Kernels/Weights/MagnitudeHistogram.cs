using ILGPU;

namespace Secateurs.Kernels;

/// <summary>What <see cref="MagnitudeHistogram.Select"/> finds.</summary>
/// <param name="Magnitude">Of the rank that was asked for.</param>
/// <param name="Below">How many are smaller, in all histograms together.</param>
/// <param name="Equal">How many are equal, by histogram.</param>
internal sealed record Selection(float Magnitude, int Below, IReadOnlyList<int> Equal);

/// <summary>
/// Histogram of the magnitudes of a layer's live scores over the bits of |s|: bin = (bits(|s|) >> shift) mod 2048, counting only scores
/// whose bits above the bin's equal a prefix. Bits order as magnitudes do (NaN above all), so with shift 20 and prefix 0 it is a histogram
/// with logarithmic bins, and three passes find the n-th smallest magnitude exactly (radix selection), of one layer or of all together.
/// </summary>
internal static class MagnitudeHistogram
{
    /// <summary>Bins of a pass: 11 bits.</summary>
    public const int Bins = 2048;

    /// <summary>Of the three passes; the last two look once more at a bit that is known.</summary>
    private static readonly int[] Shifts = [20, 10, 0];

    /// <param name="device">Where it runs.</param>
    /// <param name="score">One number for each weight of a layer: the weights themselves or their saliencies.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="range">[2]: shift and prefix.</param>
    /// <param name="counts">[2048], zeroed by the caller; counts are added.</param>
    public static Operation Of(
        ComputeDevice device, ArrayView<float> score, ArrayView<float> mask, ArrayView<int> range, ArrayView<int> counts)
    {
        Require.Length("histogram", "mask", mask.Length, score.Length);
        Require.Length("histogram", "counts", counts.Length, Bins);
        return Operation.OfThreads(device, "histogram", 0, new Arguments(score, mask, range, counts), score.Length);
    }

    /// <summary>The magnitude of a rank among all that the histograms count.</summary>
    /// <param name="rank">From 0 for the smallest; less than there are.</param>
    /// <param name="histograms">The histograms by shift and prefix.</param>
    public static Selection Select(int rank, Func<int, int, IReadOnlyList<int[]>> histograms)
    {
        ArgumentNullException.ThrowIfNull(histograms);
        int known = 0, left = rank, bin = 0; // the magnitude's bits, from the top; the rank among those that begin with them
        IReadOnlyList<int[]> counts = [];
        foreach (int shift in Shifts)
        {
            counts = histograms(shift, known >> (shift + 11));
            int count;
            for (bin = (known >> shift) % Bins; left >= (count = counts.Sum(c => c[bin])); bin++)
                left -= count;
            known = ((known >> (shift + 11)) * Bins + bin) << shift;
        }
        return new Selection(BitConverter.Int32BitsToSingle(known), rank - left, [.. counts.Select(c => c[bin])]);
    }

    public readonly struct Arguments(ArrayView<float> score, ArrayView<float> mask, ArrayView<int> range, ArrayView<int> counts)
        : IBody, IThreadBody
    {
        public readonly ArrayView<float> Score = score, Mask = mask;
        public readonly ArrayView<int> Range = range, Counts = counts;

        /// <summary>Each worker counts for itself: most scores share a few bins, which workers would take from each other.</summary>
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int* own = stackalloc int[Bins];
            new Span<int>(own, Bins).Clear();
            float* score = Score.Pointer(), mask = Mask.Pointer();
            int shift = Range[0], prefix = Range[1];
            var (first, last) = Operation.Share(Score.IntLength, worker, workers);
            for (int i = first; i < last; i++)
            {
                int bin = BitsOfMagnitude(score[i]) >> shift;
                if (mask[i] != 0f && bin >> 11 == prefix)
                    own[bin & (Bins - 1)]++;
            }
            for (int bin = 0; bin < Bins; bin++)
            {
                if (own[bin] > 0)
                    Atomic.Add(ref Counts[bin], own[bin]);
            }
        }

        public void RunThread(int index) => Thread(this, index);
    }

    private static void Thread(Arguments a, int i)
    {
        if (i >= a.Score.IntLength)
            return;
        int bin = BitsOfMagnitude(a.Score[i]) >> a.Range[0];
        if (a.Mask[i] != 0f && bin >> 11 == a.Range[1])
            Atomic.Add(ref a.Counts[bin & (Bins - 1)], 1);
    }

    /// <summary>The bits of |s|: the one order that thresholds, counts and ties go by on every device.</summary>
    internal static int BitsOfMagnitude(float score) => (int)(Interop.FloatAsInt(score) & 0x7FFFFFFFu);

    /// <summary>One plain loop.</summary>
    public static int[] Reference(float[] score, float[] mask, int shift, int prefix)
    {
        var counts = new int[Bins];
        for (int i = 0; i < score.Length; i++)
        {
            int bin = BitConverter.SingleToInt32Bits(Math.Abs(score[i])) >> shift;
            if (mask[i] == 1 && bin / Bins == prefix)
                counts[bin % Bins]++;
        }
        return counts;
    }
}
