using ILGPU;

namespace Secateurs.Kernels;

/// <summary>The step number on the device.</summary>
internal static class Counter
{
    /// <summary>step += 1, when nothing else reads it.</summary>
    public static Operation Advance(ComputeDevice device, ArrayView<int> step) => Advance(device, step, step);

    /// <summary>
    /// current = next; next += 1. With the two apart it can run beside operations of the step: those before it in the step read the one,
    /// those after it the other, and those beside it neither.
    /// </summary>
    public static Operation Advance(ComputeDevice device, ArrayView<int> next, ArrayView<int> current) =>
        Operation.OfThreads(device, "step counter", 0, new Arguments(next, current), 1);

    public readonly struct Arguments(ArrayView<int> next, ArrayView<int> current) : IBody, IThreadBody
    {
        public readonly ArrayView<int> Next = next, Current = current;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker == 0)
                RunThread(0);
        }

        public void RunThread(int index)
        {
            if (index != 0)
                return;
            int step = Next[0];
            Current[0] = step;
            Next[0] = step + 1;
        }
    }
}
