using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>The operators without weights that change values: pools, sums, constants that are added.</summary>
internal sealed partial class OnnxTranslator
{
    private const string SameBothWays = "windows, strides and padding here are the same in both directions";

    private void Relu(OnnxNode node)
    {
        var x = Features(0);
        Give(PieceKind.Relu, null, x.Piece.Shape, x.Flat, [x.Piece]);
    }

    private void Pool(OnnxNode node, Func<Window, LayerDescription> layer)
    {
        var x = Map();
        if (node.Outputs.Skip(1).Any(o => o.Length > 0 && _model.Nodes.Any(n => n.Inputs.Contains(o))))
            throw Bad("the largest values alone", "their places too");
        var window = Window(node, node.Ints("kernel_shape") ?? [], null);
        var shape = window.Output(x.Shape);
        if (node.Int("ceil_mode", 0) != 0)
        {
            foreach (int extent in (int[])[x.Shape.Height, x.Shape.Width])
                if ((extent + 2 * window.Padding - window.Size) % window.Stride != 0)
                    throw Bad("whole windows (ceil_mode 0)", "parts of windows at the edge", "train with ceil_mode=False");
        }
        // Of a single window the stride says nothing.
        Give(PieceKind.Layer, layer(shape is { Height: 1, Width: 1 } ? window with { Stride = window.Size } : window), shape, false, [x]);
    }

    private void AveragePool(OnnxNode node)
    {
        if (node.Int("count_include_pad", 0) == 0 && (node.Ints("pads") ?? []).Any(p => p != 0))
            throw Bad("zeros that count at the edge", "count_include_pad 0", "train with count_include_pad=True");
        Pool(node, w => new AveragePoolLayer(w));
    }

    private void GlobalPool(Piece x, bool flat) =>
        Give(PieceKind.Layer, new GlobalAveragePoolLayer(), TensorShape.Vector(x.Channels), flat, [x]);

    private void Dropout(OnnxNode node)
    {
        var x = Features(0);
        double ratio = node.Attributes.ContainsKey("ratio") || Find(1) is null ? node.Float("ratio", 0.5f)
            : Tensor(1) is { Count: 1 } tensor ? tensor.Singles()[0] : throw Bad("one ratio", "several");
        int percent = (int)Math.Round(Math.Clamp(ratio, 0, 1) * 100);
        if (percent is > 0 and < 100)
            Give(PieceKind.Layer, new DropoutLayer(percent), x.Piece.Shape, x.Flat, [x.Piece]);
        else
            Give(x);
    }

    private void Softmax(OnnxNode node)
    {
        var x = Features(0);
        long axis = node.Int("axis", _model.OperatorSet < 13 ? 1 : -1);
        if (axis != 1 && axis != (x.Flat ? -1 : -3))
            throw Bad("softmax over the classes", $"one over the axis {axis}");
        Give(x with { IsEnd = true });
    }

    private void Add(OnnxNode node)
    {
        if (Read(0) is not OnnxFeatures || Read(1) is not OnnxFeatures)
        {
            Arithmetic(node, (a, b) => a + b);
            return;
        }
        var (x, y) = (Features(0), Features(1));
        if (x.Flat != y.Flat || x.Piece.Shape != y.Piece.Shape)
            throw Bad("a sum of values of one shape", $"{x.Piece.Shape} and {y.Piece.Shape}");
        Give(PieceKind.Layer, new SumLayer(), x.Piece.Shape, x.Flat, [x.Piece, y.Piece]);
    }

