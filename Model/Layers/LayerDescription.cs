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

    /// <summary>What its name begins with; a number follows.</summary>
    internal abstract string Prefix { get; }

    /// <summary>Zeros around its input, on each side.</summary>
    internal virtual int Border => 0;

    /// <summary>Whether its output may have a border of zeros, which the layer after it may ask for.</summary>
    internal virtual bool AllowsBorder => true;

    /// <summary>Whether its weights are (K, C, R, S) to the world, not (K, C).</summary>
    internal virtual bool Convolutional => false;

    /// <summary>(C, H, W) of what comes out; where sizes do not fit, with a number below 1.</summary>
    internal abstract TensorShape Output(TensorShape input);

    /// <summary>Its weights, to which a bias for each of K comes; null where it has none.</summary>
    internal virtual FilterShape? Filter(TensorShape input) => null;

    /// <summary>The same layer with so many filters; only asked where there are some.</summary>
    internal virtual LayerDescription Narrowed(int filters) => throw new NotSupportedException(Token);

    /// <summary>The layer of a step, or of a chunk of answers, which makes the operations.</summary>
    internal abstract LayerSteps Bind(StepContext context, NetworkLayer layer, LayerTensors tensors);

    /// <summary>The operation that answers for a single image: see <see cref="OneImage"/>.</summary>
    internal abstract Operation ForwardOne(DeviceMemory memory, NetworkLayer layer, Checkpoint model, RowImage x, RowImage y);
}

/// <summary>How a kind of layer is written.</summary>
/// <param name="Token">Matches a whole token.</param>
/// <param name="Example">For messages.</param>
/// <param name="Read">From a match of <paramref name="Token"/>.</param>
internal sealed record LayerKind(Regex Token, string Example, Func<Match, LayerDescription> Read);

/// <summary>All kinds that a line of text may name.</summary>
internal static class LayerKinds
{
    public static IReadOnlyList<LayerKind> All { get; } =
        [ConvolutionLayer.Kind, MaxPoolLayer.Kind, AveragePoolLayer.Kind, DenseLayer.Kind];

    /// <summary>The layer that a token stands for; null where it is none.</summary>
    public static LayerDescription? Read(string token) =>
        All.Select(k => (Kind: k, Match: k.Token.Match(token)))
            .Where(f => f.Match.Success)
            .Select(f => f.Kind.Read(f.Match))
            .FirstOrDefault();

    /// <summary>A number of a token; 0 where it is left out.</summary>
    public static int Number(this Match match, string group) => match.Groups[group].Success
        ? int.Parse(match.Groups[group].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 0;
}
