using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A network as it answers: batch normalisations are folded into the layers with weights in front of them, and dropout is gone. With
/// a = γ / √(σ² + ε), weights become a w and biases a (b - μ) + β. Where a normalisation stands behind anything else, it stays.
/// </summary>
/// <remarks>The same answers but for rounding: a product is rounded once more.</remarks>
public static class Folding
{
    /// <summary>The folded network; the same object where there is nothing to fold.</summary>
    public static Checkpoint Of(Checkpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var old = model.Network;
        var normalized = old.Layers.Where(l => l.Slice is not null && !l.Relu)
            .Select(l => (Layer: l, Readers: old.Readers(l.Value)))
            .Where(l => l.Readers is [{ Kind: BatchNormalizationLayer }])
            .ToDictionary(l => l.Layer, l => l.Readers[0]);
        var gone = normalized.Values.Concat(old.Layers.Where(l => l.Kind is DropoutLayer)).ToHashSet();
        if (gone.Count == 0)
            return model;
        var network = old.With(
            l => gone.Contains(l) ? null : normalized.TryGetValue(l, out var after) ? l.Kind.Folded(after.Relu) : l.Kind);
        var weights = new float[network.ParameterLength];
        var mask = new float[network.ParameterLength];
        Array.Fill(mask, 1f);
        foreach (var (from, to) in old.Layers.Where(l => !gone.Contains(l)).Zip(network.Layers))
        {
            foreach (var (source, target) in from.Parameters.Zip(to.Parameters))
            {
                model.Weights.AsSpan(source.Offset, source.Count).CopyTo(weights.AsSpan(target.Offset));
                model.Mask.AsSpan(source.Offset, source.Count).CopyTo(mask.AsSpan(target.Offset));
            }
            if (normalized.TryGetValue(from, out var normalization))
                Fold(model.Weights, normalization, to.Slice!, weights);
        }
        return model with { Network = network, Weights = weights, Mask = mask };
    }

    private static void Fold(float[] old, NetworkLayer normalization, LayerSlice layer, float[] weights)
    {
        for (int k = 0; k < layer.BiasCount; k++)
        {
            var (scale, shift) = Coefficients(old, normalization, k);
            ref float bias = ref weights[layer.BiasOffset + k];
            bias = (float)(scale * bias + shift);
            foreach (ref float w in weights.AsSpan(layer.WeightOffset + k * layer.Filter.FilterSize, layer.Filter.FilterSize))
                w = (float)(scale * w);
        }
    }

    /// <summary>The running variance of a normalisation whose scale and shift are all it does, its mean being 0.</summary>
    public const float UnitVariance = 1 - BatchNormalization.Epsilon;

    /// <summary>Parameters that answer alike, in which running averages went into scales and shifts.</summary>
    /// <param name="network">What they belong to.</param>
    /// <param name="weights">Flat; they stay as they are.</param>
    public static float[] Reduced(NetworkDescription network, float[] weights)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(weights);
        float[] reduced = [.. weights];
        foreach (var layer in network.Layers.Where(l => l.Kind is BatchNormalizationLayer))
            for (int k = 0; k < layer.Output.Channels; k++)
            {
                var (scale, shift) = Coefficients(weights, layer, k);
                int[] at = [.. layer.Parameters.Select(p => p.Offset + k)];
                if (weights[at[2]] != 0 || weights[at[3]] != UnitVariance)
                    (reduced[at[0]], reduced[at[1]], reduced[at[2]], reduced[at[3]]) = ((float)scale, (float)shift, 0, UnitVariance);
            }
        return reduced;
    }

    /// <summary>a and b of y = a x + b, which a normalisation is where answers are given.</summary>
    public static (double Scale, double Shift) Coefficients(float[] weights, NetworkLayer normalization, int channel)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(normalization);
        double Value(int i) => weights[normalization.Parameters[i].Offset + channel];
        double scale = Value(0) / Math.Sqrt(Value(3) + BatchNormalization.Epsilon);
        return (scale, Value(1) - scale * Value(2));
    }
}
