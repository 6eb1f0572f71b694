using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// One layer of a feed-forward network, as a line of text has it. A kind of layer is a class of its own, which turns itself into
/// operations; a new kind is that class and a line in <see cref="LayerKinds"/>.
/// </summary>
/// <param name="Relu">Whether max(0, x) follows.</param>
public abstract record LayerDescription(bool Relu)
{
    /// <summary>The layer in a line of text, e.g. <c>conv20@5p2r</c>.</summary>
    public abstract string Token { get; }

    /// <summary>Whether the next token follows without a space: a convolution and its batch normalisation are one.</summary>
    internal virtual bool JoinsNext => false;

    /// <summary>What its name begins with; a number follows.</summary>
    internal abstract string Prefix { get; }

    /// <summary>Zeros around its input, on each side.</summary>
    internal virtual int Border => 0;

    /// <summary>Whether its input, and its output, may have a border of zeros, which another reader may ask for.</summary>
    internal virtual bool AllowsBorder => true;

    /// <summary>Whether its weights are (K, C, R, S) to the world, not (K, C).</summary>
    internal virtual bool Convolutional => false;

    /// <summary>(C, H, W) of what comes out; where sizes do not fit, with a number below 1.</summary>
    internal abstract TensorShape Output(TensorShape input);

    /// <summary>Its weights; null where it has none.</summary>
    internal virtual FilterShape? Filter(TensorShape input) => null;

    /// <summary>Whether a bias for each of K comes to them.</summary>
    internal virtual bool Biased => true;

    /// <summary>All its parameters in the order of the flat buffers, weights first; the name comes behind the layer's and a dot.</summary>
    internal virtual IEnumerable<(string Name, ParameterRole Role, int[] Shape)> Parameters(TensorShape input)
    {
        if (Filter(input) is not { } f)
            yield break;
        yield return ("weight", ParameterRole.Weight, Convolutional ? [f.Filters, f.Channels, f.Rows, f.Columns] : [f.Filters, f.Channels]);
        if (Biased)
            yield return ("bias", ParameterRole.Bias, [f.Filters]);
    }

    /// <summary>The same layer with so many filters; only asked where there are some.</summary>
    internal virtual LayerDescription Narrowed(int filters) => throw new NotSupportedException(Token);

    /// <summary>The same layer with a bias, in place of the normalisation that followed; only asked where there are weights.</summary>
    internal virtual LayerDescription Folded(bool relu) => throw new NotSupportedException(Token);

    /// <summary>What a channel becomes that is the same value everywhere; NaN where that is not one value.</summary>
    internal virtual float Constant(float value) => value;

    /// <summary>The layer of a step, or of a chunk of answers, which makes the operations.</summary>
    internal abstract LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors);

    /// <summary>Whether there is an operation that answers for a single image; a network with others takes it as a batch.</summary>
    internal virtual bool AnswersOne => true;

    /// <summary>That operation: see <see cref="OneImage"/>.</summary>
    internal virtual Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage[] x, RowImage y) =>
        throw new NotSupportedException(Token);
}

/// <summary>How a kind of layer is written.</summary>
/// <param name="Token">Matches a whole token.</param>
/// <param name="Example">For messages.</param>
/// <param name="Read">From a match of <paramref name="Token"/>: one layer, or a convolution and its batch normalisation.</param>
internal sealed record LayerKind(Regex Token, string Example, Func<Match, IReadOnlyList<LayerDescription>> Read)
{
    public LayerKind(Regex token, string example, Func<Match, LayerDescription> read) : this(token, example, m => [read(m)])
    {
    }
}

/// <summary>All kinds that a line of text may name.</summary>
internal static class LayerKinds
{
    public static IReadOnlyList<LayerKind> All { get; } =
    [
        ConvolutionLayer.Kind, MaxPoolLayer.Kind, AveragePoolLayer.Kind, GlobalAveragePoolLayer.Kind, DenseLayer.Kind,
        BatchNormalizationLayer.Kind, DropoutLayer.Kind,
    ];

    /// <summary>The layers that a token stands for; null where it is none.</summary>
    public static IReadOnlyList<LayerDescription>? Read(string token) =>
        All.Select(k => (Kind: k, Match: k.Token.Match(token)))
            .Where(f => f.Match.Success)
            .Select(f => f.Kind.Read(f.Match))
            .FirstOrDefault();

    /// <summary>A number of a token; 0 where it is left out.</summary>
    public static int Number(this Match match, string group) => match.Groups[group].Success
        ? int.Parse(match.Groups[group].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 0;
}
