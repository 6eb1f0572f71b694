using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>A network's operations for a single image, from bytes to logits and class: see <see cref="OneImage"/>.</summary>
internal static class OneImageSteps
{
    /// <param name="memory">On the CPU accelerator.</param>
    /// <param name="model">Weights and masks.</param>
    /// <param name="image">[28 28] bytes.</param>
    /// <param name="logits">[10].</param>
    /// <param name="classes">[1].</param>
    public static IEnumerable<Operation> Build(
        DeviceMemory memory, Checkpoint model, ArrayView<byte> image, ArrayView<float> logits, ArrayView<int> classes)
    {
        var layers = model.Network.Layers;
        var shapes = model.Network.Shapes();
        var slices = new Queue<LayerSlice>(Parameters.Slices(model.Network, out _));
        var x = new RowImage(memory, layers[0] is DenseLayer ? TensorShape.Vector(shapes[0].Features) : shapes[0]);
        yield return OneImage.Load(memory.Device, "load", image, Trainer.PixelScale, x);
        for (int i = 0; i < layers.Count; i++)
        {
            var y = new RowImage(memory, shapes[i + 1]);
            if (layers[i] is MaxPoolLayer pool)
                yield return OneImage.Pool(memory.Device, $"pool{i + 1} forward", x, pool.Size, y);
            else
            {
                var slice = slices.Dequeue();
                var bias = memory.Allocate<float>(model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount));
                var weight = model.Weights.AsSpan(slice.WeightOffset, slice.WeightCount);
                var mask = model.Mask.AsSpan(slice.WeightOffset, slice.WeightCount);
                string name = $"{slice.Name} forward";
                bool relu = layers[i] is ConvolutionLayer { Relu: true } or DenseLayer { Relu: true };
                // A filter that covers its whole input is a fully connected layer, as in StepBuilder.
                yield return y.Pitch == 1 && x.Shape.Padding == 0
                    ? OneImageFullyConnected.Forward(memory, name, x, weight, mask, bias, y, relu)
                    : OneImageConvolution.Forward(memory, name, x, weight, mask, bias, slice.Filter, y, relu);
            }
            x = y;
        }
        yield return OneImage.Answer(memory.Device, "answer", x, logits, classes);
    }
}
