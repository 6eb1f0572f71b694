using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A pruned network without its dead neurons and channels: a smaller network of the same kind that gives the same answers.
/// </summary>
/// <remarks>
/// A channel without live incoming weights always has the value max(0, bias) (bias, where no ReLU follows), which pooling keeps; it is
/// multiplied into the biases of the next layer. Exact but for rounding, except where the next layer pads its input, since the border is
/// zero and not that constant: there only a channel whose constant is zero is dropped. A channel that no live weight reads is dropped. The
/// outputs of the last layer stay, and so does one channel of every other layer.
/// </remarks>
public static class Compaction
{
    /// <summary>The smaller network; the same object where nothing is dead.</summary>
    public static Checkpoint Of(Checkpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var layers = Layers(model);
        for (int i = 0; i + 1 < layers.Length; i++)
            FoldConstants(layers[i], layers[i + 1]);
        for (int i = layers.Length - 2; i >= 0; i--)
            layers[i].Kept = Read(layers[i + 1], layers[i].Channels);
        return layers.All(l => l.Kept.Length == l.Channels) ? model : Build(model, layers);
    }

    /// <summary>A layer under work: Weight and Mask are (K, C R S), flat.</summary>
    private sealed record Layer(LayerSlice Slice, bool Relu, int Padding, float[] Weight, float[] Mask, float[] Bias)
    {
        public int Channels => Slice.Filter.Filters;

        public int RowSize => Slice.Filter.FilterSize;

        /// <summary>Channels of the output that stay, ascending.</summary>
        public int[] Kept { get; set; } = [.. Enumerable.Range(0, Slice.Filter.Filters)];
    }

    private static Layer[] Layers(Checkpoint model) =>
    [
        .. model.Network.Layers.Where(l => l.Slice is not null).Select(l => (Layer: l, Slice: l.Slice!)).Select(l => new Layer(
            l.Slice, l.Layer.Relu, l.Layer.Input.Padding, model.Weights.AsSpan(l.Slice.WeightOffset, l.Slice.WeightCount).ToArray(),
            model.Mask.AsSpan(l.Slice.WeightOffset, l.Slice.WeightCount).ToArray(),
            model.Weights.AsSpan(l.Slice.BiasOffset, l.Slice.BiasCount).ToArray())),
    ];

    private static void FoldConstants(Layer layer, Layer next)
    {
        // All inputs of the next layer that one channel gives: taps of a filter, or pixels in front of a fully connected layer.
        int inputs = next.RowSize / layer.Channels;
        for (int k = 0; k < layer.Channels; k++)
        {
            float value = layer.Relu ? Math.Max(0, layer.Bias[k]) : layer.Bias[k];
            if (layer.Mask.AsSpan(k * layer.RowSize, layer.RowSize).ContainsAnyExcept(0f) || (value != 0 && next.Padding > 0))
                continue;
            for (int row = 0; row < next.Channels; row++)
            {
                int from = row * next.RowSize + k * inputs;
                double sum = next.Bias[row];
                foreach (float w in next.Weight.AsSpan(from, inputs))
                    sum += (double)w * value;
                next.Bias[row] = (float)sum;
                next.Weight.AsSpan(from, inputs).Clear();
                next.Mask.AsSpan(from, inputs).Clear();
            }
        }
    }

    /// <summary>Which of the channels are read by a live weight of a row that is kept.</summary>
    private static int[] Read(Layer next, int channels)
    {
        int inputs = next.RowSize / channels;
        int[] read = [.. Enumerable.Range(0, channels).Where(c => next.Kept.Any(
            row => next.Mask.AsSpan(row * next.RowSize + c * inputs, inputs).ContainsAnyExcept(0f)))];
        return read.Length > 0 ? read : [0];
    }

    private static Checkpoint Build(Checkpoint model, Layer[] layers)
    {
        int made = 0;
        var network = NetworkDescription.Of(
            model.Network.Data, model.Network.Layers.Select(l => l.Slice is null ? l.Kind : l.Kind.Narrowed(layers[made++].Kept.Length)));
        var (slices, length) = (network.Slices, network.ParameterLength);
        var weights = new float[length];
        var mask = new float[length];
        Array.Fill(mask, 1f);
        for (int i = 0; i < layers.Length; i++)
        {
            var layer = layers[i];
            int[] channels = i == 0 ? [.. Enumerable.Range(0, layer.Slice.Filter.Channels)] : layers[i - 1].Kept;
            int inputs = layer.RowSize / (i == 0 ? channels.Length : layers[i - 1].Channels), to = slices[i].WeightOffset;
            foreach (int row in layer.Kept)
                foreach (int channel in channels)
                {
                    int from = row * layer.RowSize + channel * inputs;
                    layer.Weight.AsSpan(from, inputs).CopyTo(weights.AsSpan(to));
                    layer.Mask.AsSpan(from, inputs).CopyTo(mask.AsSpan(to));
                    to += inputs;
                }
            for (int k = 0; k < layer.Kept.Length; k++)
                weights[slices[i].BiasOffset + k] = layer.Bias[layer.Kept[k]];
        }
        return model with { Network = network, Weights = weights, Mask = mask };
    }
}
