using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Max pooling over square windows; what lies over the edge is none of them.</summary>
public sealed partial record MaxPoolLayer(Window Window) : LayerDescription(Relu: false)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "pool3s2p1", m => new MaxPoolLayer(m.ReadWindow()));

    /// <inheritdoc/>
    public override string Token => $"pool{Window.Text()}";

    internal override string Prefix => "pool";

    internal override TensorShape Output(TensorShape input) => Window.Output(input);

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new MaxPoolSteps(context, layer, Window, tensors);

    internal override bool AnswersOne => Window.Tiles;

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        OneImage.Pool(memory.Device, $"{layer.Name} forward", x[0], Window.Size, y);

    [GeneratedRegex(@"^pool" + PoolWindows.Pattern)]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="MaxPool"/>, and <see cref="WindowPool"/> where windows are not side by side.</summary>
internal sealed class MaxPoolSteps(StepContext context, NetworkLayer layer, Window window, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    public Window Window => window;

    /// <summary>What it reads and writes, for a convolution that learns through it.</summary>
    public LayerTensors Windows => Tensors;

    /// <summary>
    /// Whether the layer before it finds the gradient of its own output in the windows (<see cref="PooledConvolution"/>).
    /// </summary>
    public bool IsLearnedThrough { get; set; }

    public override IEnumerable<Operation[]> Forward(Tensor x) =>
    [
        [
            window.Tiles
                ? MaxPool.Forward(Context.Device, $"{Layer.Name} forward", x, window.Size, Tensors.Y)
                : WindowPool.Forward(Context.Device, $"{Layer.Name} forward", x, window, average: false, Tensors.Y),
        ],
    ];

    public override IEnumerable<Operation[]> BackwardData(bool gated) => IsLearnedThrough ? [] :
    [
        [
            window.Tiles
                ? MaxPool.BackwardData(
                    Context.Device, $"{Layer.Name} backward", Tensors.X, window.Size, Tensors.Y, Tensors.YGradient, gated,
                    Tensors.XGradient)
                : WindowPool.BackwardData(
                    Context.Device, $"{Layer.Name} backward", Tensors.X, window, average: false, Tensors.YGradient, gated,
                    Tensors.XGradient),
        ],
    ];
}

/// <summary>Windows of a pooling in a token: <c>2</c>, or with a stride and a padding <c>3s2p1</c>.</summary>
internal static class PoolWindows
{
    public const string Pattern = @"(?<size>[1-9][0-9]?)(?:s(?<stride>[1-9]))?(?:p(?<padding>[1-9]))?\z";

    public static Window ReadWindow(this Match match)
    {
        int size = match.Number("size"), stride = match.Number("stride");
        return new Window(size, stride == 0 ? size : stride, match.Number("padding"));
    }

    public static string Text(this Window window) =>
        $"{window.Size}{(window.Stride == window.Size ? "" : $"s{window.Stride}")}{(window.Padding > 0 ? $"p{window.Padding}" : "")}";
}
