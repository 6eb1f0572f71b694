using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Convolution with square filters; ReLU if asked.</summary>
/// <param name="Filters">Channels of the output.</param>
/// <param name="KernelSize">Rows and columns of a filter.</param>
/// <param name="Padding">Zeros around the input, on each side.</param>
/// <param name="Relu">Whether max(0, x) follows.</param>
/// <param name="Stride">Rows and columns from an output to the next.</param>
/// <param name="HasBias">Whether each filter has a bias; else a batch normalisation follows, in the same token.</param>
public sealed partial record ConvolutionLayer(
    int Filters, int KernelSize, int Padding = 0, bool Relu = false, int Stride = 1, bool HasBias = true) : LayerDescription(Relu)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "conv16@3s2p1br", Read);

    /// <inheritdoc/>
    public override string Token =>
        $"conv{Filters}@{KernelSize}{(Stride > 1 ? $"s{Stride}" : "")}{(Padding > 0 ? $"p{Padding}" : "")}{(Relu ? "r" : "")}";

    internal override bool JoinsNext => !HasBias;

    internal override bool Biased => HasBias;

    internal override string Prefix => "conv";

    internal override int Border => Padding;

    internal override bool Convolutional => true;

    internal override TensorShape Output(TensorShape input) => Filter(input)!.Value.Output(input);

    internal override FilterShape? Filter(TensorShape input) =>
        new(Filters, input.Channels, KernelSize, KernelSize, Stride, input.Padding - Padding);

    internal override LayerDescription Narrowed(int filters) => this with { Filters = filters };

    internal override LayerDescription Folded(bool relu) => this with { Relu = relu, HasBias = true };

    /// <summary>A convolution whose filter covers its whole input is a fully connected layer, and is computed as one.</summary>
    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        layer.IsFullyConnected ? new FullyConnectedSteps(context, layer, tensors) : new ConvolutionSteps(context, layer, tensors);

    internal override bool AnswersOne => HasBias;

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        layer.IsFullyConnected
            ? FullyConnectedSteps.ForwardOne(memory, layer, model, x[0], y)
            : ConvolutionSteps.ForwardOne(memory, layer, model, x[0], y);

    private static IReadOnlyList<LayerDescription> Read(Match m)
    {
        bool normalized = m.Groups["normalized"].Success, relu = m.Groups["relu"].Success;
        var convolution = new ConvolutionLayer(
            m.Number("filters"), m.Number("size"), m.Number("padding"), relu && !normalized, Math.Max(1, m.Number("stride")), !normalized);
        return normalized ? [convolution, new BatchNormalizationLayer(relu)] : [convolution];
    }

    [GeneratedRegex(
        @"^conv(?<filters>[1-9][0-9]{0,3})@(?<size>[1-9][0-9]?)(?:s(?<stride>[1-9]))?(?:p(?<padding>[0-9]))?"
        + @"(?<normalized>b)?(?<relu>r)?\z")]
    private static partial Regex Pattern();
}
