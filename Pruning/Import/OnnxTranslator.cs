using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>
/// Follows an ONNX graph from its input to its output and makes pieces of the operators that have weights or change values. Sizes that it
/// computes with (Shape, Gather, Concat and the like, as <c>x.view(x.size(0), -1)</c> leaves them) are known here, but for the number of
/// images.
/// </summary>
internal sealed partial class OnnxTranslator
{
    private const int MostPieces = 4 * NetworkDescription.MostLayers;

    private readonly string _path;
    private readonly OnnxModel _model;
    private readonly Dictionary<string, OnnxValue> _values = [];
    private readonly Dictionary<string, Action<OnnxNode>> _operators;
    private readonly List<Piece> _pieces = [];
    private OnnxNode _node = null!;
    private long _parameters;

    private OnnxTranslator(string path, OnnxModel model)
    {
        (_path, _model) = (path, model);
        _operators = new()
        {
            ["Conv"] = Convolution,
            ["Gemm"] = Gemm,
            ["MatMul"] = MatMul,
            ["BatchNormalization"] = Normalization,
            ["Relu"] = Relu,
            ["MaxPool"] = n => Pool(n, w => new MaxPoolLayer(w)),
            ["AveragePool"] = AveragePool,
            ["GlobalAveragePool"] = _ => GlobalPool(Map(), flat: false),
            ["ReduceMean"] = n => Collapse(n, isMean: true),
            ["Pad"] = Pad,
            ["Add"] = Add,
            ["Sub"] = n => Arithmetic(n, (a, b) => a - b),
            ["Mul"] = n => Arithmetic(n, (a, b) => a * b),
            ["Div"] = n => Arithmetic(n, (a, b) => b == 0 ? 0 : a / b),
            ["Flatten"] = Flatten,
            ["Reshape"] = Reshape,
            ["Squeeze"] = Squeeze,
            ["Unsqueeze"] = n => Give(Sizes(0) with { IsScalar = false }),
            ["Dropout"] = Dropout,
            ["Identity"] = n => Give(Read(0)),
            ["Cast"] = Cast,
            ["Constant"] = Constant,
            ["Shape"] = Shape,
            ["Gather"] = Gather,
            ["Slice"] = Slice,
            ["Concat"] = Concat,
            ["Transpose"] = Transpose,
            ["Softmax"] = Softmax,
            ["LogSoftmax"] = Softmax,
        };
    }

    /// <summary>All pieces, each after those that it reads, and the one that gives the answer.</summary>
    /// <exception cref="UserException">BadFile: an operator that has no layer here.</exception>
    /// <exception cref="InvalidDataException">A tensor that is none.</exception>
    public static (IReadOnlyList<Piece> Pieces, Piece Answer) Translate(string path, OnnxModel model)
    {
        var translator = new OnnxTranslator(path, model);
        return (translator._pieces, translator.Run());
    }

    private Piece Run()
    {
        foreach (var (name, tensor) in _model.Constants)
            _values[name] = new OnnxConstant(tensor);
        var (shape, flat) = ImageShape(_model.Input);
        float[] ones = [.. Enumerable.Repeat(1f, shape.Channels)];
        var image = Add(new Piece { Kind = PieceKind.Image, Shape = shape, Values = [ones, new float[shape.Channels]] });
        _values[_model.Input.Name] = new OnnxFeatures(image, flat);
        foreach (var node in _model.Nodes)
        {
            _node = node;
            if (node.Domain.Length > 0 || !_operators.TryGetValue(node.Operator, out var translate))
            {
                throw Bad($"one of the operators {string.Join(", ", _operators.Keys)}", $"{node.Operator}", node.Domain.Length > 0
                    ? "export for plain ONNX operators" : Advice(node.Operator));
            }
            translate(node);
        }
        return _values.TryGetValue(_model.Output, out var answer) && answer is OnnxFeatures { Rim: 0, Piece: var piece } ? piece
            : throw BadModel.Of(_path, "an ONNX model whose output follows from its input",
                $"the output '{OnnxNode.Cut(_model.Output)}', which does not");
    }

    private static string Advice(string type) => type switch
    {
        "Clip" or "LeakyRelu" or "PRelu" or "Elu" or "Selu" or "Sigmoid" or "Tanh" or "HardSwish" or "HardSigmoid" or "Gelu" or "Erf" =>
            "train the network with ReLU",
        "ConstantOfShape" => "give the convolution behind it the padding, as padding=1 does",
        "LRN" or "InstanceNormalization" or "LayerNormalization" or "GroupNormalization" => "train the network with batch normalisation",
        "QuantizeLinear" or "DequantizeLinear" or "QLinearConv" or "ConvInteger" => "export the network before it is quantized",
        _ => "",
    };

