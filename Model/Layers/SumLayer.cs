using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>The sum of the branches that <c>[</c>, <c>|</c> and <c>]+</c> or <c>]+r</c> stand around.</summary>
public sealed record SumLayer(bool Relu = false) : LayerDescription(Relu)
{
    /// <summary>How a line of text begins branches, and tells them apart.</summary>
    internal const string Open = "[", Next = "|";

    /// <inheritdoc/>
    public override string Token => Relu ? "]+r" : "]+";

    internal override string Prefix => "sum";

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        OneImage.Sum(memory.Device, $"{layer.Name} forward", x, Relu, y);

    internal override TensorShape Output(TensorShape input) => input with { Padding = 0 };

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new SumSteps(context, layer, tensors);

    /// <summary>The sum that ends branches; null where the token is another.</summary>
    internal static SumLayer? Read(string token) => token switch { "]+" => new(), "]+r" => new(true), _ => null };
}

/// <summary>
/// See <see cref="Sum"/>. Its gradient is that of each branch: <see cref="StepBuilder"/> hands it on where it adds up what the readers of a
/// value want of it.
/// </summary>
internal sealed class SumSteps(StepContext context, NetworkLayer layer, LayerTensors tensors) : LayerSteps(context, layer, tensors)
{
    /// <summary>What it adds to its first input, which alone may be the image.</summary>
    public Func<int, Tensor> Value { get; set; } = _ => default;

    public override IEnumerable<Operation[]> Forward(Tensor x)
    {
        for (int i = 1; i < Layer.Inputs.Count; i++)
        {
            bool last = i == Layer.Inputs.Count - 1;
            var next = Layer.Inputs[i] == 0 ? x : Value(Layer.Inputs[i]);
            yield return
                [Sum.Of(Context.Device, $"{Layer.Name} forward", i == 1 ? x : Tensors.Y, next, last && Layer.Relu, null, Tensors.Y)];
        }
    }

    public override IEnumerable<Operation[]> BackwardData(bool gated) => [];
}
