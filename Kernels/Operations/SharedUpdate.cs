using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Trained weight sharing (Han, Mao and Dally 2016, section 3.3): the gradient of a shared value is the sum over its members,
/// dL/dC(k) = Σ_{i: I(i) = k} dL/dw(i), summed in a fixed order; an optimizer moves the value. Then every member takes it.
/// </summary>
internal static class SharedUpdate
{
    /// <summary>Moves the values.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="gradient">Of the layer's weights; those that are no members are not read.</param>
    /// <param name="members">Positions of live weights in the layer, those of the first value first.</param>
    /// <param name="starts">[values + 1]: where each value's members begin; the last entry is their number.</param>
    /// <param name="update">Over the values; no mask.</param>
    public static Operation Of(
        ComputeDevice device, string name, ArrayView<float> gradient, ArrayView<int> members, ArrayView<int> starts, Update update)
    {
        Require.Length(name, "starts", starts.Length, update.Weight.Length + 1);
        return Operation.OfTiles(
            device, name, 0, new Arguments(gradient, members, starts, update), update.Weight.IntLength, device.GroupSize);
    }

    /// <summary>Hands the values to their members: weight(i) = C(I(i)); other weights stay as they are.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="values">C.</param>
    /// <param name="members">Positions of live weights in the layer.</param>
    /// <param name="owners">The value of each member.</param>
    /// <param name="weight">The layer's weights.</param>
    public static Operation Spread(
        ComputeDevice device, string name, ArrayView<float> values, ArrayView<int> members, ArrayView<int> owners, ArrayView<float> weight)
    {
        Require.Length(name, "owners", owners.Length, members.Length);
        return Operation.OfThreads(device, name, 0, new SpreadArguments(values, members, owners, weight), members.Length);
    }

    public readonly struct Arguments(
        ArrayView<float> gradient, ArrayView<int> members, ArrayView<int> starts, Update update) : IBody, ITileBody
    {
        public readonly ArrayView<float> Gradient = gradient;
        public readonly ArrayView<int> Members = members, Starts = starts;
        public readonly Update Update = update;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* gradient = Gradient.Pointer();
            int* members = Members.Pointer(), starts = Starts.Pointer();
            var (first, last) = Operation.Share(Update.Weight.IntLength, worker, workers);
            for (int k = first; k < last; k++)
            {
                float sum = 0;
                for (int i = starts[k]; i < starts[k + 1]; i++)
                    sum += gradient[members[i]];
                Update.Apply<V>(k, &sum, 1);
            }
        }

        public int Sums => 1;

        /// <summary>One group per value.</summary>
        public void Add(int tile, int thread, int threads, TileSums sums)
        {
            float sum = 0;
            for (int i = Starts[tile] + thread; i < Starts[tile + 1]; i += threads)
                sum += Gradient[Members[i]];
            sums.Set(0, sum);
        }

        public void Finish(int tile, int thread, int threads, TileSums sums)
        {
            if (thread == 0)
                Update.Apply(tile, sums.Get(0));
        }
    }

    public readonly struct SpreadArguments(ArrayView<float> values, ArrayView<int> members, ArrayView<int> owners, ArrayView<float> weight)
        : IBody, IThreadBody
    {
        public readonly ArrayView<float> Values = values, Weight = weight;
        public readonly ArrayView<int> Members = members, Owners = owners;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* values = Values.Pointer(), weight = Weight.Pointer();
            int* members = Members.Pointer(), owners = Owners.Pointer();
            var (first, last) = Operation.Share(Members.IntLength, worker, workers);
            for (int i = first; i < last; i++)
                weight[members[i]] = values[owners[i]];
        }

        public void RunThread(int index)
        {
            if (index < Members.IntLength)
                Weight[Members[index]] = Values[Owners[index]];
        }
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
