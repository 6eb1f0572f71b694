using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A network in one line of text. Tokens: <c>conv20@5</c> (20 filters of 5x5; <c>s2</c> a stride of 2, <c>p2</c> pads by 2, <c>b</c> adds
/// a batch normalisation, <c>r</c> a ReLU), <c>pool2</c>, <c>avgpool2</c> (windows; <c>s</c> and <c>p</c> as before), <c>gap</c> (global
/// average pooling), <c>fc500</c> (<c>r</c> as before), <c>b</c>, <c>drop0.5</c> (dropout). <c>[conv16@3p1br conv16@3p1b | ]+r</c> is the
/// sum of two branches, of which the second is what goes in. <see cref="Known"/> names stand for such lines. It is for images of one
/// <see cref="DataShape"/>; in files the line begins with it, where it is not MNIST's.
/// </summary>
public sealed partial class NetworkDescription
{
    private readonly Line _line;

    private NetworkDescription(string name, DataShape data, Line line)
    {
        (Name, Data, _line) = (name, data, line);
        Shapes = Values(name, data.Image, line.Kinds, line.Inputs);
        Layers = NetworkLayer.All(line.Kinds, line.Inputs, Shapes, out int length);
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

    /// <summary>
    /// LeCun et al. 1998 (sizes; ReLU, max pooling and the full third layer are today's usage), and LeNet-5 of Caffe; for colour images of
    /// 32x32, He et al. 2016 (with projections), Krizhevsky et al. 2012 and Simonyan, Zisserman 2015 as they are cut for CIFAR-10.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Known { get; } = new Dictionary<string, string>
    {
        ["lenet-300-100"] = "fc300r fc100r fc10",
        ["lenet-5"] = "conv6@5p2r pool2 conv16@5r pool2 conv120@5r fc84r fc10",
        ["lenet-5-caffe"] = "conv20@5 pool2 conv50@5 pool2 fc500r fc10",
        ["resnet-20"] = $"conv16@3p1br {Repeat(3, Block(16))} {Block(32, 16)} {Repeat(2, Block(32))} {Block(64, 32)} "
            + $"{Repeat(2, Block(64))} gap fc10",
        ["alexnet"] = "conv64@11s4p5r pool2 conv192@5p2r pool2 conv384@3p1r conv256@3p1r conv256@3p1r pool2 fc10",
        ["vgg-16"] = $"{Repeat(2, "conv64@3p1br")} pool2 {Repeat(2, "conv128@3p1br")} pool2 {Repeat(3, "conv256@3p1br")} pool2 "
            + $"{Repeat(3, "conv512@3p1br")} pool2 {Repeat(3, "conv512@3p1br")} pool2 fc512r fc10",
    };

    /// <summary>The line that a name stands for, with as many outputs as there are classes; any other text as it is.</summary>
    public static string LineOf(string name, DataShape data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Known.TryGetValue(name, out string? line) ? $"{line[..line.LastIndexOf("fc10", StringComparison.Ordinal)]}fc{data.Classes}"
            : name;
    }

    /// <summary>The known ones for images like MNIST's, which every device can try within seconds.</summary>
    public static IReadOnlyList<string> Small { get; } = ["lenet-300-100", "lenet-5", "lenet-5-caffe"];

    /// <summary>Images that a known network is for where nobody says: those of CIFAR-10, or of MNIST. Null of other lines.</summary>
    public static DataShape? ImagesOf(string name) =>
        !Known.ContainsKey(name) ? null : Small.Contains(name) ? Mnist.Shape : Cifar10.Shape;

    /// <summary>
    /// What a network may ask for, typed or in a file of a few bytes: as much as ResNet-50 of 224x224. Flat buffers, their moments and
    /// masks take a few hundred megabytes, the activations of 16 images 2 GB; <see cref="DeviceMemory"/> refuses what a machine has not.
    /// </summary>
    public const int MostWeights = 32_000_000, MostValues = 1 << 25, MostLayers = 256;

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
        var line = Line.Read(text, LineOf(name, data));
        if (line.Kinds is not [.., DenseLayer { Relu: false } last] || last.Outputs != data.Classes)
            throw Bad(text, $"the last layer must be fc{data.Classes}");
        var network = new NetworkDescription(name, data, line);
        if (said is not null)
            network.Demand(said);
        return network;
    }

    /// <summary>The same network with another layer, or none, in each one's place, named by its line of text.</summary>
    /// <param name="replace">What stands for a layer; null for nothing, so that what it reads is read in its stead.</param>
    public NetworkDescription With(Func<NetworkLayer, LayerDescription?> replace)
    {
        ArgumentNullException.ThrowIfNull(replace);
        return Parse(_line.Text(i => replace(Layers[i])), Data);
    }

    /// <summary>Whether each layer reads the one before it, and that alone.</summary>
    public bool IsChain => Layers.All(l => l.Inputs is [var value] && value == l.Index);

    /// <summary>The layers that read a value (0 is the image), in their order.</summary>
    public IReadOnlyList<NetworkLayer> Readers(int value) => [.. Layers.Where(l => l.Inputs.Contains(value))];

    /// <summary>All parameters of all layers.</summary>
    public IEnumerable<ParameterSlice> Parameters => Layers.SelectMany(l => l.Parameters);

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
        return Data.Equals(other.Data) && _line.Text(i => Layers[i].Kind) == other._line.Text(i => other.Layers[i].Kind);
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

    /// <summary>Shapes of all values, each with the border that its readers want.</summary>
    private static List<TensorShape> Values(
        string name, TensorShape image, IReadOnlyList<LayerDescription> kinds, IReadOnlyList<IReadOnlyList<int>> inputs)
    {
        int[] borders = new int[kinds.Count + 1];
        for (int i = 0; i < kinds.Count; i++)
            foreach (int value in inputs[i])
                borders[value] = Math.Max(borders[value], kinds[i].Border);
        for (int i = 0; i < kinds.Count; i++)
        {
            if (borders[i + 1] > 0 && !kinds[i].AllowsBorder)
            {
                int reader = Enumerable.Range(0, kinds.Count).First(r => inputs[r].Contains(i + 1) && kinds[r].Border > 0);
                throw Bad(name, $"layer {reader + 1} pads the output of a fully connected layer, which has no border");
            }
            if (borders[inputs[i][0]] > 0 && !kinds[i].AllowsBorder)
                throw Bad(name, $"layer {i + 1} is fully connected to what another one pads");
        }
        var shapes = new List<TensorShape>();
        var shape = image;
        long values = 0, weights = 0;
        for (int i = 0; i <= kinds.Count; i++)
        {
            shape = shape with { Padding = borders[i] };
            values += (long)shape.Channels * (shape.Height + 2 * shape.Padding) * (shape.Width + 2 * shape.Padding);
            if (values > MostValues)
            {
                throw Bad(
                    name, $"expected at most {MostValues} values in all layers of an image, borders too, found {values} up to layer {i}");
            }
            shapes.Add(shape);
            if (i == kinds.Count)
                break;
            var input = shapes[inputs[i][0]];
            if (kinds[i] is MaxPoolLayer { Window: var max } && max.Padding >= max.Size
                || kinds[i] is AveragePoolLayer { Window: var mean } && mean.Padding >= mean.Size)
            {
                throw Bad(name, $"layer {i + 1} has windows that lie wholly over the edge");
            }
            foreach (int other in inputs[i].Skip(1))
            {
                if (shapes[other] with { Padding = 0 } != input with { Padding = 0 })
                    throw Bad(name, $"layer {i + 1} adds {Sizes(input)} and {Sizes(shapes[other])} values");
            }
            // Sizes may be absurd: more than an int holds.
            weights += kinds[i].Filter(input) is { } f ? (long)f.Filters * f.Channels * f.Rows * f.Columns : 0;
            shape = kinds[i].Output(input);
            if (shape.Channels < 1 || shape.Height < 1 || shape.Width < 1)
                throw Bad(name, $"layer {i + 1} gives {Sizes(shape)} values");
        }
        return weights <= MostWeights ? shapes
            : throw Bad(name, string.Create(CultureInfo.InvariantCulture, $"expected at most {MostWeights} weights, found {weights}"));
    }

    private static string Sizes(TensorShape shape) => $"{shape.Channels}x{shape.Height}x{shape.Width}";

    private static string Repeat(int times, string tokens) => string.Join(' ', Enumerable.Repeat(tokens, times));

    /// <summary>A residual block (He et al. 2016), with a projection where it halves the map.</summary>
    private static string Block(int channels, int from = 0) => from == 0
        ? $"[conv{channels}@3p1br conv{channels}@3p1b | ]+r"
        : $"[conv{channels}@3s2p1br conv{channels}@3p1b | conv{channels}@1s2b]+r";

    private static UserException Bad(string text, string what) => new(ErrorKind.Usage, $"network '{BadModel.Cut(text)}': {what}");

    /// <summary>What a line says: layers, what each reads, and how branches stand around them.</summary>
    /// <param name="Kinds">The layers.</param>
    /// <param name="Inputs">Values that each reads; of a sum, the image first.</param>
    /// <param name="Pieces">In the order of the text: a layer's number, or -1 and -2 for what begins branches and the next one.</param>
    private sealed partial record Line(
        IReadOnlyList<LayerDescription> Kinds, IReadOnlyList<IReadOnlyList<int>> Inputs, IReadOnlyList<int> Pieces)
    {
        private const int Open = -1, Next = -2;

        public static Line Read(string text, string layers)
        {
            List<LayerDescription> kinds = [];
            List<IReadOnlyList<int>> inputs = [];
            List<int> pieces = [];
            var branches = new Stack<(int Start, List<int> Ends)>();
            int value = 0;
            foreach (string token in Token().Matches(layers).Select(m => m.Value))
            {
                if (token == SumLayer.Open)
                {
                    branches.Push((value, []));
                    pieces.Add(Open);
                    Limit(branches.Count);
                    continue;
                }
                if (token == SumLayer.Next)
                {
                    var (start, ends) = Innermost();
                    ends.Add(value);
                    value = start;
                    pieces.Add(Next);
                    Limit(ends.Count);
                    continue;
                }
                if (SumLayer.Read(token) is { } sum)
                {
                    var (_, ends) = Innermost();
                    branches.Pop();
                    if (ends.Count == 0)
                        throw Bad(text, $"'{SumLayer.Open}...{token}' has one branch, expected '{SumLayer.Next}' and another");
                    Add(sum, [.. ends.Append(value).OrderBy(v => v != 0)]);
                    continue;
                }
                var read = LayerKinds.Read(token) ?? throw Bad(text, $"'{BadModel.Cut(token)}' is no layer "
                    + $"({string.Join(", ", LayerKinds.All.Select(k => k.Example))}) and no known network "
                    + $"({string.Join(", ", Known.Keys)})");
                foreach (var kind in read)
                    Add(kind, [value]);
            }
            return branches.Count == 0 ? new Line(kinds, inputs, pieces)
                : throw Bad(text, $"'{SumLayer.Open}' without the ']+' or ']+r' that ends its branches");

            void Add(LayerDescription kind, IReadOnlyList<int> reads)
            {
                pieces.Add(kinds.Count);
                kinds.Add(kind);
                inputs.Add(reads);
                value = kinds.Count;
                Limit(kinds.Count);
            }

            void Limit(int count)
            {
                if (count > MostLayers)
                    throw Bad(text, $"expected at most {MostLayers} layers, found {Token().Count(layers)} words");
            }

            (int Start, List<int> Ends) Innermost() => branches.TryPeek(out var innermost) ? innermost
                : throw Bad(text, $"'{SumLayer.Next}' or ']+' without the '{SumLayer.Open}' that begins branches");
        }

        /// <summary>The line with these layers; of those that are null nothing is said.</summary>
        public string Text(Func<int, LayerDescription?> kind)
        {
            var text = new StringBuilder();
            bool joined = true;
            foreach (int piece in Pieces)
            {
                var layer = piece < 0 ? null : kind(piece);
                if (piece >= 0 && layer is null)
                    continue;
                if (!joined)
                    text.Append(' ');
                text.Append(layer?.Token ?? (piece == Open ? SumLayer.Open : SumLayer.Next));
                joined = layer?.JoinsNext == true;
            }
            return text.ToString();
        }

        [GeneratedRegex(@"\[|\||\][^ \[\]|]*|[^ \[\]|]+")]
        private static partial Regex Token();
    }
}
