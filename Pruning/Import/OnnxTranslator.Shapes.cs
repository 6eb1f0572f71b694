using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>The operators that change shapes, or compute with sizes.</summary>
internal sealed partial class OnnxTranslator
{
    private void Flatten(OnnxNode node)
    {
        var x = Features(0);
        long axis = node.Int("axis", 1), all = x.Flat ? 2 : 4;
        if ((axis < 0 ? axis + all : axis) != 1)
            throw Bad("a flattening of each image (axis 1)", $"axis {axis}");
        Give(x with { Flat = true });
    }

    private void Reshape(OnnxNode node)
    {
        if (Read(0).Numbers is { } numbers)
        {
            Give(numbers with { IsScalar = false });
            return;
        }
        var x = Features(0);
        long?[] to = Sizes(1).Items;
        var shape = x.Piece.Shape;
        long?[] from = x.Flat ? [shape.Features] : [shape.Channels, shape.Height, shape.Width];
        bool images = to.Length > 0 && (to[0] is null or 0 or -1 || _model.Input.Shape[0] is not { } batch || to[0] == batch);
        long?[] rest = [.. to.Skip(1).Select((t, i) => t == 0 && i < from.Length ? from[i] : t)];
        long known = rest.Where(r => r is not -1).Aggregate(
            1L, (product, r) => r is > 0 and < 1 << 20 && product < 1 << 30 ? product * r.Value : 0);
        if (rest.Count(r => r == -1) == 1 && to[0] != -1 && known > 0 && shape.Features % known == 0)
            rest = [.. rest.Select(r => r == -1 ? shape.Features / known : r)];
        if (images && rest is [var features] && features == shape.Features)
            Give(x with { Flat = true });
        else if (images && rest is [var c, var h, var w] && (c, h, w) == (shape.Channels, shape.Height, shape.Width))
            Give(x with { Flat = false });
        else
        {
            throw Bad($"a flattening of each image to {shape.Features} numbers",
                $"({string.Join(", ", to.Select(t => t is null ? "N" : $"{t}"))})");
        }
    }

    private void Squeeze(OnnxNode node)
    {
        if (Read(0).Numbers is { Items: [_] } number)
        {
            Give(number with { IsScalar = true });
            return;
        }
        Collapse(node, isMean: false);
    }

    /// <summary>Leaves out rows and columns, at once or one after the other: their mean takes their place, or there is only one.</summary>
    private void Collapse(OnnxNode node, bool isMean)
    {
        long[] axes = node.Ints("axes") ?? (Find(1) is null ? [] : Known(1));
        var half = Read(0) as OnnxHalf;
        var x = half?.Piece ?? Map();
        long[] gone = [.. axes.Select(a => a < 0 ? a + (half is null ? 4 : 3) : a).Order()];
        var (taken, left) = (half, gone) switch
        {
            (null, [2, 3]) => (x.Shape.Height * x.Shape.Width, 0),
            (null, [2]) => (x.Shape.Height, x.Shape.Width),
            (null, [3]) => (x.Shape.Width, x.Shape.Height),
            ({ Left: var rest }, [2]) => (rest, 0),
            _ => (0, 0),
        };
        bool keeps = isMean && node.Int("keepdims", 1) != 0;
        if (taken == 0 || (taken > 1 && !isMean) || (keeps && (half is not null || left > 0)))
        {
            string found = $"axes {string.Join(", ", axes)}";
            throw isMean ? Bad("a mean over rows and columns", found) : Bad("rows and columns of 1 left out", found, "flatten instead");
        }
        isMean |= half is { IsMean: true };
        if (left > 0)
            Give(new OnnxHalf(x, left, isMean));
        else if (isMean)
            GlobalPool(x, flat: !keeps);
        else
            Give(new OnnxFeatures(x, Flat: true));
    }

