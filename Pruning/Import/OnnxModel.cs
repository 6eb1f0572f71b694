using System.Text;

namespace Secateurs.Pruning.Import;

/// <summary>
/// What an ONNX file holds (onnx.ai, schema onnx.proto): a graph of operators in an order in which each comes after those that it reads.
/// </summary>
/// <param name="OperatorSet">Version of the operators.</param>
/// <param name="Nodes">The operators.</param>
/// <param name="Constants">Weights and the like, by name.</param>
/// <param name="Input">The images.</param>
/// <param name="Output">The name of the answer.</param>
/// <param name="Texts">Metadata.</param>
internal sealed record OnnxModel(
    long OperatorSet, IReadOnlyList<OnnxNode> Nodes, IReadOnlyDictionary<string, OnnxTensor> Constants, OnnxInput Input, string Output,
    IReadOnlyDictionary<string, string> Texts);

/// <summary>An input: its extents, null where they are free.</summary>
internal sealed record OnnxInput(string Name, int Type, IReadOnlyList<long?> Shape);

/// <summary>An operator.</summary>
internal sealed record OnnxNode(
    string Operator, string Domain, string Name, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs,
    IReadOnlyDictionary<string, OnnxAttribute> Attributes)
{
    /// <summary>E.g. node '/conv1/Conv' (Conv).</summary>
    public string Description => $"node '{Cut(Name.Length > 0 ? Name : Outputs.Count > 0 ? Outputs[0] : "")}' ({Cut(Operator)})";

    public long Int(string name, long value) => Attributes.TryGetValue(name, out var a) ? a.Int : value;

    public float Float(string name, float value) => Attributes.TryGetValue(name, out var a) ? a.Float : value;

    public string Text(string name, string value) => Attributes.TryGetValue(name, out var a) ? a.Text : value;

    public long[]? Ints(string name) => Attributes.TryGetValue(name, out var a) ? a.Ints : null;

    /// <summary>A name as short as a message can bear.</summary>
    public static string Cut(string name) => name.Length <= 60 ? name : $"{name[..57]}...";
}

/// <summary>An attribute: what it is not is empty.</summary>
internal sealed record OnnxAttribute(long Int, float Float, string Text, long[] Ints, OnnxTensor? Tensor);

/// <summary>
/// How much a file's structure, all but the elements of its tensors, may take: a hostile one takes a bounded amount of memory.
/// </summary>
internal sealed class OnnxBudget
{
    private const int MostItems = 1 << 17, MostText = 1 << 22;

    private int _items, _text;

    /// <summary>Counts an item.</summary>
    /// <exception cref="InvalidDataException">Too many.</exception>
    public void Item()
    {
        if (++_items > MostItems)
            throw new InvalidDataException($"more than {MostItems} nodes, names and numbers in its graph");
    }

    /// <summary>A field's text.</summary>
    /// <exception cref="InvalidDataException">Too many, or too much.</exception>
    public string Text(ProtobufField field)
    {
        Item();
        if (field.Bytes.Length > MostText - _text)
            throw new InvalidDataException($"more than {MostText} bytes of names in its graph");
        _text += field.Bytes.Length;
        return Encoding.UTF8.GetString(field.Bytes.Span);
    }
}
