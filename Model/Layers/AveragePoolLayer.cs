using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Average pooling over square windows; what lies over the edge counts as zeros.</summary>
public sealed partial record AveragePoolLayer(Window Window) : LayerDescription(Relu: false)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "avgpool2", m => new AveragePoolLayer(m.ReadWindow()));

    /// <inheritdoc/>
    public override string Token => $"avgpool{Window.Text()}";

    internal override string Prefix => "avgpool";

    internal override TensorShape Output(TensorShape input) => Window.Output(input);

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new AveragePoolSteps(context, layer, Window, tensors);

    internal override float Constant(float value) => Window.Padding == 0 || value == 0 ? value : float.NaN;

    internal override bool AnswersOne => Window.Tiles;

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        AveragePool.ForwardOne(memory.Device, $"{layer.Name} forward", x[0], Window.Size, y);

    [GeneratedRegex(@"^avgpool" + PoolWindows.Pattern)]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="AveragePool"/>, and <see cref="WindowPool"/> where windows are not side by side.</summary>
internal sealed class AveragePoolSteps(StepContext context, NetworkLayer layer, Window window, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    public override IEnumerable<Operation[]> Forward(Tensor x) =>
    [
        [
            window.Tiles
                ? AveragePool.Forward(Context.Device, $"{Layer.Name} forward", x, window.Size, Tensors.Y)
                : WindowPool.Forward(Context.Device, $"{Layer.Name} forward", x, window, average: true, Tensors.Y),
        ],
    ];

    public override IEnumerable<Operation[]> BackwardData(bool gated) =>
    [
        [
            window.Tiles
                ? AveragePool.BackwardData(
                    Context.Device, $"{Layer.Name} backward", Tensors.X, window.Size, Tensors.YGradient, gated, Tensors.XGradient)
                : WindowPool.BackwardData(
                    Context.Device, $"{Layer.Name} backward", Tensors.X, window, average: true, Tensors.YGradient, gated,
                    Tensors.XGradient),
        ],
    ];
}
