using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A convolution: direct (<see cref="Convolution"/>), from its live weights, or with fewer products: in training by rows
/// (<see cref="Winograd"/>), and of 3x3, where answers are given too, by squares (<see cref="SquareWinograd"/>). On the CPU accelerator a
/// first one learns through the pooling after it.
/// </summary>
internal sealed class ConvolutionSteps : WeightedSteps
{
    private readonly GradientParts? _weightParts;
    private readonly Winograd? _winograd;
    private readonly SquareWinograd? _square;
    private MaxPoolSteps? _pool;
    private Tensor[]? _scratch;

    public ConvolutionSteps(StepContext context, NetworkLayer layer, LayerTensors tensors) : base(context, layer, tensors)
    {
        if (!layer.IsFirst && SquareWinograd.Fits(context.Device, Filter, layer.Output))
            _square = new SquareWinograd(context.Memory, context.Scratch, Filter, tensors.X, tensors.Y);
        if (!context.Training)
            return;
        if (!layer.IsFirst && Winograd.Fits(context.Device, Filter, layer.Output))
            _winograd = new Winograd(context.Memory, Filter, tensors.X, tensors.Y);
        _weightParts = Convolution.Parts(context.Memory, Filter, tensors.YGradient);
    }

    protected override FilterShape Filter => Slice.Filter;

    /// <summary>For a single image.</summary>
    public static Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage x, RowImage y) =>
        OneImageConvolution.Forward(
            memory, $"{layer.Name} forward", x, OneImageSteps.Weights(memory, layer, model), layer.Slice!.Filter, y, layer.Relu);

    /// <summary>
    /// From now on the gradient of its output is found in the windows of the pooling that alone reads it, if they lie side by side.
    /// </summary>
    public void LearnThrough(MaxPoolSteps pool)
    {
        if (!pool.Window.Tiles)
            return;
        _pool = pool;
        pool.IsLearnedThrough = true;
    }

    public override IEnumerable<Operation[]> Updates(Tensor x, Update update, Update biasUpdate) => _pool is null
        ? base.Updates(x, update, biasUpdate)
        :
        [
            [
                PooledConvolution.BackwardWeight(
                    Context.Device, $"{Slice.Name} backward weight from pool", x,
                    new(Tensors.Y, _pool.Window.Size, _pool.Windows.Y, _pool.Windows.YGradient, Layer.Relu), Filter,
                    new(update.Slice(Slice.WeightOffset, Slice.WeightCount), Sliced(biasUpdate), Live),
                    _scratch ??= PooledConvolution.Scratch(Context.Memory, Tensors.Y)),
            ],
        ];

    private ArrayView<float> Transformed(SquareWinograd square)
    {
        if (!Context.Transformed!.TryGetValue(Slice.Name, out var transformed))
        {
            transformed = Context.Memory.Allocate<float>(SquareWinograd.TransformedLength(Filter));
            Context.Device.Run(square.TransformWeight($"{Slice.Name} transform weight", Weight, transformed));
            Context.Transformed[Slice.Name] = transformed;
        }
        return transformed;
    }

    protected override double Limit(double below) => below <= 0 ? 0
        : Layer.IsFirst ? Math.Max(below, Tuning.SparseFirstBelow)
        : Context.Training || _square is null ? below
        : Math.Min(below, Tuning.SparseSquareAnswersBelow(Math.Min(Filter.Channels, Filter.Filters)));

    protected override Tensor Shaped(Tensor tensor) => tensor;

    protected override IEnumerable<Operation[]> ForwardInFull(string name, Tensor x) => (_winograd, _square) switch
    {
        ({ } rows, _) =>
        [
            [
                rows.TransformInput($"{Slice.Name} transform input", x),
                rows.TransformWeight($"{Slice.Name} transform weight", Weight),
            ],
            [rows.Forward(name, Bias, Tensors.Y, Layer.Relu)],
        ],
        (_, { } square) when !Context.Training => [[square.Forward(name, x, Bias, Tensors.Y, Layer.Relu, Transformed(square))]],
        (_, { } square) =>
        [
            [square.TransformWeight($"{Slice.Name} transform weight", Weight)],
            [square.Forward(name, x, Bias, Tensors.Y, Layer.Relu)],
        ],
        _ => [[Convolution.Forward(Context.Device, name, x, Weight, Bias, Filter, Tensors.Y, Layer.Relu)]],
    };

    protected override IEnumerable<Operation[]> BackwardDataInFull(string name, Tensor? gate) => (_winograd, _square) switch
    {
        ({ } rows, _) =>
        [
            [rows.TransformOutputGradient($"{Slice.Name} transform gradient", Tensors.YGradient)],
            [rows.BackwardData(name, gate, Tensors.XGradient)],
        ],
        (_, { } square) =>
        [
            [square.TransformTurnedWeight($"{Slice.Name} turn weight", Weight)],
            [square.BackwardData(name, Tensors.YGradient, gate, Tensors.XGradient)],
        ],
        _ => [[Convolution.BackwardData(Context.Device, name, Tensors.YGradient, Weight, Filter, gate, Tensors.XGradient)]],
    };

    protected override Operation[] BackwardWeightInFull(string name, Tensor x, Update update) => (_winograd, _square) switch
    {
        ({ } rows, _) => [rows.BackwardWeight(name, update)],
        (_, { } square) => square.BackwardWeight(name, x, Tensors.YGradient, update),
        _ => Convolution.BackwardWeight(Context.Device, name, x, Tensors.YGradient, Filter, update, _weightParts),
    };
}
