using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Takes the logits of a batch out of their lanes: logits(n, k) as rows, and the class of the largest; of equal ones the first, as in
/// <see cref="SoftmaxCrossEntropy"/>.
/// </summary>
internal static class Answer
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="logits">(N, K).</param>
    /// <param name="step">[1]: image n of this batch is image step · slots + n of the results, slots = 16 · blocks.</param>
    /// <param name="rows">[count][K]; images past its end are left out.</param>
    /// <param name="classes">[count].</param>
    public static Operation Of(
        ComputeDevice device, string name, Tensor logits, ArrayView<int> step, ArrayView<float> rows, ArrayView<int> classes)
    {
        Require.Length(name, "rows", rows.Length, classes.Length * logits.Shape.Features);
        return Operation.OfThreads(
            device, name, 0, new Arguments(logits, step, rows, classes), (long)logits.Blocks * Layout.Lanes,
            logits.Blocks);
    }

    public readonly struct Arguments(Tensor logits, ArrayView<int> step, ArrayView<float> rows, ArrayView<int> classes) : IBody, IThreadBody
    {
        public readonly Tensor Logits = logits;
        public readonly ArrayView<int> Step = step, Classes = classes;
        public readonly ArrayView<float> Rows = rows;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int features = Logits.Shape.Features, slots = Logits.Blocks * Layout.Lanes, target = Step.Pointer()[0] * slots;
            float* logits = Logits.Pointer;
            var (first, last) = Operation.Share(Math.Min(slots, Math.Max(0, Classes.IntLength - target)), worker, workers);
            for (int image = first; image < last; image++)
            {
                float* column = logits + image / Layout.Lanes * features * Layout.Lanes + image % Layout.Lanes;
                float* row = Rows.Pointer() + (nint)(target + image) * features;
                for (int k = 0; k < features; k++)
                    row[k] = column[k * Layout.Lanes];
                Classes.Pointer()[target + image] = Reference(new ReadOnlySpan<float>(row, features));
            }
        }

        public void RunThread(int index) => Thread(this, index);
    }

    private static void Thread(Arguments a, int image)
    {
        int features = a.Logits.Shape.Features, target = a.Step[0] * a.Logits.Blocks * Layout.Lanes + image;
        if (image >= a.Logits.Blocks * Layout.Lanes || target >= a.Classes.Length)
            return;
        int start = image / Layout.Lanes * features * Layout.Lanes + image % Layout.Lanes, best = 0;
        float max = a.Logits.Data[start];
        for (int k = 0; k < features; k++)
        {
            float z = a.Logits.Data[start + k * Layout.Lanes];
            a.Rows[target * features + k] = z;
            if (z > max)
            {
                max = z;
                best = k;
            }
        }
        a.Classes[target] = best;
    }

    /// <summary>The first largest of a row.</summary>
    public static int Reference(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int k = 1; k < logits.Length; k++)
            if (logits[k] > logits[best])
                best = k;
        return best;
    }
}
