using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A pruned network without its dead neurons and channels: a smaller network of the same kind that gives the same answers.
/// </summary>
/// <remarks>
/// A channel without live incoming weights is a constant, which ReLU, pooling, normalisation and sums of constants keep one; it is
/// multiplied into the biases of the layers that read it, or into the running means behind them. Exact but for rounding, except where a
/// layer pads its input, since the border is zero and not that constant: there only a constant zero goes. A channel that no live weight
/// reads is dropped. What a sum adds has the same channels, so one goes only where no branch needs it. The outputs of the last layer stay,
/// and so does one channel of every other layer.
/// </remarks>
public static class Compaction
{
    /// <summary>The smaller network; the same object where nothing is dead.</summary>
    /// <param name="model">Weights and masks.</param>
    /// <param name="multiple">
    /// Channels of a value come to a multiple of this where it had as many: some dead ones stay, since most programs compute whole vectors.
    /// </param>
    public static Checkpoint Of(Checkpoint model, int multiple = 1)
    {
        ArgumentNullException.ThrowIfNull(model);
        var layers = model.Network.Layers.Select(l => new Layer(l, model)).ToArray();
        FoldConstants(model.Network, layers);
        int[] classes = Classes(model.Network);
        bool[]?[] kept = Kept(model.Network, layers, classes);
        foreach (var layer in layers.Where(l => l.Place.Slice is not null))
            layer.Clear(kept[classes[layer.Place.Value]]!);
        foreach (bool[] channels in kept.OfType<bool[]>())
            FillUp(channels, multiple);
        return classes.All(c => !kept[c]!.Contains(false)) ? model : Build(model, layers, v => kept[classes[v]]!);
    }

    /// <summary>A layer under work: what it has of each parameter, flat, and the mask of its weights.</summary>
    private sealed class Layer(NetworkLayer layer, Checkpoint model)
    {
        public NetworkLayer Place => layer;

        public float[][] Values { get; } = [.. layer.Parameters.Select(p => model.Weights.AsSpan(p.Offset, p.Count).ToArray())];

        public float[] Mask { get; } =
            layer.Slice is null ? [] : model.Mask.AsSpan(layer.Slice.WeightOffset, layer.Slice.WeightCount).ToArray();

        public int RowSize => layer.Slice!.Filter.FilterSize;

        /// <summary>All inputs of a row that one channel gives: taps of a filter, or pixels in front of a fully connected layer.</summary>
        public int Inputs => RowSize / layer.Input.Channels;

        public bool Reads(int row, int channel) =>
            Mask.AsSpan(row * RowSize + channel * Inputs, Inputs).ContainsAnyExcept(0f);

        /// <summary>Rows that are not needed have no live weights.</summary>
        public void Clear(bool[] needed)
        {
            foreach (var (row, _) in needed.Index().Where(n => !n.Item))
            {
                Values[0].AsSpan(row * RowSize, RowSize).Clear();
                Mask.AsSpan(row * RowSize, RowSize).Clear();
            }
        }

        public bool IsDead(int row) => !Mask.AsSpan(row * RowSize, RowSize).ContainsAnyExcept(0f);
    }

    private static void FoldConstants(NetworkDescription network, Layer[] layers)
    {
        // Of each value and channel, NaN where it is none.
        var constants = new float[layers.Length + 1][];
        constants[0] = [.. Enumerable.Repeat(float.NaN, network.Shapes[0].Channels)];
        foreach (var layer in layers)
        {
            var place = layer.Place;
            float[] input = constants[place.Inputs[0]];
            float Constant(int k) => place.Kind switch
            {
                SumLayer => place.Inputs.Sum(v => constants[v][k]),
                BatchNormalizationLayer => Normalized(layer, k, input[k]),
                _ when place.Slice is null => place.Kind.Constant(input[k]),
                _ when !layer.IsDead(k) => float.NaN,
                _ => place.Slice.Biased ? layer.Values[1][k] : 0,
            };
            if (place.Slice is not null)
                Fold(network, layers, layer, input);
            constants[place.Value] = [.. Enumerable.Range(0, place.Output.Channels).Select(k => Activation(place, Constant(k)))];
        }
    }

    private static float Activation(NetworkLayer layer, float value) => layer.Relu ? Math.Max(0, value) : value;

    private static float Normalized(Layer layer, int channel, float value)
    {
        double scale = layer.Values[0][channel] / Math.Sqrt(layer.Values[3][channel] + BatchNormalization.Epsilon);
        return (float)(scale * (value - layer.Values[2][channel]) + layer.Values[1][channel]);
    }

