using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>The weights of one layer after weight sharing: every live weight is one of a few values.</summary>
/// <param name="Codebook">The values.</param>
/// <param name="Indices">One per weight of the layer; 0 = pruned, k + 1 = Codebook[k].</param>
public sealed record SharedWeights(float[] Codebook, int[] Indices);

/// <summary>
/// Shared values of a network on the device, trained in place of its weights: gradients of all weights are stored, those of a value's
/// members are added, and its members take the value that an optimizer of its own moments made of it.
/// </summary>
internal sealed class SharedValues : IDisposable
{
    private sealed record Layer(
        LayerSlice Slice, int Count, ArrayView<float> Values, ArrayView<float> First, ArrayView<float> Second, ArrayView<int> Members,
        ArrayView<int> Starts, ArrayView<int> Owners);

    private readonly DeviceMemory _memory;
    private readonly Layer[] _layers;

    /// <summary>Gives every live weight the value that stands for it.</summary>
    public SharedValues(Parameters parameters, IReadOnlyList<SharedWeights> shared)
    {
        float[] weights = parameters.GetWeights();
        foreach (var (slice, layer) in parameters.Layers.Zip(shared))
            for (int i = 0; i < slice.WeightCount; i++)
                weights[slice.WeightOffset + i] = layer.Indices[i] == 0 ? 0 : layer.Codebook[layer.Indices[i] - 1];
        parameters.SetWeights(weights);
        var memory = _memory = new DeviceMemory(parameters.Device);
        Gradient = memory.Allocate<float>(parameters.Weight.Length);
        _layers = [.. parameters.Layers.Zip(shared, Of)];

        Layer Of(LayerSlice slice, SharedWeights layer)
        {
            int count = layer.Codebook.Length;
            int[] members = [.. Enumerable.Range(0, slice.WeightCount).Where(i => layer.Indices[i] > 0).OrderBy(i => layer.Indices[i])];
            var starts = new int[count + 1];
            foreach (int i in members)
                starts[layer.Indices[i]]++;
            for (int k = 1; k <= count; k++)
                starts[k] += starts[k - 1];
            return new(
                slice, count, memory.Allocate<float>(layer.Codebook), memory.Allocate<float>(count), memory.Allocate<float>(count),
                memory.Allocate<int>(members), memory.Allocate<int>(starts),
                memory.Allocate<int>([.. members.Select(i => layer.Indices[i] - 1)]));
        }
    }

    /// <summary>Where gradients of all weights go, flat.</summary>
    public ArrayView<float> Gradient { get; }

    /// <summary>The values as they are now.</summary>
    public float[][] Codebooks => [.. _layers.Select(l => l.Count == 0 ? [] : _memory.Download(l.Values))];

    /// <summary>Two stages: every layer's values move, then its weights take them.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="weight">All weights, flat.</param>
    /// <param name="rule">Optimizer, rates and step.</param>
    public Operation[][] Updates(ComputeDevice device, ArrayView<float> weight, Update rule)
    {
        Layer[] live = [.. _layers.Where(l => l.Count > 0)];
        return
        [
            [.. live.Select(l => SharedUpdate.Of(
                device, $"{l.Slice.Name} shared values", Part(Gradient, l), l.Members, l.Starts,
                rule with { Weight = l.Values, FirstMoment = l.First, SecondMoment = l.Second, Mask = l.Values, Masked = 0 }))],
            [.. live.Select(l => SharedUpdate.Spread(device, $"{l.Slice.Name} spread", l.Values, l.Members, l.Owners, Part(weight, l)))],
        ];
    }

    public void Dispose() => _memory.Dispose();

    private static ArrayView<float> Part(ArrayView<float> flat, Layer layer) =>
        flat.SubView(layer.Slice.WeightOffset, layer.Slice.WeightCount);
}
