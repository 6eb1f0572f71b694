using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>
/// Makes layers of this program of pieces: a ReLU and an added constant become part of the layer in front of them, a convolution before a
/// batch normalisation loses its bias to the running mean, and what gives nothing to the answer goes.
/// </summary>
internal sealed class Fusion
{
    private readonly string _path;
    private readonly List<Piece> _pieces;
    private Piece _answer;

    private Fusion(string path, IReadOnlyList<Piece> pieces, Piece answer)
    {
        (_path, _answer) = (path, answer);
        var needed = new HashSet<Piece> { answer };
        // Each piece comes after those that it reads.
        foreach (var piece in pieces.Reverse().Where(needed.Contains))
            needed.UnionWith(piece.Inputs);
        _pieces = [.. pieces.Where(needed.Contains)];
    }

    /// <summary>The images and then layers, each after those that it reads; the last gives the answer.</summary>
    /// <exception cref="UserException">BadFile: a piece stands where no layer can take it.</exception>
    public static IReadOnlyList<Piece> Fuse(string path, IReadOnlyList<Piece> pieces, Piece answer)
    {
        var fusion = new Fusion(path, pieces, answer);
        foreach (var piece in fusion._pieces.ToArray())
        {
            if (piece.Kind == PieceKind.Relu)
                fusion.TakeRelu(piece);
            else if (piece.Kind == PieceKind.Shift)
                fusion.TakeShift(piece);
            else if (piece.Layer is BatchNormalizationLayer)
                fusion.TakeBias(piece);
        }
        fusion.MakeLastDense();
        var images = fusion._pieces.Where(p => p.Kind == PieceKind.Image).ToArray();
        return images.Length == 1 ? fusion._pieces : throw BadModel.Of(
            path, "one preparation of the images", $"{images.Length} at {images[^1].Node?.Description ?? "the input"}");
    }

    /// <summary>max(0, x) may as well come before pooling by the largest and before dropout.</summary>
    private void TakeRelu(Piece relu)
    {
        var target = relu.Inputs[0];
        while (target is { Layer: MaxPoolLayer or DropoutLayer, Kind: PieceKind.Layer } && !IsShared(target))
            target = target.Inputs[0];
        if (target.Layer is not (ConvolutionLayer or DenseLayer or BatchNormalizationLayer or SumLayer))
            throw Bad(relu, $"Relu behind {Describe(target)}");
        if (!target.Layer.Relu)
        {
            if (IsShared(target))
                throw Bad(relu, "Relu of a value that is read without it too");
            target.Layer = target.Layer with { Relu = true };
        }
        Replace(relu, relu.Inputs[0]);
    }

    private void TakeShift(Piece shift)
    {
        var target = shift.Inputs[0];
        if (target.Layer is not (ConvolutionLayer { HasBias: true } or DenseLayer or BatchNormalizationLayer) || target.Layer.Relu
            || IsShared(target) || target.Values[1].Length != shift.Values[0].Length)
        {
            throw Bad(shift, $"a constant behind {Describe(target)}");
        }
        target.Values[1] = [.. target.Values[1].Zip(shift.Values[0], (b, s) => b + s)];
        Replace(shift, target);
    }

    private void TakeBias(Piece normalization)
    {
        var convolution = normalization.Inputs[0];
        if (convolution.Layer is not ConvolutionLayer { HasBias: true, Relu: false } layer || IsShared(convolution))
            return;
        normalization.Values[2] = [.. normalization.Values[2].Zip(convolution.Values[1], (mean, bias) => mean - bias)];
        convolution.Values = [convolution.Values[0]];
        convolution.Layer = layer with { HasBias = false };
    }

    /// <summary>
    /// A last convolution over the whole of its input is a fully connected layer; so is one by points in front of global pooling.
    /// </summary>
    private void MakeLastDense()
    {
        if (_answer is { Layer: GlobalAveragePoolLayer, Inputs: [{ Layer: ConvolutionLayer { HasBias: true, Relu: false } points } last] }
            && points is { KernelSize: 1, Padding: 0, Stride: 1 } && !IsShared(last))
        {
            var pool = new Piece
            {
                Kind = PieceKind.Layer,
                Node = _answer.Node,
                Layer = _answer.Layer,
                Inputs = last.Inputs,
                Shape = Kernels.TensorShape.Vector(last.Inputs[0].Channels),
            };
            var dense = new Piece
            {
                Kind = PieceKind.Layer,
                Node = last.Node,
                Layer = new DenseLayer(points.Filters),
                Inputs = [pool],
                Shape = _answer.Shape,
                Values = last.Values,
            };
            _pieces.Remove(last);
            _pieces.Remove(_answer);
            _pieces.AddRange([pool, dense]);
            _answer = dense;
        }
        else if (_answer is { Layer: ConvolutionLayer { Padding: 0, HasBias: true } whole, Shape: { Height: 1, Width: 1 } }
            && _answer.Inputs[0].Shape is { Height: var h, Width: var w } && h == whole.KernelSize && w == whole.KernelSize)
        {
            _answer.Layer = new DenseLayer(whole.Filters, whole.Relu);
        }
        if (_answer.Layer is not DenseLayer { Relu: false })
        {
            throw OnnxTranslator.Of(
                _path, _answer.Node, "a fully connected layer (Gemm) that gives the logits", Describe(_answer), "end the network with one");
        }
    }

    private bool IsShared(Piece piece) => (piece == _answer ? 1 : 0) + _pieces.Sum(p => p.Inputs.Count(i => i == piece)) != 1;

    /// <summary>What reads the one reads the other.</summary>
    private void Replace(Piece piece, Piece by)
    {
        _pieces.Remove(piece);
        foreach (var reader in _pieces)
            for (int i = 0; i < reader.Inputs.Length; i++)
                reader.Inputs[i] = reader.Inputs[i] == piece ? by : reader.Inputs[i];
        if (_answer == piece)
            _answer = by;
    }

    private static string Describe(Piece piece) => piece.Kind == PieceKind.Image ? "the images" : piece.Layer?.Token ?? $"{piece.Kind}";

    private UserException Bad(Piece piece, string found) => OnnxTranslator.Of(
        _path, piece.Node, $"{piece.Node?.Operator} behind a convolution, a fully connected layer, a batch normalisation or a sum", found);
}
