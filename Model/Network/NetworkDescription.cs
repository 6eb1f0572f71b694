using System.Globalization;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A network in one line of text. Tokens: <c>conv20@5</c> (20 filters of 5x5; <c>p2</c> pads by 2, <c>r</c> adds a ReLU), <c>pool2</c>,
/// <c>avgpool2</c>, <c>fc500</c> (<c>r</c> as before). The names lenet-300-100, lenet-5 and lenet-5-caffe stand for three such lines.
/// It is for images of one <see cref="DataShape"/>; in files the line begins with it, where it is not MNIST's.
/// </summary>
public sealed class NetworkDescription
{
    private NetworkDescription(string name, DataShape data, IReadOnlyList<LayerDescription> kinds)
    {
        (Name, Data) = (name, data);
        Shapes = Values(name, data.Image, kinds);
        Layers = NetworkLayer.Chain(kinds, Shapes, out int length);
        ParameterLength = length;
        Slices = [.. Layers.Select(l => l.Slice).OfType<LayerSlice>()];
    }

    /// <summary>The known name or the line that it was read from.</summary>
    public string Name { get; }

    /// <summary>The images that it is for.</summary>
    public DataShape Data { get; }

    /// <summary>What <see cref="Parse"/> reads without being told of the images.</summary>
    public string Text => Data.Equals(Mnist.Shape) ? Name : $"{Data} {Name}";

    /// <summary>In an order in which each comes after those that it reads.</summary>
    public IReadOnlyList<NetworkLayer> Layers { get; }

    /// <summary>(C, H, W) of the image and of what each layer gives, with the border of zeros that the layer after it wants.</summary>
    public IReadOnlyList<TensorShape> Shapes { get; }

    /// <summary>Where the parameters of the layers that have some lie in flat buffers.</summary>
    public IReadOnlyList<LayerSlice> Slices { get; }

    /// <summary>Of a flat buffer of parameters.</summary>
    public int ParameterLength { get; }

    /// <summary>LeCun et al. 1998 (sizes; ReLU, max pooling and the full third layer are today's usage), and LeNet-5 of Caffe.</summary>
    public static IReadOnlyDictionary<string, string> Known { get; } = new Dictionary<string, string>
    {
        ["lenet-300-100"] = "fc300r fc100r fc10",
        ["lenet-5"] = "conv6@5p2r pool2 conv16@5r pool2 conv120@5r fc84r fc10",
        ["lenet-5-caffe"] = "conv20@5 pool2 conv50@5 pool2 fc500r fc10",
    };

    /// <summary>The line that a name stands for, with as many outputs as there are classes; any other text as it is.</summary>
    public static string LineOf(string name, DataShape data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Known.TryGetValue(name, out string? line) ? $"{line[..line.LastIndexOf("fc10", StringComparison.Ordinal)]}fc{data.Classes}"
            : name;
    }

    /// <summary>
    /// What a network may ask for, typed or in a file of a few bytes. Flat buffers, their moments and masks take a few hundred megabytes
    /// on any machine, the activations of 16 images and their gradients 128 MB.
    /// </summary>
    public const int MostWeights = 20_000_000, MostValues = 1 << 20, MostLayers = 64;

