using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>A fully connected layer, see <see cref="FullyConnected"/>.</summary>
internal sealed class FullyConnectedSteps : WeightedSteps
{
    private readonly ArrayView<float> _transposed;

    public FullyConnectedSteps(StepContext context, NetworkLayer layer, LayerTensors tensors) : base(context, layer, tensors)
    {
        if (context.Training && context.Device.RunsOnHost)
            _transposed = context.Memory.Allocate<float>((long)tensors.X.Blocks * Layout.Lanes * Transpose.Pitch(layer.Input.Features));
    }

    public override ArrayView<float> TransposedInput => Live is null ? _transposed : default;

    protected override FilterShape Filter => Slice.Filter.AsVector();

    /// <summary>For a single image.</summary>
    public static Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage x, RowImage y) =>
        OneImageFullyConnected.Forward(
            memory, $"{layer.Name} forward", x, OneImageSteps.Weights(memory, layer, model), y, layer.Relu);

    public override IEnumerable<Operation> Transposes() => TransposedInput.Length > 0
        ? [Transpose.Of(Context.Device, $"{Slice.Name} transpose", Shaped(Tensors.X), _transposed)] : [];

    protected override Tensor Shaped(Tensor tensor) => new(tensor.Data, TensorShape.Vector(tensor.Shape.Features), tensor.Blocks);

    protected override IEnumerable<Operation[]> ForwardInFull(string name, Tensor x) =>
        [[FullyConnected.Forward(Context.Device, name, Shaped(x), Weight, Bias, Shaped(Tensors.Y), Layer.Relu)]];

    protected override IEnumerable<Operation[]> BackwardDataInFull(string name, Tensor? gate) =>
        [[FullyConnected.BackwardData(Context.Device, name, Shaped(Tensors.YGradient), Weight, gate, Shaped(Tensors.XGradient))]];

    protected override Operation[] BackwardWeightInFull(string name, Tensor x, Update update) =>
        [FullyConnected.BackwardWeight(Context.Device, name, Shaped(Tensors.YGradient), Shaped(x), _transposed, update)];
}
