using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>The operators that have weights.</summary>
internal sealed partial class OnnxTranslator
{
    private void Convolution(OnnxNode node)
    {
        var x = Map();
        var weight = Tensor(1);
        if (weight.Shape is not [var filters, var channels, var rows, var columns])
            throw Bad("filters of (K, C, R, S)", weight.Description);
        long groups = node.Int("group", 1);
        if (groups != 1)
        {
            throw Bad("a convolution over all channels (group 1)", $"{groups} groups",
                "depthwise and grouped convolutions have no layer here: train the network with groups=1");
        }
        if (channels != x.Channels)
            throw Bad($"filters over {x.Channels} channels", weight.Description);
        var window = Window(node, [rows, columns], 1);
        float[] bias = Find(2) is null ? new float[filters] : Channels(Tensor(2), filters);
        var layer = new ConvolutionLayer(filters, window.Size, window.Padding, Relu: false, window.Stride);
        var shape = window.Output(x.Shape);
        Give(PieceKind.Layer, layer, shape with { Channels = filters }, flat: false, [x], Weights(weight), bias);
    }

    private void Gemm(OnnxNode node)
    {
        if (node.Int("transA", 0) != 0)
            throw Bad("images as rows (transA 0)", "columns");
        var weight = Tensor(1);
        Dense(weight, node.Int("transB", 0) != 0, node.Float("alpha", 1), filters =>
        {
            float beta = node.Float("beta", 1);
            return Find(2) is null ? new float[filters] : [.. Channels(Tensor(2), filters).Select(b => b * beta)];
        });
    }

    private void MatMul(OnnxNode node) => Dense(Tensor(1), turned: false, 1, filters => new float[filters]);

    /// <summary>Weights are (K, C H W) here; as ONNX multiplies they are (C H W, K) unless turned.</summary>
    private void Dense(OnnxTensor weight, bool turned, float scale, Func<int, float[]> bias)
    {
        var x = Features(0);
        if (!x.Flat)
            throw Bad("rows of numbers", "maps", "flatten them before the layer");
        if (weight.Shape is not [var rows, var columns])
            throw Bad("a matrix of weights", weight.Description);
        var (filters, inputs) = turned ? (rows, columns) : (columns, rows);
        if (inputs != x.Piece.Shape.Features)
            throw Bad($"weights for {x.Piece.Shape.Features} inputs", weight.Description);
        Demand(weight.Count);
        float[] values = (turned ? weight : weight.Transposed()).Singles();
        if (scale != 1)
            values = [.. values.Select(v => v * scale)];
        Give(PieceKind.Layer, new DenseLayer(filters), TensorShape.Vector(filters), flat: true, [x.Piece], values, bias(filters));
    }

    /// <summary>Before parameters are read: all together, some twice for a while, are bounded.</summary>
    private void Demand(int count)
    {
        if ((_parameters += count) > 2L * NetworkDescription.MostWeights)
            throw Bad($"at most {NetworkDescription.MostWeights} weights", "more");
    }

    private float[] Weights(OnnxTensor tensor)
    {
        Demand(tensor.Count);
        return tensor.Singles();
    }

    private void Normalization(OnnxNode node)
    {
        var x = Features(0);
        if (node.Int("training_mode", 0) != 0)
            throw Bad("running averages", "statistics of the batch", "call model.eval() before the export");
        float[][] values = [.. Enumerable.Range(1, 4).Select(i => Channels(Tensor(i), x.Piece.Channels))];
        if (x.Flat && x.Piece.Shape.Features != x.Piece.Channels)
            throw Bad("a normalisation of channels", "one of pixels", "put it before the flattening");
        if (values[3].Any(v => v < 0))
            throw Bad("variances of 0 or more", "negative ones");
        // This program's layer has its own ε: the scale makes up for another one.
        double epsilon = node.Float("epsilon", BatchNormalization.Epsilon);
        if (epsilon < 0 || (epsilon == 0 && values[3].Contains(0)))
            throw Bad("an epsilon above 0", $"{epsilon}");
        if ((float)epsilon != BatchNormalization.Epsilon)
            values[0] = [.. values[0].Zip(values[3], (s, v) => (float)(s * Math.Sqrt((v + BatchNormalization.Epsilon) / (v + epsilon))))];
        Give(PieceKind.Layer, new BatchNormalizationLayer(), x.Piece.Shape, x.Flat, [x.Piece], values);
    }
}