    /// <summary>Reads a known name or a line of tokens.</summary>
    /// <param name="text">May begin with the images, as <see cref="DataShape.ToString"/> writes them.</param>
    /// <param name="data">The images that the network is for; null for those that the text says, or MNIST's where it says none.</param>
    /// <exception cref="UserException">
    /// Usage: a token that is none, sizes that do not fit, a last layer that does not give a number for each class, more than a network may
    /// ask for, or other images.
    /// </exception>
    public static NetworkDescription Parse(string text, DataShape? data = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(' ', 2);
        var said = DataShape.Read(parts[0]);
        string name = said is null ? text : parts.ElementAtOrDefault(1) ?? "";
        data ??= said ?? Mnist.Shape;
        string[] tokens = LineOf(name, data).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (tokens.Length > MostLayers)
            throw Bad(text, $"expected at most {MostLayers} layers, found {tokens.Length}");
        LayerDescription[] kinds = [.. tokens.Select(t => LayerKinds.Read(t) ?? throw Bad(text, $"'{BadModel.Cut(t)}' is no layer "
            + $"({string.Join(", ", LayerKinds.All.Select(k => k.Example))}) and no known network ({string.Join(", ", Known.Keys)})"))];
        if (kinds.LastOrDefault() is not DenseLayer { Relu: false } last || last.Outputs != data.Classes)
            throw Bad(text, $"the last layer must be fc{data.Classes}");
        var network = new NetworkDescription(name, data, kinds);
        if (said is not null)
            network.Demand(said);
        return network;
    }

    /// <summary>These layers, named by their line of text.</summary>
    public static NetworkDescription Of(DataShape data, IEnumerable<LayerDescription> kinds) =>
        Parse(string.Join(' ', kinds.Select(k => k.Token)), data);

    /// <summary>Throws unless the network is for such images.</summary>
    /// <exception cref="UserException">Usage: it is for others.</exception>
    public void Demand(DataShape data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (!Data.Fits(data))
        {
            throw Bad(Name, data.Description != Data.Description ? $"expected images of {Data.Description}, found {data.Description}"
                : $"expected the classes {string.Join(", ", Data.Names)}, found {string.Join(", ", data.Names)}");
        }
    }

    /// <summary>Whether both have the same layers and images, whatever their names.</summary>
    public bool HasLayersOf(NetworkDescription other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Data.Equals(other.Data) && Layers.Select(l => l.Kind).SequenceEqual(other.Layers.Select(l => l.Kind));
    }

    /// <summary>As <see cref="Parse"/>, of what a file says.</summary>
    /// <exception cref="UserException">BadFile, with the file's path.</exception>
    public static NetworkDescription OfFile(string path, string text, DataShape? data = null)
    {
        try
        {
            return Parse(text, data);
        }
        catch (UserException e)
        {
            throw BadModel.Of(path, "a network of this program", e.Message, e);
        }
    }

    private static List<TensorShape> Values(string name, TensorShape image, IReadOnlyList<LayerDescription> kinds)
    {
        var shapes = new List<TensorShape>();
        var shape = image;
        long values = 0, weights = 0;
        for (int i = 0; i <= kinds.Count; i++)
        {
            shape = shape with { Padding = i < kinds.Count ? kinds[i].Border : 0 };
            if (shape.Padding > 0 && i > 0 && !kinds[i - 1].AllowsBorder)
                throw Bad(name, $"layer {i + 1} pads the output of a fully connected layer, which has no border");
            values += (long)shape.Channels * (shape.Height + 2 * shape.Padding) * (shape.Width + 2 * shape.Padding);
            if (values > MostValues)
            {
                throw Bad(
                    name, $"expected at most {MostValues} values in all layers of an image, borders too, found {values} up to layer {i}");
            }
            shapes.Add(shape);
            if (i == kinds.Count)
                break;
            // Sizes may be absurd: more than an int holds.
            weights += kinds[i].Filter(shape) is { } f ? (long)f.Filters * f.Channels * f.Rows * f.Columns : 0;
            shape = kinds[i].Output(shape);
            if (shape.Channels < 1 || shape.Height < 1 || shape.Width < 1)
                throw Bad(name, $"layer {i + 1} gives {shape.Channels}x{shape.Height}x{shape.Width} values");
        }
        return weights <= MostWeights ? shapes
            : throw Bad(name, string.Create(CultureInfo.InvariantCulture, $"expected at most {MostWeights} weights, found {weights}"));
    }

    private static UserException Bad(string text, string what) => new(ErrorKind.Usage, $"network '{BadModel.Cut(text)}': {what}");
}
