using System.Runtime.InteropServices;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A network as an ONNX file (onnx.ai; schema onnx.proto, operator set 13): input <c>image</c>, float (N, C, H, W), pixels 0 to 255 (of
/// MNIST's form 0 is paper, 255 ink); output <c>logits</c>, float (N, classes). N is free.
/// </summary>
/// <remarks>
/// The scale of grey pixels is multiplied into the weights of the first layer that has any, which pooling in front of it allows, so that
/// nobody needs to know it; several channels, and shifts, have two nodes for it. Batch normalisations are folded into weights
/// (<see cref="Folding"/>), dead neurons and channels are left out (<see cref="Compaction"/>) but for those that fill a vector; other
/// pruned weights are zeros. The metadata say what a checkpoint does and the masks (<see cref="MaskText"/>); layers are those left.
/// </remarks>
public static class OnnxFile
{
    private const int IrVersion = 8, OperatorSet = 13, FloatType = 1;

    /// <summary>
    /// Channels come to a multiple of this where there were as many: ONNX Runtime computes whole vectors of channels, else it goes another
    /// way, which took a pruned alexnet four times as long (Results/speed/onnxruntime.txt).
    /// </summary>
    private const int Vector = 16;

    /// <summary>Writes the file atomically.</summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public static void Write(string path, Checkpoint model, bool replace = true)
    {
        byte[] bytes = Encode(model);
        AtomicFile.Write(path, stream => stream.Write(bytes), replace);
    }

    internal static byte[] Encode(Checkpoint model)
    {
        var small = Compaction.Of(Folding.Of(model), Vector);
        var texts = CheckpointTexts.Of(small, "checkpoint");
        (texts["network"], texts["pixel_scale"], texts["pixel_shift"]) = (model.Network.Name, "1", "0");
        foreach (var (key, text) in MaskText.Of(small))
            texts[key] = text;
        // ModelProto: ir_version, producer_name, graph, opset_import { version }, metadata_props { key, value }.
        return new ProtobufMessage()
            .Number(1, IrVersion)
            .Text(2, "pruning")
            .Message(7, Graph(small))
            .Message(8, new ProtobufMessage().Number(2, OperatorSet))
            .Messages(14, texts.Select(t => new ProtobufMessage().Text(1, t.Key).Text(2, t.Value)))
            .ToArray();
    }

    private static ProtobufMessage Graph(Checkpoint model)
    {
        List<ProtobufMessage> nodes = [], tensors = [];
        string value = "image";
        int flattened = 0;
        var data = model.Network.Data;
        // Which value of the network has which name, and whether it is a vector there.
        var values = new (string Name, bool Flat)[model.Network.Layers.Count + 1];
        bool folded = data.Channels == 1 && data.Shift[0] == 0 && model.Network.Readers(0) is [var only] && Passes(only);
        if (!folded)
        {
            tensors.Add(Tensor("scale", [1, data.Channels, 1, 1], [.. data.Scale]));
            tensors.Add(Tensor("shift", [1, data.Channels, 1, 1], [.. data.Shift]));
            value = Add("Mul", "scaled", [value, "scale"]);
            value = Add("Add", "shifted", [value, "shift"]);
        }
        values[0] = (value, false);
        int pools = 0;
        foreach (var layer in model.Network.Layers)
        {
            bool flat;
            (value, flat) = values[layer.Inputs[0]];
            if (layer.Kind is MaxPoolLayer pool)
                value = Add("MaxPool", $"pool{++pools}", [value], Windows(pool.Window));
            else if (layer.Kind is AveragePoolLayer average)
            {
                value = Add(
                    "AveragePool", layer.Name, [value],
                    [.. Windows(average.Window), .. average.Window.Padding > 0 ? [Int("count_include_pad", 1)] : (ProtobufMessage[])[]]);
            }
            else if (layer.Kind is GlobalAveragePoolLayer)
                value = Add("GlobalAveragePool", layer.Name, [value]);
            else if (layer.Kind is ConvolutionLayer { KernelSize: var size, Padding: var padding, Stride: var stride })
            {
                ProtobufMessage[] strides = stride > 1 ? [Ints("strides", stride, stride)] : [];
                value = Add(
                    "Conv", layer.Name, Parameters(layer),
                    [Ints("kernel_shape", size, size), Ints("pads", padding, padding, padding, padding), .. strides]);
            }
            else if (layer.Kind is DenseLayer)
            {
                if (!flat)
                    value = Add("Flatten", flattened++ == 0 ? "flatten" : $"{layer.Name}.flatten", [value]);
                flat = true;
                value = Add("Gemm", layer.Name, Parameters(layer), Int("transB", 1));
            }
            else if (layer.Kind is BatchNormalizationLayer)
            {
                string[] names = [.. layer.Parameters.Select(p => p.Name)];
                foreach (var p in layer.Parameters)
                    tensors.Add(Tensor(p.Name, p.Shape, model.Weights.AsSpan(p.Offset, p.Count)));
                value = Add("BatchNormalization", layer.Name, [value, .. names], Float("epsilon", BatchNormalization.Epsilon));
            }
            else if (layer.Kind is SumLayer)
            {
                for (int i = 1; i < layer.Inputs.Count; i++)
                    value = Add("Add", i == 1 ? layer.Name : $"{layer.Name}.{i}", [value, values[layer.Inputs[i]].Name]);
            }
            else
                throw new NotSupportedException(layer.Kind.Token);
            if (layer.Relu)
                value = Add("Relu", $"{layer.Name}.relu", [value]);
            values[layer.Value] = (value, flat);
        }
        // GraphProto: node, name, initializer, input, output. The last node's output bears the graph's own name for it.
        nodes.Add(Node("Identity", "logits", [value], "logits"));
        return new ProtobufMessage()
            .Messages(1, nodes)
            .Text(2, "network")
            .Messages(5, tensors)
            .Message(11, Value("image", data.Channels, data.Height, data.Width))
            .Message(12, Value("logits", data.Classes));

        // Whether a first layer, or what reads its output alone, takes the scale of pixels: pooling hands it on.
        bool Passes(NetworkLayer layer) => layer.Slice is not null
            || (layer.Kind is MaxPoolLayer or AveragePoolLayer or GlobalAveragePoolLayer && data.Scale[0] > 0
                && model.Network.Readers(layer.Value) is [var next] && Passes(next));

        // What a layer with parameters reads.
        string[] Parameters(NetworkLayer layer)
        {
            var slice = layer.Slice!;
            string weight = $"{layer.Name}.weight", bias = $"{layer.Name}.bias";
            float scale = folded && slice == model.Network.Slices[0] ? data.Scale[0] : 1;
            float[] weights = model.Weights.AsSpan(slice.WeightOffset, slice.WeightCount).ToArray();
            tensors.Add(Tensor(weight, slice.WeightShape, [.. weights.Select(w => w * scale)]));
            tensors.Add(Tensor(bias, [slice.BiasCount], model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount)));
            return [value, weight, bias];
        }

        string Add(string op, string name, string[] inputs, params ProtobufMessage[] attributes)
        {
            nodes.Add(Node(op, name, inputs, $"{name}.out", attributes));
            return $"{name}.out";
        }
    }

    /// <summary>NodeProto: input, output, name, op_type, attribute.</summary>
    private static ProtobufMessage Node(string op, string name, string[] inputs, string output, params ProtobufMessage[] attributes)
    {
        var node = new ProtobufMessage();
        foreach (string input in inputs)
            node.Text(1, input);
        return node.Text(2, output).Text(3, name).Text(4, op).Messages(5, attributes);
    }

    /// <summary>AttributeProto: name, ints, type = INTS.</summary>
    private static ProtobufMessage Ints(string name, params long[] values) =>
        new ProtobufMessage().Text(1, name).Numbers(8, values).Number(20, 7);

    private static ProtobufMessage[] Windows(Window window)
    {
        var (size, stride, padding) = window;
        ProtobufMessage[] pads = padding > 0 ? [Ints("pads", padding, padding, padding, padding)] : [];
        return [Ints("kernel_shape", size, size), Ints("strides", stride, stride), .. pads];
    }

    /// <summary>AttributeProto: name, f, type = FLOAT.</summary>
    private static ProtobufMessage Float(string name, float value) => new ProtobufMessage().Text(1, name).Float(2, value).Number(20, 1);

    /// <summary>AttributeProto: name, i, type = INT.</summary>
    private static ProtobufMessage Int(string name, long value) => new ProtobufMessage().Text(1, name).Number(3, value).Number(20, 2);

    /// <summary>TensorProto: dims, data_type, name, raw_data (little-endian).</summary>
    private static ProtobufMessage Tensor(string name, int[] shape, ReadOnlySpan<float> values) =>
        new ProtobufMessage().Numbers(1, shape.Select(d => (long)d)).Number(2, FloatType).Text(8, name)
            .Bytes(9, MemoryMarshal.AsBytes(values));

    /// <summary>
    /// ValueInfoProto: name, type { tensor_type { elem_type, shape { dim { dim_value | dim_param } } } }; the first extent is N.
    /// </summary>
    private static ProtobufMessage Value(string name, params long[] shape)
    {
        var dimensions = shape.Select(d => new ProtobufMessage().Number(1, d)).Prepend(new ProtobufMessage().Text(2, "N"));
        var tensor = new ProtobufMessage().Number(1, FloatType).Message(2, new ProtobufMessage().Messages(1, dimensions));
        return new ProtobufMessage().Text(1, name).Message(2, new ProtobufMessage().Message(1, tensor));
    }
}