    /// <summary>Of sizes, of what a bias adds, or of how images are prepared.</summary>
    private void Arithmetic(OnnxNode node, Func<double, double, double> combine)
    {
        var (a, b) = (Read(0), Read(1));
        if (a.Numbers is { } left && b.Numbers is { } right)
        {
            Give(OnnxNumbers.Combined(left, right, (x, y) => (long)combine(x, y)) ?? throw Bad("lists of one length", "others"));
            return;
        }
        bool first = a is OnnxFeatures;
        var x = Features(first ? 0 : 1);
        var tensor = Tensor(first ? 1 : 0);
        int channelAxis = tensor.Shape.Length - (x.Flat ? 1 : 3);
        if (tensor.Count != 1 && (channelAxis < 0 || tensor.Shape[channelAxis] != tensor.Count))
            throw Bad("a constant, or one for each channel", tensor.Description);
        if (x.Piece.Kind == PieceKind.Image)
        {
            if (node.Operator == "Div" && !first)
                throw Bad("images divided by constants", "the reverse");
            Prepare(node, x, tensor, first);
            return;
        }
        if (node.Operator is not ("Add" or "Sub") || !first && node.Operator == "Sub")
        {
            throw Bad("sums with constants", $"{node.Operator}",
                "scales belong into weights or a batch normalisation; do_constant_folding=True may put them there");
        }
        float sign = node.Operator == "Add" ? 1 : -1;
        int count = x.Flat ? x.Piece.Shape.Features : x.Piece.Channels;
        Give(PieceKind.Shift, null, x.Piece.Shape, x.Flat, [x.Piece], [.. Channels(tensor, count).Select(v => sign * v)]);
    }

    /// <summary>x = scale · image + shift goes on.</summary>
    private void Prepare(OnnxNode node, OnnxFeatures x, OnnxTensor tensor, bool first)
    {
        var image = x.Piece;
        if (x.Flat && tensor.Count != 1)
            throw Bad("a constant, or one for each channel", tensor.Description);
        float[] constants = Channels(tensor, image.Channels);
        float[][] values = [[.. image.Values[0]], [.. image.Values[1]]];
        for (int c = 0; c < image.Channels; c++)
        {
            double v = constants[c];
            var (scale, shift) = node.Operator switch
            {
                "Add" => (1.0, v),
                "Sub" => first ? (1, -v) : (-1, v),
                "Mul" => (v, 0),
                _ => (1 / v, 0),
            };
            values[0][c] = (float)(values[0][c] * scale);
            values[1][c] = (float)(values[1][c] * scale + shift);
        }
        if (!values.SelectMany(v => v).All(float.IsFinite) || values[0].Contains(0))
            throw Bad("a scale that is not 0", "no number of the image left");
        Give(new OnnxFeatures(
            Add(new Piece { Kind = PieceKind.Image, Node = node, Shape = image.Shape, Values = values }), x.Flat));
    }

    /// <summary>What a convolution or a pool looks at.</summary>
    /// <param name="node">It.</param>
    /// <param name="size">Rows and columns, as its weights say; the attribute must agree.</param>
    /// <param name="stride">Where none is given.</param>
    private Window Window(OnnxNode node, IReadOnlyList<long> size, int? stride)
    {
        long[] kernel = node.Ints("kernel_shape") ?? [.. size], strides = node.Ints("strides") ?? [1, 1];
        long[] pads = node.Ints("pads") ?? [0, 0, 0, 0], dilations = node.Ints("dilations") ?? [1, 1];
        if (!kernel.SequenceEqual(size) || kernel is not [var k, var k1] || k != k1 || k is < 1 or > DataShape.MostSide)
            throw Bad("square windows", $"{string.Join("x", kernel)}", SameBothWays);
        if (strides is not [var s, var s1] || s != s1 || s is < 1 or > DataShape.MostSide)
            throw Bad("one stride", string.Join(", ", strides), SameBothWays);
        if (dilations.Any(d => d != 1))
            throw Bad("windows without gaps (dilations 1)", string.Join(", ", dilations), "train with dilation=1");
        string auto = node.Text("auto_pad", "NOTSET");
        if (auto is "SAME_UPPER" or "SAME_LOWER" && s == 1 && k % 2 == 1)
            pads = [k / 2, k / 2, k / 2, k / 2];
        else if (auto is not ("NOTSET" or "VALID" or ""))
            throw Bad("padding in numbers", $"auto_pad {auto}", SameBothWays);
        if (pads is not [var p, _, _, _] || pads.Any(v => v != p) || p is < 0 or > DataShape.MostSide)
            throw Bad("one padding", string.Join(", ", pads), SameBothWays);
        return new Window((int)k, (int)s, (int)p + Features(0).Rim);
    }
}
