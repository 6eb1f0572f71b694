using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Average pooling over Size x Size windows with stride Size.</summary>
public sealed partial record AveragePoolLayer(int Size) : LayerDescription(Relu: false)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "avgpool2", m => new AveragePoolLayer(m.Number("size")));

    /// <inheritdoc/>
    public override string Token => $"avgpool{Size}";

    internal override string Prefix => "avgpool";

    internal override TensorShape Output(TensorShape input) => MaxPool.Output(input, Size);

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new AveragePoolSteps(context, layer, this, tensors);

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage x, RowImage y) =>
        AveragePool.ForwardOne(memory.Device, $"{layer.Name} forward", x, Size, y);

    [GeneratedRegex(@"^avgpool(?<size>[1-9])\z")]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="AveragePool"/>.</summary>
internal sealed class AveragePoolSteps(StepContext context, NetworkLayer layer, AveragePoolLayer pool, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    public override IEnumerable<Operation[]> Forward(Tensor x) =>
        [[AveragePool.Forward(Context.Device, $"{Layer.Name} forward", x, pool.Size, Tensors.Y)]];

    public override IEnumerable<Operation[]> BackwardData(bool gated) =>
    [
        [
            AveragePool.BackwardData(
                Context.Device, $"{Layer.Name} backward", Tensors.X, pool.Size, Tensors.YGradient, gated, Tensors.XGradient),
        ],
    ];
}
