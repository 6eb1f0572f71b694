namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Gradients summed by shared value, one step of momentum, and the values handed back to their members; a value without members and
/// pruned weights included.
/// </summary>
internal static class SharedUpdateCases
{
    private const double Rate = 0.25, Decay = 0.125;

    private static readonly (int Weights, int Values)[] Shapes = [(1, 1), (7, 3), (100, 31), (1000, 2), (2053, 17)];

    public static IEnumerable<SelfTestCase> All => Shapes.Select(s => Case(s.Weights, s.Values));

    /// <summary>0 = pruned; the last value has no members where there are more than two.</summary>
    private static int[] Indices(int weights, int values) => [1, .. new Numbers(1).Integers(weights - 1, values > 2 ? values : values + 1)];

    private static SelfTestCase Case(int weights, int values)
    {
        float[] Gradient() => new Numbers(2).Uniform(weights);
        float[] Values() => new Numbers(3).Uniform(values);
        float[] Before() => new Numbers(4).Uniform(weights);
        return new(
            $"shared update {weights} weights, {values} values",
            memory =>
            {
                int[] indices = Indices(weights, values);
                int[] members = [.. Enumerable.Range(0, weights).Where(i => indices[i] > 0).OrderBy(i => indices[i])];
                int[] starts = [.. Enumerable.Range(1, values + 1).Select(k => members.Count(i => indices[i] < k))];
                var (weight, shared) = (memory.Allocate<float>(Before()), memory.Allocate<float>(Values()));
                var first = memory.Allocate<float>(values);
                var update = new Update
                {
                    Rule = UpdateRule.Momentum,
                    Weight = shared,
                    FirstMoment = first,
                    SecondMoment = memory.Allocate<float>(values),
                    Mask = shared,
                    Rates = memory.Allocate<float>([(float)Rate, 0, (float)Decay, 0]),
                    Step = memory.Allocate<int>(1),
                };
                var positions = memory.Allocate<int>(members);
                memory.Device.Run(SharedUpdate.Of(
                    memory.Device, "test", memory.Allocate<float>(Gradient()), positions, memory.Allocate<int>(starts), update));
                memory.Device.Run(SharedUpdate.Spread(
                    memory.Device, "test", shared, positions, memory.Allocate<int>([.. members.Select(i => indices[i] - 1)]), weight));
                return [memory.Read(shared), memory.Read(first), memory.Read(weight)];
            },
            () =>
            {
                int[] indices = Indices(weights, values);
                double[] gradient = SharedUpdate.Reference(Gradient(), indices, values);
                double[] bound = SharedUpdate.Reference(Numbers.Absolute(Gradient()), indices, values);
                double[] value = new double[values], moment = new double[values];
                for (int k = 0; k < values; k++)
                {
                    (value[k], moment[k], _) = Update.Reference(
                        UpdateRule.Momentum, (Values()[k], 0, 0), gradient[k], 1, (Rate, Decay, 0), 1);
                    bound[k] = (indices.Count(i => i == k + 1) + 4) * Expected.Rounding * (bound[k] + 1);
                }
                return
                [
                    new("values", value, bound),
                    new("first moment", moment, bound),
                    new(
                        "weights", [.. Before().Select((w, i) => indices[i] > 0 ? value[indices[i] - 1] : w)],
                        [.. indices.Select(i => i > 0 ? bound[i - 1] : 0)]),
                ];
            });
    }
}
