using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Convolution, stride 1, square filters; ReLU if asked.</summary>
public sealed partial record ConvolutionLayer(int Filters, int KernelSize, int Padding = 0, bool Relu = false) : LayerDescription(Relu)
{
    internal static LayerKind Kind { get; } = new(
        Pattern(), "conv20@5p2r",
        m => new ConvolutionLayer(m.Number("filters"), m.Number("size"), m.Number("padding"), m.Groups["relu"].Success));

    /// <inheritdoc/>
    public override string Token => $"conv{Filters}@{KernelSize}{(Padding > 0 ? $"p{Padding}" : "")}{(Relu ? "r" : "")}";

    internal override string Prefix => "conv";

    internal override int Border => Padding;

    internal override bool Convolutional => true;

    internal override TensorShape Output(TensorShape input) => Filter(input)!.Value.Output(input);

    internal override FilterShape? Filter(TensorShape input) => new(Filters, input.Channels, KernelSize, KernelSize);

    internal override LayerDescription Narrowed(int filters) => this with { Filters = filters };

    /// <summary>A convolution whose filter covers its whole input is a fully connected layer, and is computed as one.</summary>
    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        layer.IsFullyConnected ? new FullyConnectedSteps(context, layer, tensors) : new ConvolutionSteps(context, layer, tensors);

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage x, RowImage y) =>
        layer.IsFullyConnected
            ? FullyConnectedSteps.ForwardOne(memory, layer, model, x, y)
            : ConvolutionSteps.ForwardOne(memory, layer, model, x, y);

    [GeneratedRegex(@"^conv(?<filters>[1-9][0-9]{0,3})@(?<size>[1-9][0-9]?)(?:p(?<padding>[0-9]))?(?<relu>r)?\z")]
    private static partial Regex Pattern();
}