    /// <summary>Zeros around maps, which the convolution or the average pool behind them takes as its padding.</summary>
    private void Pad(OnnxNode node)
    {
        var x = Features(0);
        int all = x.Flat ? 2 : 4;
        long[] given = node.Ints("pads") ?? Known(1);
        long[] axes = Find(3) is null ? [.. Enumerable.Range(0, all)] : [.. Known(3).Select(a => a < 0 ? a + all : a)];
        if (given.Length != 2 * axes.Length || axes.Any(a => a < 0 || a >= all))
            throw Bad($"two numbers for each of {all} axes at most", $"{given.Length} for the axes {string.Join(", ", axes)}");
        long[] pads = new long[2 * all];
        foreach (var (i, axis) in axes.Index())
            (pads[axis], pads[all + axis]) = (given[i], given[axes.Length + i]);
        string mode = node.Text("mode", "constant");
        float value = Find(2) is null ? node.Float("value", 0) : Channels(Tensor(2), 1)[0];
        if (pads.All(p => p == 0))
            Give(x);
        else if (mode != "constant" || value != 0)
            throw Bad("zeros around maps", mode != "constant" ? $"the mode {mode}" : $"{value}");
        else if (pads is not [_, _, var p, ..] || !pads.SequenceEqual([0, 0, p, p, 0, 0, p, p]) || p is < 0 or > DataShape.MostSide)
            throw Bad("one padding", string.Join(", ", pads), SameBothWays);
        else
            Give(x with { Rim = x.Rim + (int)p });
    }

    private void Cast(OnnxNode node)
    {
        if (Read(0) is OnnxFeatures && node.Int("to", 0) != OnnxTensor.Float)
            throw Bad("32-bit floats", $"a cast to the type {node.Int("to", 0)}");
        Give(Read(0));
    }

    private void Constant(OnnxNode node)
    {
        var (name, value) = node.Attributes.Count == 1 ? node.Attributes.Single() : throw Bad("one value", $"{node.Attributes.Count}");
        Give(new OnnxConstant(name switch
        {
            "value" when value.Tensor is { } tensor => tensor,
            "value_int" => OnnxTensor.Of([value.Int], scalar: true),
            "value_ints" => OnnxTensor.Of(value.Ints),
            "value_float" => OnnxTensor.Of([], [value.Float]),
            _ => throw Bad("a tensor", OnnxNode.Cut(name)),
        }));
    }

    private void Shape(OnnxNode node)
    {
        long?[] sizes;
        if (Read(0) is OnnxFeatures { Flat: var flat, Piece.Shape: var shape, Rim: var rim })
            sizes = flat ? [null, shape.Features] : [null, shape.Channels, shape.Height + 2 * rim, shape.Width + 2 * rim];
        else
            sizes = Read(0) is OnnxConstant { Tensor: var tensor } ? [.. tensor.Shape.Select(s => (long?)s)] : [Sizes(0).Items.Length];
        Give(OnnxNumbers.Of(Cut(sizes, node.Int("start", 0), node.Int("end", long.MaxValue))));
    }

    private void Gather(OnnxNode node)
    {
        long?[] items = Sizes(0).Items;
        var indices = Sizes(1);
        if (node.Int("axis", 0) is not (0 or -1))
            throw Bad("the only axis", $"axis {node.Int("axis", 0)}");
        Give(OnnxNumbers.Of(Known(1).Select(i => i < 0 ? i + items.Length : i).Select(i => i >= 0 && i < items.Length ? items[i]
            : throw Bad($"one of {items.Length} sizes", $"number {i}")), indices.IsScalar));
    }

    private void Slice(OnnxNode node)
    {
        long?[] items = Sizes(0).Items;
        string[] names = ["starts", "ends", "axes", "steps"];
        long[][] parts = [.. names.Select((n, i) => node.Ints(n) ?? (Find(i + 1) is null ? [] : Known(i + 1)))];
        if (parts is not [[var start], [var end], [] or [0] or [-1], [] or [1]])
            throw Bad("a range of sizes", "another cut");
        Give(OnnxNumbers.Of(Cut(items, start, end)));
    }

    private static long?[] Cut(long?[] items, long start, long end)
    {
        int From(long at) => (int)Math.Clamp(at < 0 ? at + items.Length : at, 0, items.Length);
        return From(start) < From(end) ? items[From(start)..From(end)] : [];
    }

    private void Concat(OnnxNode node)
    {
        if (Enumerable.Range(0, node.Inputs.Count).Any(i => Read(i) is OnnxFeatures))
            throw Bad("sums of branches (Add)", "branches side by side", "concatenated channels have no layer here");
        Give(OnnxNumbers.Of(Enumerable.Range(0, node.Inputs.Count).SelectMany(i => Sizes(i).Items)));
    }

    private void Transpose(OnnxNode node)
    {
        if (Read(0) is not OnnxConstant { Tensor: { Shape.Length: 2 } matrix } || node.Ints("perm") is not (null or [1, 0]))
            throw Bad("a matrix of weights", "other values", "values in another order have no layer here");
        Demand(matrix.Count);
        Give(new OnnxConstant(matrix.Transposed()));
    }
}
