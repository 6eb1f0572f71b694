using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Global average pooling: the mean of each channel.</summary>
public sealed partial record GlobalAveragePoolLayer() : LayerDescription(Relu: false)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "gap", _ => new GlobalAveragePoolLayer());

    /// <inheritdoc/>
    public override string Token => "gap";

    internal override string Prefix => "gap";

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        GlobalAveragePool.ForwardOne(memory.Device, $"{layer.Name} forward", x[0], y);

    internal override TensorShape Output(TensorShape input) => TensorShape.Vector(input.Channels);

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new GlobalAveragePoolSteps(context, layer, tensors);

    [GeneratedRegex(@"^gap\z")]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="GlobalAveragePool"/>.</summary>
internal sealed class GlobalAveragePoolSteps(StepContext context, NetworkLayer layer, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    public override IEnumerable<Operation[]> Forward(Tensor x) =>
        [[GlobalAveragePool.Forward(Context.Device, $"{Layer.Name} forward", x, Tensors.Y)]];

    public override IEnumerable<Operation[]> BackwardData(bool gated) =>
    [
        [
            GlobalAveragePool.BackwardData(
                Context.Device, $"{Layer.Name} backward", Tensors.X, Tensors.YGradient, gated, Tensors.XGradient),
        ],
    ];
}
