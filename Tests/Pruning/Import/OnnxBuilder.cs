using System.Runtime.InteropServices;
using Secateurs.Pruning.Export;

namespace Tests.PruningTests.Import;

/// <summary>Writes an ONNX file node by node, as exporters do; weights are random.</summary>
/// <param name="operatorSet">Its version.</param>
/// <param name="input">Extents of the input; 0 is free.</param>
internal sealed class OnnxBuilder(int operatorSet, params long[] input)
{
    private readonly Random _random = new(7);
    private readonly List<ProtobufMessage> _nodes = [], _tensors = [], _inputs = [];
    private int _names;

    /// <summary>Whether constants are inputs too, as old exporters have it.</summary>
    public bool ListsConstants { get; init; }

    /// <summary>Takes the elements of raw constants, which then lie in a file beside (<see cref="DataName"/>); or null.</summary>
    public List<byte>? Beside { get; init; }

    public const string DataName = "net.onnx.data";

    /// <summary>Adds a node; returns the name of its output.</summary>
    public string Node(string type, string[] inputs, params ProtobufMessage[] attributes)
    {
        string output = $"{type}_{_names++}";
        var node = new ProtobufMessage();
        foreach (string name in inputs)
            node.Text(1, name);
        _nodes.Add(node.Text(2, output).Text(3, $"/net/{output}").Text(4, type).Messages(5, attributes));
        return output;
    }

    /// <summary>A node that goes on from one value.</summary>
    public string Node(string type, string x, params ProtobufMessage[] attributes) => Node(type, [x], attributes);

    /// <summary>Random weights around an offset.</summary>
    public string Weights(int[] shape, double scale = 0.5, double offset = 0, int type = 1)
    {
        int count = shape.Aggregate(1, (a, b) => a * b);
        return Tensor(shape, [.. Enumerable.Range(0, count).Select(_ => (float)(offset + scale * (2 * _random.NextDouble() - 1)))], type);
    }

    /// <summary>A constant of floats: raw, of type 11 as doubles, of type 0 as float_data.</summary>
    public string Tensor(int[] shape, float[] values, int type = 1)
    {
        var tensor = new ProtobufMessage().Numbers(1, shape.Select(d => (long)d)).Number(2, type == 11 ? 11 : 1);
        return Add(type switch
        {
            0 => tensor.Bytes(4, MemoryMarshal.AsBytes(values.AsSpan())),
            11 => tensor.Bytes(9, MemoryMarshal.AsBytes(Array.ConvertAll(values, v => (double)v).AsSpan())),
            _ when Beside is { } beside => PutBeside(tensor, values, beside),
            _ => tensor.Bytes(9, MemoryMarshal.AsBytes(values.AsSpan())),
        }, shape);
    }

    /// <summary>A tensor whose elements lie in another file, by keys and texts.</summary>
    public static ProtobufMessage PutElsewhere(ProtobufMessage tensor, params string[] place) => tensor.Number(14, 1)
        .Messages(13, place.Chunk(2).Select(p => new ProtobufMessage().Text(1, p[0]).Text(2, p[1])));

    private static ProtobufMessage PutBeside(ProtobufMessage tensor, float[] values, List<byte> beside)
    {
        int offset = beside.Count;
        beside.AddRange(MemoryMarshal.AsBytes(values.AsSpan()));
        return PutElsewhere(tensor, "location", DataName, "offset", $"{offset}", "length", $"{beside.Count - offset}");
    }

    /// <summary>A constant of integers as an initialiser.</summary>
    public string Sizes(params long[] values) => Add(Integers(values, [values.Length]));

    /// <summary>The same as a node; a single number without a dimension.</summary>
    public string Number(long value) =>
        Node("Constant", [], new ProtobufMessage().Text(1, "value").Message(5, Integers([value], [])).Number(20, 4));

    /// <summary>A tensor as it is; where its shape is said, it may be listed as an input.</summary>
    public string Add(ProtobufMessage tensor, params int[] shape)
    {
        string name = $"constant_{_names++}";
        _tensors.Add(tensor.Text(8, name));
        if (ListsConstants && shape.Length > 0)
            _inputs.Add(Value(name, [.. shape.Select(s => (long)s)]));
        return name;
    }

    /// <summary>Convolution with filters that keep numbers around 1.</summary>
    public string Convolution(string x, int channels, int filters, int size, int stride = 1, int padding = 0, bool bias = true)
    {
        string weight = Weights([filters, channels, size, size], 1.5 / Math.Sqrt(channels * size * size));
        return Node(
            "Conv", bias ? [x, weight, Weights([filters])] : [x, weight], Ints("dilations", 1, 1), Int("group", 1),
            Ints("kernel_shape", size, size), Ints("pads", padding, padding, padding, padding), Ints("strides", stride, stride));
    }

    /// <summary>Batch normalisation with the averages of something that has been trained.</summary>
    public string Normalization(string x, int channels, float epsilon = 1e-5f) => Node(
        "BatchNormalization",
        [x, Weights([channels], 0.5, 1), Weights([channels]), Weights([channels]), Weights([channels], 0.4, 0.6)],
        Float("epsilon", epsilon), Float("momentum", 0.9f));

    /// <summary>Fully connected layer as PyTorch writes it.</summary>
    public string Dense(string x, int inputs, int outputs) => Node(
        "Gemm", [x, Weights([outputs, inputs], 1.5 / Math.Sqrt(inputs)), Weights([outputs])], Float("alpha", 1), Float("beta", 1),
        Int("transB", 1));

    /// <summary>The file.</summary>
    /// <param name="answer">The value that becomes the output.</param>
    /// <param name="classes">Of it.</param>
    public byte[] Build(string answer, long classes)
    {
        _nodes.Add(new ProtobufMessage().Text(1, answer).Text(2, "logits").Text(4, "Identity"));
        var graph = new ProtobufMessage().Messages(1, _nodes).Text(2, "torch_jit").Messages(5, _tensors)
            .Messages(11, [Value("image", input), .. _inputs]).Message(12, Value("logits", [input[0], classes]));
        return new ProtobufMessage().Number(1, 7).Text(2, "pytorch").Text(3, "2.0").Message(7, graph)
            .Message(8, new ProtobufMessage().Text(1, "").Number(2, operatorSet)).ToArray();
    }

    public static ProtobufMessage Ints(string name, params long[] values) =>
        new ProtobufMessage().Text(1, name).Numbers(8, values).Number(20, 7);

    public static ProtobufMessage Int(string name, long value) => new ProtobufMessage().Text(1, name).Number(3, value).Number(20, 2);

    public static ProtobufMessage Float(string name, float value) => new ProtobufMessage().Text(1, name).Float(2, value).Number(20, 1);

    public static ProtobufMessage Text(string name, string value) =>
        new ProtobufMessage().Text(1, name).Text(4, value).Number(20, 3);

    private static ProtobufMessage Integers(long[] values, int[] shape) => new ProtobufMessage()
        .Numbers(1, shape.Select(d => (long)d)).Number(2, 7).Bytes(9, MemoryMarshal.AsBytes(values.AsSpan()));

    private static ProtobufMessage Value(string name, long[] shape)
    {
        var extents = shape.Select(d => d > 0 ? new ProtobufMessage().Number(1, d) : new ProtobufMessage().Text(2, "batch"));
        var tensor = new ProtobufMessage().Number(1, 1).Message(2, new ProtobufMessage().Messages(1, extents));
        return new ProtobufMessage().Text(1, name).Message(2, new ProtobufMessage().Message(1, tensor));
    }
}