    private (TensorShape Shape, bool Flat) ImageShape(OnnxInput input)
    {
        const string help = "export with an input of (N, channels, rows, columns) of which at most N is free";
        if (input.Type is not OnnxTensor.Float)
            throw BadModel.Of(_path, $"an input of floats; {help}", $"elements of the type {input.Type}");
        long?[] sizes = [.. input.Shape.Skip(1)];
        if (input.Shape.Count is < 2 or > 4 || sizes.Any(s => s is null or > int.MaxValue))
        {
            throw BadModel.Of(_path, $"an input of images; {help}", string.Create(CultureInfo.InvariantCulture,
                $"'{OnnxNode.Cut(input.Name)}' of ({string.Join(", ", input.Shape.Select(s => s?.ToString() ?? "free"))})"));
        }
        int[] extents = [.. sizes.Select(s => (int)s!.Value)];
        if (extents is [var c, var h, var w])
            return (Checked(c, h, w), false);
        if (extents is [var rows, var columns])
            return (Checked(1, rows, columns), false);
        // Pixels in one row: of a square image, grey if that is possible.
        foreach (int channels in (int[])[1, 3])
        {
            int side = (int)Math.Sqrt(extents[0] / channels);
            if ((long)side * side * channels == extents[0])
                return (Checked(channels, side, side), true);
        }
        throw BadModel.Of(_path, $"an input of images; {help}", $"rows of {extents[0]} numbers, which are no square images");

        TensorShape Checked(int channels, int height, int width) =>
            channels <= DataShape.MostChannels && height <= DataShape.MostSide && width <= DataShape.MostSide
                ? new TensorShape(channels, height, width)
                : throw BadModel.Of(
                    _path, $"images of at most {DataShape.MostChannels}x{DataShape.MostSide}x{DataShape.MostSide}",
                    $"{channels}x{height}x{width}");
    }

    // What nodes read and give.

    private OnnxValue? Find(int input) =>
        input >= _node.Inputs.Count || _node.Inputs[input].Length == 0 ? null
        : _values.TryGetValue(_node.Inputs[input], out var value) ? value
        : throw Bad("inputs that other nodes gave before", $"'{OnnxNode.Cut(_node.Inputs[input])}'");

    private OnnxValue Read(int input) => Find(input) ?? throw Bad($"{input + 1} inputs or more", $"{_node.Inputs.Count}");

    private OnnxFeatures Features(int input)
    {
        var value = Read(input);
        if (value is OnnxHalf)
            throw Bad("rows and columns left out both", "one of them", "flatten instead");
        var features = value as OnnxFeatures ?? throw Bad("what follows from the images", "constants");
        if (features.IsEnd)
            throw Bad("softmax at the end alone", "this node behind it", "export the network without softmax");
        return features.Rim == 0 || _node.Operator is "Conv" or "AveragePool" or "Pad" ? features
            : throw Bad("a convolution or an average pool behind zeros around maps", "this node");
    }

    /// <summary>What convolutions and pools read.</summary>
    private Piece Map(int input = 0) => Features(input) is { Flat: false, Piece: var piece } ? piece
        : throw Bad("maps of (N, C, H, W)", "rows of numbers");

    private OnnxTensor Tensor(int input) => (Read(input) as OnnxConstant)?.Tensor
        ?? throw Bad($"constants as input {input + 1}", "what is computed", "export with do_constant_folding=True");

    private OnnxNumbers Sizes(int input) => Read(input).Numbers ?? throw Bad("sizes", "other values");

    private long[] Known(int input) => Array.ConvertAll(Sizes(input).Items, i => i ?? throw Bad("known sizes", "the number of images"));

    /// <summary>One a channel, of one or so many constants.</summary>
    private float[] Channels(OnnxTensor tensor, int channels)
    {
        if (tensor.Count != 1 && tensor.Count != channels)
            throw Bad($"a constant for each of {channels} channels", tensor.Description);
        Demand(channels);
        float[] values = tensor.Singles();
        return values.Length == channels ? values : [.. Enumerable.Repeat(values[0], channels)];
    }

    private void Give(OnnxValue value)
    {
        if (_node.Outputs.Count > 0)
            _values[_node.Outputs[0]] = value;
    }

    private void Give(
        PieceKind kind, LayerDescription? layer, TensorShape shape, bool flat, Piece[] inputs, params float[][] values)
    {
        if (shape.Channels < 1 || shape.Height < 1 || shape.Width < 1)
            throw Bad("windows within the image", $"{shape.Channels}x{shape.Height}x{shape.Width} values");
        Give(new OnnxFeatures(
            Add(new Piece { Kind = kind, Node = _node, Layer = layer, Shape = shape, Inputs = inputs, Values = values }), flat));
    }

    private Piece Add(Piece piece)
    {
        if (_pieces.Count == MostPieces)
            throw BadModel.Of(_path, $"at most {NetworkDescription.MostLayers} layers", $"more than {MostPieces} nodes with values");
        _pieces.Add(piece);
        return piece;
    }

    private UserException Bad(string expected, string found, string help = "") => Of(_path, _node, expected, found, help);

    /// <summary>A node that cannot be taken, and what would help.</summary>
    public static UserException Of(string path, OnnxNode? node, string expected, string found, string help = "") =>
        BadModel.Of(path, expected, $"{found} at {node?.Description ?? "the images"}{(help.Length > 0 ? $"; {help}" : "")}");
}
