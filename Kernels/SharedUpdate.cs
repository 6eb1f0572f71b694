using ILGPU;

namespace Kernels;

/// <summary>
/// Trained weight sharing (Han, Mao and Dally 2016, section 3.3): the gradient of a shared value is the sum over its members,
/// dL/dC(k) = Σ_{i: I(i) = k} dL/dw(i); an optimizer moves the value, and every member takes it. Summed in a fixed order.
/// </summary>
public static class SharedUpdate
{
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="gradient">Of the layer's weights; those that are no members are not read.</param>
    /// <param name="members">Positions of live weights in the layer, those of the first value first.</param>
    /// <param name="starts">[values + 1]: where each value's members begin; the last entry is their number.</param>
    /// <param name="weight">The layer's weights; those that are no members stay as they are.</param>
    /// <param name="update">Over the values; no mask.</param>
    public static Operation Of(
        ComputeDevice device, string name, ArrayView<float> gradient, ArrayView<int> members, ArrayView<int> starts, ArrayView<float> weight,
        Update update)
    {
        MaskedGemm.Require(name, "gradient", gradient.Length, weight.Length);
        MaskedGemm.Require(name, "starts", starts.Length, update.Weight.Length + 1);
        return new Operation<Arguments>(
            device, name, 0, new Arguments(gradient, members, starts, weight, update), Kernel, update.Weight.Length * device.GroupSize);
    }

    public readonly struct Arguments(
        ArrayView<float> gradient, ArrayView<int> members, ArrayView<int> starts, ArrayView<float> weight, Update update) : IBody
    {
        public readonly ArrayView<float> Gradient = gradient, Weight = weight;
        public readonly ArrayView<int> Members = members, Starts = starts;
        public readonly Update Update = update;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* gradient = Gradient.Pointer(), weight = Weight.Pointer(), values = Update.Weight.Pointer();
            int* members = Members.Pointer(), starts = Starts.Pointer();
            var (first, last) = Operation.Share(Update.Weight.IntLength, worker, workers);
            for (int k = first; k < last; k++)
            {
                float sum = 0;
                for (int i = starts[k]; i < starts[k + 1]; i++)
                    sum += gradient[members[i]];
                Update.Apply<V>(k, &sum, 1);
                for (int i = starts[k]; i < starts[k + 1]; i++)
                    weight[members[i]] = values[k];
            }
        }
    }

    /// <summary>One group per value.</summary>
    internal static void Kernel(Arguments a)
    {
        int k = Grid.IdxX, first = a.Starts[k], last = a.Starts[k + 1];
        float sum = 0;
        for (int i = first + Group.IdxX; i < last; i += Group.DimX)
            sum += a.Gradient[a.Members[i]];
        sum = GroupSum.Of(sum);
        if (Group.IdxX == 0)
            a.Update.Apply(k, sum);
        Group.Barrier();
        float value = a.Update.Weight[k];
        for (int i = first + Group.IdxX; i < last; i += Group.DimX)
            a.Weight[a.Members[i]] = value;
    }

    /// <summary>Gradients of the values by a plain loop over all weights; indices: 0 = pruned, k + 1 = a member of value k.</summary>
    public static double[] Reference(float[] gradient, int[] indices, int values)
    {
        var sums = new double[values];
        for (int i = 0; i < indices.Length; i++)
            if (indices[i] > 0)
                sums[indices[i] - 1] += gradient[i];
        return sums;
    }
}
