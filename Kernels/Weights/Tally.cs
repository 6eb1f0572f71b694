using ILGPU;

namespace Secateurs.Kernels;

/// <summary>Adds up what <see cref="SoftmaxCrossEntropy"/> left per image: the loss and the number of correct answers.</summary>
internal static class Tally
{
    /// <summary>Floats that the result takes: 256 losses and 256 exact counts.</summary>
    public const int ResultLength = 2 * PartialSums.Count;

    /// <param name="device">Where it runs.</param>
    /// <param name="loss">Per image.</param>
    /// <param name="correct">Per image.</param>
    /// <param name="count">[1]: how many images to add up, at most 2^32 / 256 per partial count.</param>
    /// <param name="result">[<see cref="ResultLength"/>], read by <see cref="Read"/>.</param>
    public static Operation Of(
        ComputeDevice device, ArrayView<float> loss, ArrayView<int> correct, ArrayView<int> count, ArrayView<float> result)
    {
        Require.Length("tally", "result", result.Length, ResultLength);
        return Operation.OfThreads(device, "tally", 0, new Arguments(loss, correct, count, result), PartialSums.Count);
    }

    public static (double Loss, int Correct) Read(ReadOnlySpan<float> result) =>
        (PartialSums.Sum(result[..PartialSums.Count]), (int)PartialSums.Sum(result[PartialSums.Count..]));

    public readonly struct Arguments(
        ArrayView<float> loss, ArrayView<int> correct, ArrayView<int> count, ArrayView<float> result) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Loss = loss, Result = result;
        public readonly ArrayView<int> Correct = correct, Count = count;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var (first, last) = Operation.Share(PartialSums.Count, worker, workers);
            for (int j = first; j < last; j++)
                One(j, this);
        }

        public void RunThread(int index) => Thread(this, index);
    }

    private static void Thread(Arguments a, int j)
    {
        if (j < PartialSums.Count)
            One(j, a);
    }

    private static void One(int j, Arguments a)
    {
        float loss = 0, correct = 0;
        for (int i = j; i < a.Count[0]; i += PartialSums.Count)
        {
            loss += a.Loss[i];
            correct += a.Correct[i];
        }
        a.Result[j] = loss;
        a.Result[PartialSums.Count + j] = correct;
    }
}
