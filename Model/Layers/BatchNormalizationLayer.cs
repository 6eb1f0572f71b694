using System.Text.RegularExpressions;
using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Batch normalisation: <c>b</c> or <c>br</c>, alone or in the token of the convolution in front of it, which then has no bias. Its scale
/// and shift are trained, its running averages are not; none is ever pruned.
/// </summary>
public sealed partial record BatchNormalizationLayer(bool Relu = false) : LayerDescription(Relu)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "br", m => new BatchNormalizationLayer(m.Groups["relu"].Success));

    /// <inheritdoc/>
    public override string Token => Relu ? "br" : "b";

    internal override string Prefix => "bn";

    internal override bool AnswersOne => false;

    internal override TensorShape Output(TensorShape input) => input with { Padding = 0 };

    internal override IEnumerable<(string Name, ParameterRole Role, int[] Shape)> Parameters(TensorShape input) =>
    [
        ("weight", ParameterRole.Scale, [input.Channels]), ("bias", ParameterRole.Shift, [input.Channels]),
        ("running_mean", ParameterRole.Mean, [input.Channels]), ("running_var", ParameterRole.Variance, [input.Channels]),
    ];

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new BatchNormalizationSteps(context, layer, tensors);

    [GeneratedRegex(@"^b(?<relu>r)?\z")]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="BatchNormalization"/>: statistics of the batch where it learns, running averages where it answers.</summary>
internal sealed class BatchNormalizationSteps(StepContext context, NetworkLayer layer, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    private readonly BatchNormalization _normalization = new(context.Memory, layer.Input, context.Batch);

    private NormalizationParameters Parameters
    {
        get
        {
            var views = Layer.Parameters.Select(p => Context.Parameters.Weight.SubView(p.Offset, p.Count)).ToArray();
            return new(views[0], views[1], views[2], views[3]);
        }
    }

    public override IEnumerable<Operation[]> Forward(Tensor x) =>
        _normalization.Answer($"{Layer.Name} forward", x, Parameters, Tensors.Y, Layer.Relu);

    public override IEnumerable<Operation[]> ForwardLearning(Tensor x, Update update) =>
        _normalization.Forward($"{Layer.Name} forward", x, Parameters, Tensors.Y, Layer.Relu);

    public override IEnumerable<Operation[]> BackwardData(bool gated) =>
    [
        .. _normalization.Gradients($"{Layer.Name} backward", Tensors.X, Tensors.YGradient),
        [_normalization.BackwardData($"{Layer.Name} backward data", Tensors.X, Tensors.YGradient, gated, Tensors.XGradient)],
    ];

    /// <summary>Where it reads the image, nobody asked for gradients before.</summary>
    public override IEnumerable<Operation[]> Updates(Tensor x, Update update, Update biasUpdate)
    {
        Update Of(ParameterSlice p) => biasUpdate.Slice(p.Offset, p.Count);
        var last = _normalization.Update($"{Layer.Name} update", Of(Layer.Parameters[0]), Of(Layer.Parameters[1]));
        Operation[][] before = Layer.ReadsImage ? _normalization.Gradients($"{Layer.Name} backward", x, Tensors.YGradient) : [];
        return [[.. before.SelectMany(stage => stage), last]];
    }
}
