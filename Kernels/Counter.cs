using ILGPU;

namespace Kernels;

/// <summary>The step number on the device: every operation of a step reads it, this one, at the end of the step, advances it.</summary>
public static class Counter
{
    /// <summary>step += 1.</summary>
    public static Operation Advance(ComputeDevice device, ArrayView<int> step) =>
        new Operation<Arguments>(device, "step counter", 0, new Arguments(step), Kernel, 1, 1);

    public readonly struct Arguments(ArrayView<int> step) : IBody
    {
        public readonly ArrayView<int> Step = step;

        public void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker == 0)
                Step[0]++;
        }
    }

    internal static void Kernel(Arguments a) => a.Step[0]++;
}
