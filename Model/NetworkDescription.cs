using System.Globalization;
using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>One layer of a feed-forward network.</summary>
public abstract record LayerDescription;

/// <summary>Convolution, stride 1, square filters; ReLU if asked.</summary>
public sealed record ConvolutionLayer(int Filters, int KernelSize, int Padding = 0, bool Relu = false) : LayerDescription;

/// <summary>Max pooling over Size x Size windows with stride Size.</summary>
public sealed record MaxPoolLayer(int Size) : LayerDescription;

/// <summary>Fully connected layer; ReLU if asked.</summary>
public sealed record DenseLayer(int Outputs, bool Relu = false) : LayerDescription;

/// <summary>
/// A network in one line of text. Tokens: <c>conv20@5</c> (20 filters of 5x5; <c>p2</c> pads by 2, <c>r</c> adds a ReLU), <c>pool2</c>,
/// <c>fc500</c> (<c>r</c> as before). The names lenet-300-100, lenet-5 and lenet-5-caffe stand for three such lines.
/// </summary>
public sealed partial record NetworkDescription(string Name, IReadOnlyList<LayerDescription> Layers)
{
    /// <summary>LeCun et al. 1998 (sizes; ReLU, max pooling and the full third layer are today's usage), and LeNet-5 of Caffe.</summary>
    public static IReadOnlyDictionary<string, string> Known { get; } = new Dictionary<string, string>
    {
        ["lenet-300-100"] = "fc300r fc100r fc10",
        ["lenet-5"] = "conv6@5p2r pool2 conv16@5r pool2 conv120@5r fc84r fc10",
        ["lenet-5-caffe"] = "conv20@5 pool2 conv50@5 pool2 fc500r fc10",
    };

    /// <summary>
    /// What a network may ask for, typed or in a file of a few bytes. Flat buffers, their moments and masks take a few hundred megabytes on any
    /// machine, the activations of 16 images and their gradients 128 MB.
    /// </summary>
    public const int MostWeights = 20_000_000, MostValues = 1 << 20, MostLayers = 64;

    /// <summary>(C, H, W) of an image.</summary>
    public static TensorShape Input => new(1, DataSet.Height, DataSet.Width);

    /// <summary>Reads a known name or a line of tokens.</summary>
    /// <exception cref="UserException">
    /// Usage: a token that is none, sizes that do not fit, a last layer that is not fc10, or more than a network may ask for.
    /// </exception>
    public static NetworkDescription Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] tokens = Known.GetValueOrDefault(text, text).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (tokens.Length > MostLayers)
            throw Bad(text, $"expected at most {MostLayers} layers, found {tokens.Length}");
        LayerDescription[] layers = [.. tokens.Select(ParseLayer)];
        var network = new NetworkDescription(text, layers);
        if (layers.LastOrDefault() is not DenseLayer { Outputs: DataSet.Classes, Relu: false })
            throw Bad(text, $"the last layer must be fc{DataSet.Classes}");
        var shapes = network.Shapes();
        long weights = layers.Select((l, i) => l switch
        {
            ConvolutionLayer c => (long)c.Filters * c.KernelSize * c.KernelSize * shapes[i].Channels,
            DenseLayer d => (long)d.Outputs * shapes[i].Features,
            _ => 0,
        }).Sum();
        return weights <= MostWeights ? network
            : throw Bad(text, string.Create(CultureInfo.InvariantCulture, $"expected at most {MostWeights} weights, found {weights}"));

        LayerDescription ParseLayer(string token)
        {
            var match = Token().Match(token);
            if (!match.Success)
            {
                throw Bad(text, $"'{BadModel.Cut(token)}' is no layer (conv20@5p2r, pool2, fc500r) and no known network "
                    + $"({string.Join(", ", Known.Keys)})");
            }
            int Number(string group) =>
                match.Groups[group].Success ? int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture) : 0;
            bool relu = match.Groups["r"].Success;
            return match.Groups["conv"].Success ? new ConvolutionLayer(Number("conv"), Number("k"), Number("p"), relu)
                : match.Groups["pool"].Success ? new MaxPoolLayer(Number("pool"))
                : new DenseLayer(Number("fc"), relu);
        }
    }

    /// <summary>These layers, named by their line of text.</summary>
    public static NetworkDescription Of(IEnumerable<LayerDescription> layers) => Parse(string.Join(' ', layers.Select(l => l switch
    {
        ConvolutionLayer c => $"conv{c.Filters}@{c.KernelSize}{(c.Padding > 0 ? $"p{c.Padding}" : "")}{(c.Relu ? "r" : "")}",
        MaxPoolLayer p => $"pool{p.Size}",
        DenseLayer d => $"fc{d.Outputs}{(d.Relu ? "r" : "")}",
        _ => throw new NotSupportedException(l.ToString()),
    })));

    /// <summary>As <see cref="Parse"/>, of what a file says.</summary>
    /// <exception cref="UserException">BadFile, with the file's path.</exception>
    public static NetworkDescription OfFile(string path, string text)
    {
        try
        {
            return Parse(text);
        }
        catch (UserException e)
        {
            throw BadModel.Of(path, "a network of this program", e.Message, e);
        }
    }

    /// <summary>Shapes of the activations, the input first; each carries the border that the layer after it wants.</summary>
    public IReadOnlyList<TensorShape> Shapes()
    {
        var shapes = new List<TensorShape>();
        var shape = Input;
        long values = 0;
        for (int i = 0; i <= Layers.Count; i++)
        {
            shape = shape with { Padding = i < Layers.Count && Layers[i] is ConvolutionLayer { Padding: var padding } ? padding : 0 };
            if (shape.Padding > 0 && i > 0 && Layers[i - 1] is DenseLayer)
                throw Bad(Name, $"layer {i + 1} pads the output of a fully connected layer, which has no border");
            values += (long)shape.Channels * (shape.Height + 2 * shape.Padding) * (shape.Width + 2 * shape.Padding);
            if (values > MostValues)
                throw Bad(Name, $"expected at most {MostValues} values in all layers of an image, borders too, found {values} up to layer {i}");
            shapes.Add(shape);
            if (i == Layers.Count)
                break;
            shape = Layers[i] switch
            {
                ConvolutionLayer c => new FilterShape(c.Filters, shape.Channels, c.KernelSize, c.KernelSize).Output(shape),
                MaxPoolLayer p => MaxPool.Output(shape, p.Size),
                DenseLayer d => TensorShape.Vector(d.Outputs),
                _ => throw new NotSupportedException(Layers[i].ToString()),
            };
            if (shape.Channels < 1 || shape.Height < 1 || shape.Width < 1)
                throw Bad(Name, $"layer {i + 1} gives {shape.Channels}x{shape.Height}x{shape.Width} values");
        }
        return shapes;
    }

    private static UserException Bad(string text, string what) => new(ErrorKind.Usage, $"network '{BadModel.Cut(text)}': {what}");

    [GeneratedRegex(@"^(?:conv(?<conv>[1-9][0-9]{0,3})@(?<k>[1-9][0-9]?)(?:p(?<p>[0-9]))?(?<r>r)?|pool(?<pool>[1-9])"
        + @"|fc(?<fc>[1-9][0-9]{0,4})(?<r>r)?)\z")]
    private static partial Regex Token();
}
