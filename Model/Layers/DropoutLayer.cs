using System.Globalization;
using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Dropout while a network learns; where it answers, nothing.</summary>
/// <param name="Percent">How many of a hundred values are dropped.</param>
public sealed partial record DropoutLayer(int Percent) : LayerDescription(Relu: false)
{
    internal static LayerKind Kind { get; } = new(Pattern(), "drop0.5", m => new DropoutLayer(Read(m.Groups["digits"].Value)));

    /// <summary>Chance of a value to be dropped.</summary>
    public double Probability => Percent / 100.0;

    /// <inheritdoc/>
    public override string Token => string.Create(CultureInfo.InvariantCulture, $"drop{Probability}");

    internal override string Prefix => "drop";

    internal override bool AnswersOne => false;

    internal override TensorShape Output(TensorShape input) => input with { Padding = 0 };

    internal override LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors) =>
        new DropoutSteps(context, layer, Probability, tensors);

    private static int Read(string digits) => int.Parse(digits.PadRight(2, '0'), CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^drop0\.(?<digits>[0-9]{1,2})\z")]
    private static partial Regex Pattern();
}

/// <summary>See <see cref="Dropout"/>.</summary>
internal sealed class DropoutSteps(StepContext context, NetworkLayer layer, double probability, LayerTensors tensors)
    : LayerSteps(context, layer, tensors)
{
    private Update _update;

    public override IEnumerable<Operation[]> Forward(Tensor x) =>
        [[Sum.Of(Context.Device, $"{Layer.Name} forward", x, null, relu: false, gate: null, Tensors.Y)]];

    public override IEnumerable<Operation[]> ForwardLearning(Tensor x, Update update)
    {
        _update = update;
        return [[Drop("forward", x, null, Tensors.Y)]];
    }

    public override IEnumerable<Operation[]> BackwardData(bool gated) =>
        [[Drop("backward", Tensors.YGradient, gated ? Tensors.X : null, Tensors.XGradient)]];

    private Operation Drop(string pass, Tensor x, Tensor? gate, Tensor y) => Dropout.Of(
        Context.Device, $"{Layer.Name} {pass}", x, new(probability, Layer.Index, _update.Rates, _update.Step), gate, y);
}
