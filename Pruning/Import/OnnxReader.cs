namespace Secateurs.Pruning.Import;

/// <summary>
/// Reads the messages of onnx.proto that describe a network: ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto. What they
/// nest is known, so that depth is bounded; an <see cref="OnnxBudget"/> bounds counts and texts.
/// </summary>
internal static class OnnxReader
{
    private const long OldestOperators = 9, NewestOperators = 21;

    /// <summary>Reads a file's content.</summary>
    /// <param name="content">All of it.</param>
    /// <param name="data">What lies beside the file.</param>
    /// <exception cref="InvalidDataException">No ONNX model, or none with one input and one output.</exception>
    public static OnnxModel Read(ReadOnlyMemory<byte> content, OnnxData data)
    {
        var budget = new OnnxBudget();
        ReadOnlyMemory<byte>? graph = null;
        long? operators = null;
        var texts = new Dictionary<string, string>();
        foreach (var field in ProtobufField.Of(content))
        {
            if (field.Number == 7)
                graph = graph is null ? field.Bytes : throw new InvalidDataException("two graphs");
            else if (field.Number == 8)
            {
                budget.Item();
                var (domain, version) = OperatorSet(field.Bytes, budget);
                if (domain is "" or "ai.onnx")
                    operators = version;
            }
            else if (field.Number == 14)
            {
                var (key, text) = Pair(field.Bytes, budget);
                texts[key] = text;
            }
        }
        if (graph is not { } found)
            throw new InvalidDataException("no graph");
        if (operators is not (>= OldestOperators and <= NewestOperators))
        {
            throw new InvalidDataException($"{(operators is null ? "no operator set" : $"operator set {operators}")}; export with "
                + $"opset_version {OldestOperators} to {NewestOperators}");
        }
        return Graph(found, operators.Value, texts, budget, data);
    }

    private static OnnxModel Graph(
        ReadOnlyMemory<byte> graph, long operators, Dictionary<string, string> texts, OnnxBudget budget, OnnxData data)
    {
        var nodes = new List<OnnxNode>();
        var constants = new Dictionary<string, OnnxTensor>();
        var inputs = new List<OnnxInput>();
        var outputs = new List<OnnxInput>();
        foreach (var field in ProtobufField.Of(graph))
        {
            budget.Item();
            if (field.Number == 1)
                nodes.Add(Node(field.Bytes, budget, data));
            else if (field.Number == 5)
            {
                var tensor = OnnxTensor.Read(field.Bytes, budget, data);
                if (!constants.TryAdd(tensor.Name, tensor))
                    throw new InvalidDataException($"two tensors {OnnxNode.Cut(tensor.Name)}");
            }
            else if (field.Number == 11)
                inputs.Add(Value(field.Bytes, budget));
            else if (field.Number == 12)
                outputs.Add(Value(field.Bytes, budget));
            else if (field.Number == 15)
                throw new InvalidDataException("sparse tensors");
        }
        // Older exporters list weights among the inputs.
        inputs.RemoveAll(i => constants.ContainsKey(i.Name));
        if (inputs.Count != 1 || outputs.Count != 1)
        {
            throw new InvalidDataException($"{inputs.Count} inputs and {outputs.Count} outputs; export what takes one batch of images and "
                + "gives one of logits");
        }
        return new OnnxModel(operators, nodes, constants, inputs[0], outputs[0].Name, texts);
    }

    private static OnnxNode Node(ReadOnlyMemory<byte> message, OnnxBudget budget, OnnxData data)
    {
        string type = "", domain = "", name = "";
        List<string> inputs = [], outputs = [];
        var attributes = new Dictionary<string, OnnxAttribute>();
        foreach (var field in ProtobufField.Of(message))
        {
            if (field.Number == 1)
                inputs.Add(budget.Text(field));
            else if (field.Number == 2)
                outputs.Add(budget.Text(field));
            else if (field.Number == 3)
                name = budget.Text(field);
            else if (field.Number == 4)
                type = budget.Text(field);
            else if (field.Number == 5)
            {
                var (key, attribute) = Attribute(field.Bytes, budget, data);
                attributes[key] = attribute;
            }
            else if (field.Number == 7)
                domain = budget.Text(field);
        }
        return new OnnxNode(type, domain == "ai.onnx" ? "" : domain, name, inputs, outputs, attributes);
    }

    private static (string Name, OnnxAttribute Attribute) Attribute(
        ReadOnlyMemory<byte> message, OnnxBudget budget, OnnxData data)
    {
        string name = "", text = "";
        long number = 0;
        float value = 0;
        var numbers = new List<long>();
        OnnxTensor? tensor = null;
        foreach (var field in ProtobufField.Of(message))
        {
            if (field.Number == 1)
                name = budget.Text(field);
            else if (field.Number == 2)
                value = field.Float;
            else if (field.Number == 3)
                number = (long)field.Value;
            else if (field.Number == 4)
                text = budget.Text(field);
            else if (field.Number == 5)
                tensor = OnnxTensor.Read(field.Bytes, budget, data);
            else if (field.Number == 8)
                foreach (long n in field.Numbers())
                {
                    budget.Item();
                    numbers.Add(n);
                }
        }
        return (name, new OnnxAttribute(number, value, text, [.. numbers], tensor));
    }

    /// <summary>ValueInfoProto { name, TypeProto { tensor_type { elem_type, shape { dim { dim_value } } } } }.</summary>
    private static OnnxInput Value(ReadOnlyMemory<byte> message, OnnxBudget budget)
    {
        string name = "";
        int type = 0;
        var shape = new List<long?>();
        foreach (var field in ProtobufField.Of(message))
        {
            if (field.Number == 1)
                name = budget.Text(field);
            foreach (var tensor in Inside([field], 2, 1))
            {
                if (tensor.Number == 1)
                    type = (int)Math.Min(tensor.Value, int.MaxValue);
                foreach (var extent in ProtobufField.Of(tensor.Number == 2 ? tensor.Bytes : default).Where(f => f.Number == 1))
                {
                    budget.Item();
                    long? size = null;
                    foreach (var field1 in ProtobufField.Of(extent.Bytes).Where(f => f.Number == 1))
                        size = (long)field1.Value;
                    shape.Add(size > 0 ? size : null);
                }
            }
        }
        return new OnnxInput(name, type, shape);

        static IEnumerable<ProtobufField> Inside(IEnumerable<ProtobufField> fields, params int[] path) =>
            path.Aggregate(fields, (all, number) => all.Where(f => f.Number == number).SelectMany(f => ProtobufField.Of(f.Bytes)));
    }

    private static (string Domain, long Version) OperatorSet(ReadOnlyMemory<byte> message, OnnxBudget budget)
    {
        string domain = "";
        long version = 0;
        foreach (var field in ProtobufField.Of(message))
        {
            domain = field.Number == 1 ? budget.Text(field) : domain;
            version = field.Number == 2 ? (long)field.Value : version;
        }
        return (domain, version);
    }

    /// <summary>StringStringEntryProto { key, value }.</summary>
    internal static (string Key, string Text) Pair(ReadOnlyMemory<byte> message, OnnxBudget budget)
    {
        string[] pair = ["", ""];
        foreach (var field in ProtobufField.Of(message).Where(f => f.Number is 1 or 2))
            pair[field.Number - 1] = budget.Text(field);
        return (pair[0], pair[1]);
    }
}
