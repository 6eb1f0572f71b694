using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Fully connected layer; ReLU if asked.</summary>
public sealed partial record DenseLayer(int Outputs, bool Relu = false) : LayerDescription(Relu)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "fc500r", m => new DenseLayer(m.Number("outputs"), m.Groups["relu"].Success));

    /// <inheritdoc/>
    public override string Token => $"fc{Outputs}{(Relu ? "r" : "")}";

    internal override string Prefix => "fc";

    internal override bool AllowsBorder => false;

    internal override TensorShape Output(TensorShape input) => TensorShape.Vector(Outputs);

    internal override FilterShape? Filter(TensorShape input) => new(Outputs, input.Features, 1, 1);

    internal override LayerDescription Narrowed(int filters) => this with { Outputs = filters };

    internal override LayerDescription Folded(bool relu) => this with { Relu = relu };

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new FullyConnectedSteps(context, layer, tensors);

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        FullyConnectedSteps.ForwardOne(memory, layer, model, x[0], y);

    [GeneratedRegex(@"^fc(?<outputs>[1-9][0-9]{0,4})(?<relu>r)?\z")]
    private static partial Regex Pattern();
}