    /// <summary>Constants among the inputs of a layer go into its biases, or out of the running means behind it.</summary>
    private static void Fold(NetworkDescription network, Layer[] layers, Layer layer, float[] constants)
    {
        var (target, sign) = layer.Place.Slice!.Biased ? (layer.Values[1], 1)
            : network.Readers(layer.Place.Value) is [{ Kind: BatchNormalizationLayer } after] ? (layers[after.Index].Values[2], -1)
            : ([], 0);
        for (int k = 0; k < constants.Length; k++)
        {
            float value = constants[k];
            if (float.IsNaN(value) || (value != 0 && (layer.Place.Kind.Border > 0 || sign == 0)))
                continue;
            for (int row = 0; row < layer.Place.Output.Channels; row++)
            {
                int from = row * layer.RowSize + k * layer.Inputs;
                if (sign != 0)
                {
                    double sum = target[row];
                    foreach (float w in layer.Values[0].AsSpan(from, layer.Inputs))
                        sum += sign * (double)w * value;
                    target[row] = (float)sum;
                }
                layer.Values[0].AsSpan(from, layer.Inputs).Clear();
                layer.Mask.AsSpan(from, layer.Inputs).Clear();
            }
        }
    }

    /// <summary>For each value one that has the same channels, since they are of one sum or only pass through a layer.</summary>
    private static int[] Classes(NetworkDescription network)
    {
        int[] classes = [.. Enumerable.Range(0, network.Layers.Count + 1)];
        foreach (var layer in network.Layers.Where(l => l.Slice is null))
            foreach (int input in layer.Inputs)
            {
                int from = classes[layer.Value], to = classes[input];
                for (int v = 0; v < classes.Length; v++)
                    classes[v] = classes[v] == from ? to : classes[v];
            }
        return classes;
    }

    /// <summary>The channels of each class that the answer needs: those that a needed row reads, and so on to a fixed point.</summary>
    private static bool[]?[] Kept(NetworkDescription network, Layer[] layers, int[] classes)
    {
        var kept = new bool[]?[network.Shapes.Count];
        for (int v = 0; v < classes.Length; v++)
            kept[classes[v]] ??= new bool[network.Shapes[v].Channels];
        Array.Fill(kept[classes[0]]!, true);
        Array.Fill(kept[classes[^1]]!, true);
        Layer[] weighted = [.. layers.Where(l => l.Place.Slice is not null).Reverse()];
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (var layer in weighted)
            {
                bool[] rows = kept[classes[layer.Place.Value]]!, channels = kept[classes[layer.Place.Inputs[0]]]!;
                for (int c = 0; c < channels.Length; c++)
                {
                    if (channels[c] || !Enumerable.Range(0, rows.Length).Any(row => rows[row] && layer.Reads(row, c)))
                        continue;
                    channels[c] = true;
                    changed = true;
                }
                // From the last layer to the first, so that all readers of a chain are known.
                if (!changed && !channels.Contains(true))
                    changed = channels[0] = true;
            }
        }
        return kept;
    }

    private static void FillUp(bool[] kept, int multiple)
    {
        int missing = (multiple - kept.Count(k => k) % multiple) % multiple;
        if (missing > kept.Count(k => !k))
            return;
        for (int k = 0; missing > 0; k++)
            if (!kept[k])
                (kept[k], missing) = (true, missing - 1);
    }

    private static Checkpoint Build(Checkpoint model, Layer[] layers, Func<int, bool[]> keptOf)
    {
        int[] Kept(int value) => [.. keptOf(value).Index().Where(k => k.Item).Select(k => k.Index)];
        var network = model.Network.With(l => l.Slice is null ? l.Kind : l.Kind.Narrowed(Kept(l.Value).Length));
        var weights = new float[network.ParameterLength];
        var mask = new float[network.ParameterLength];
        Array.Fill(mask, 1f);
        foreach (var (layer, made) in layers.Zip(network.Layers))
        {
            int[] rows = Kept(layer.Place.Value), channels = Kept(layer.Place.Inputs[0]);
            for (int p = 0; p < made.Parameters.Count; p++)
            {
                int to = made.Parameters[p].Offset;
                foreach (int row in rows)
                {
                    if (made.Parameters[p].Role != ParameterRole.Weight)
                    {
                        weights[to++] = layer.Values[p][row];
                        continue;
                    }
                    foreach (int channel in channels)
                    {
                        int from = row * layer.RowSize + channel * layer.Inputs;
                        layer.Values[p].AsSpan(from, layer.Inputs).CopyTo(weights.AsSpan(to));
                        layer.Mask.AsSpan(from, layer.Inputs).CopyTo(mask.AsSpan(to));
                        to += layer.Inputs;
                    }
                }
            }
        }
        return model with { Network = network, Weights = weights, Mask = mask };
    }
}
