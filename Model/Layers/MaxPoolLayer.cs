using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Max pooling over Size x Size windows with stride Size.</summary>
public sealed partial record MaxPoolLayer(int Size) : LayerDescription(Relu: false)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "pool2", m => new MaxPoolLayer(m.Number("size")));

    /// <inheritdoc/>
    public override string Token => $"pool{Size}";

    internal override string Prefix => "pool";

    internal override TensorShape Output(TensorShape input) => MaxPool.Output(input, Size);

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new MaxPoolSteps(context, layer, this, tensors);

    internal override Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage x, RowImage y) =>
        OneImage.Pool(memory.Device, $"{layer.Name} forward", x, Size, y);

    [GeneratedRegex(@"^pool(?<size>[1-9])\z")]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="MaxPool"/>.</summary>
internal sealed class MaxPoolSteps(StepContext context, NetworkLayer layer, MaxPoolLayer pool, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    public int Size => pool.Size;

    /// <summary>What it reads and writes, for a convolution that learns through it.</summary>
    public LayerTensors Windows => Tensors;

    /// <summary>
    /// Whether the layer before it finds the gradient of its own output in the windows (<see cref="PooledConvolution"/>).
    /// </summary>
    public bool IsLearnedThrough { get; set; }

    public override IEnumerable<Operation[]> Forward(Tensor x) =>
        [[MaxPool.Forward(Context.Device, $"{Layer.Name} forward", x, Size, Tensors.Y)]];

    public override IEnumerable<Operation[]> BackwardData(bool gated) => IsLearnedThrough ? [] :
    [
        [
            MaxPool.BackwardData(
                Context.Device, $"{Layer.Name} backward", Tensors.X, Size, Tensors.Y, Tensors.YGradient, gated, Tensors.XGradient),
        ],
    ];
}
