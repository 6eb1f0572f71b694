using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>A network's operations for a single image, from bytes to logits and class: see <see cref="OneImage"/>.</summary>
internal static class OneImageSteps
{
    /// <summary>Whether there are such operations for all layers.</summary>
    public static bool Serve(NetworkDescription network) => network.Layers.All(l => l.Kind.AnswersOne);

    /// <param name="memory">On the CPU accelerator.</param>
    /// <param name="model">Weights and masks.</param>
    /// <param name="image">[C H W] bytes.</param>
    /// <param name="logits">[classes].</param>
    /// <param name="classes">[1].</param>
    public static IEnumerable<Operation> Build(
        DeviceMemory memory, Checkpoint model, ArrayView<byte> image, ArrayView<float> logits, ArrayView<int> classes)
    {
        var network = model.Network;
        var x = new RowImage(
            memory,
            network.Readers(0).All(l => l.IsFullyConnected) ? TensorShape.Vector(network.Shapes[0].Features) : network.Shapes[0]);
        yield return OneImage.Load(memory.Device, "load", image, memory.Allocate<float>(network.Data.Normalization), x);
        var values = new List<RowImage> { x };
        foreach (var layer in network.Layers)
        {
            values.Add(new RowImage(memory, layer.Output));
            yield return layer.Kind.ForwardOne(memory, layer, model, [.. layer.Inputs.Select(v => values[v])], values[^1]);
        }
        yield return OneImage.Answer(memory.Device, "answer", values[^1], logits, classes);
    }

    /// <summary>Weights and mask of a layer, and its biases on the device.</summary>
    public static LayerWeights Weights(DeviceMemory memory, NetworkLayer layer, Checkpoint model)
    {
        var slice = layer.Slice!;
        return new(
            model.Weights.AsSpan(slice.WeightOffset, slice.WeightCount).ToArray(),
            model.Mask.AsSpan(slice.WeightOffset, slice.WeightCount).ToArray(),
            memory.Allocate<float>(model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount)));
    }
}
