using ILGPU;

namespace Secateurs.Kernels;

/// <summary>Which image comes when.</summary>
/// <param name="order">
/// Each as <see cref="Gather.Entry"/>, -1 for a blank one: the batch of a step is order[step · slots ...], slots = 16 · blocks.
/// </param>
/// <param name="step">[1].</param>
internal readonly struct Course(ArrayView<int> order, ArrayView<int> step)
{
    public readonly ArrayView<int> Order = order, Step = step;

    /// <summary>The entry of a slot in this step.</summary>
    public int Entry(int slot, int slots) => Order[Step[0] * slots + slot];
}
