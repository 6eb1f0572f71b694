using System.Text.RegularExpressions;
using Kernels;
using Model;

namespace Pruning.Export;

/// <summary>
/// Weights and biases in a safetensors file as PyTorch names and shapes them: NAME.weight (K, C, R, S) or (K, C), NAME.bias (K).
/// </summary>
public static partial class TorchFile
{
    /// <summary>Writes the file; pruned weights are zeros, and there are no masks, which load_state_dict would refuse.</summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public static void Write(string path, Checkpoint model) => SafeTensors.Write(
        path,
        [
            .. Parameters.Slices(model.Network, out _).SelectMany(l => new[]
            {
                SafeTensor.Of($"{l.Name}.weight", l.WeightShape, model.Weights.AsSpan(l.WeightOffset, l.WeightCount)),
                SafeTensor.Of($"{l.Name}.bias", [l.BiasCount], model.Weights.AsSpan(l.BiasOffset, l.BiasCount)),
            }),
        ],
        new Dictionary<string, string> { ["format"] = "pt" });

    /// <summary>
    /// Reads a network that was trained elsewhere. A layer takes the first weight of its shape that no layer took before, in the order of
    /// names with numbers by value (0.weight, 2.weight, 10.weight; conv1.weight, fc1.weight), and the bias of the same name. A fully
    /// connected layer over feature maps may stand for a convolution over its whole input, and the other way round.
    /// </summary>
    /// <param name="path">A safetensors file; F16, BF16 and F64 are converted.</param>
    /// <param name="network">What the file holds.</param>
    /// <param name="mean">That training subtracted from pixels of 0 to 1; only 0 where the first layer pads, whose border would have to change.</param>
    /// <param name="deviation">That it divided by then.</param>
    /// <param name="pruned">Whether a weight of zero counts as pruned.</param>
    /// <exception cref="UserException">BadFile: missing, damaged, or another network. Usage: a mean before a padded layer.</exception>
    public static Checkpoint Read(string path, NetworkDescription network, double mean, double deviation, bool pruned)
    {
        ArgumentNullException.ThrowIfNull(network);
        if (mean != 0 && network.Layers.First(l => l is not MaxPoolLayer) is ConvolutionLayer { Padding: > 0 })
            throw new UserException(ExitCode.Usage, $"--mean: expected 0, since {network.Name} begins with a padded convolution, found {mean}");
        var slices = Parameters.Slices(network, out int length);
        var file = SafeTensors.Read(path);
        var found = file.Tensors.OrderBy(t => Number().Replace(t.Name, m => m.Value.PadLeft(9, '0')), StringComparer.Ordinal).ToList();
        if (found.Count != 2 * slices.Count)
            throw Bad(path, $"{slices.Count} weights and {slices.Count} biases of {network.Name}", $"{found.Count} tensors: {List(found)}");
        var weights = new float[length];
        foreach (var layer in slices)
        {
            var weight = found.FirstOrDefault(t => t.Name.EndsWith(WeightSuffix, StringComparison.Ordinal) && Fits(t.Shape, layer.Filter))
                ?? throw Bad(path, $"a weight [{string.Join(", ", layer.WeightShape)}] for {layer.Name}", List(found));
            string biasName = weight.Name[..^WeightSuffix.Length] + ".bias";
            var bias = found.FirstOrDefault(t => t.Name == biasName && t.Shape is [var count] && count == layer.BiasCount)
                ?? throw Bad(path, $"a tensor {biasName} [{layer.BiasCount}]", List(found));
            found.Remove(weight);
            found.Remove(bias);
            Copy(path, weight, weights.AsSpan(layer.WeightOffset));
            Copy(path, bias, weights.AsSpan(layer.BiasOffset));
        }
        Rescale(weights, slices[0], mean, deviation);
        float[] mask = [.. Enumerable.Repeat(1f, length)];
        if (pruned)
            foreach (var layer in slices)
                for (int i = layer.WeightOffset; i < layer.WeightOffset + layer.WeightCount; i++)
                    mask[i] = weights[i] == 0 ? 0 : 1;
        return new Checkpoint(network, weights, mask, Seed: 1, Validation: 0, new Dictionary<string, string> { ["imported"] = Path.GetFileName(path) });
    }

    private const string WeightSuffix = ".weight";

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();

    private static bool Fits(int[] shape, FilterShape filter) =>
        shape is [var k, var c] ? (k, c) == (filter.Filters, filter.FilterSize)
        : shape is [var filters, var channels, var rows, var columns]
            && ((filters, channels, rows, columns) == (filter.Filters, filter.Channels, filter.Rows, filter.Columns)
                || (filter.Rows * filter.Columns == 1 && filters == filter.Filters && (long)channels * rows * columns == filter.Channels));

    /// <summary>There x = (p / 255 - mean) / deviation went in, here p times <see cref="Trainer.PixelScale"/> does.</summary>
    private static void Rescale(float[] weights, LayerSlice first, double mean, double deviation)
    {
        int inputs = first.Filter.FilterSize;
        for (int k = 0; k < first.BiasCount; k++)
        {
            double sum = 0;
            foreach (ref float w in weights.AsSpan(first.WeightOffset + k * inputs, inputs))
            {
                sum += w;
                w = (float)(w / (255 * deviation * Trainer.PixelScale));
            }
            weights[first.BiasOffset + k] -= (float)(sum * mean / deviation);
        }
    }

    private static void Copy(string path, SafeTensor tensor, Span<float> target)
    {
        float[] values = tensor.ToSingles();
        int bad = Array.FindIndex(values, v => !float.IsFinite(v));
        if (bad >= 0)
            throw Bad(path, $"finite numbers in {tensor.Name}", $"{values[bad]} at position {bad}");
        values.CopyTo(target);
    }

    private static string List(IEnumerable<SafeTensor> tensors) => string.Join(", ", tensors.Select(t => $"{t.Name} [{string.Join(", ", t.Shape)}]"));

    private static UserException Bad(string path, string expected, string found) =>
        new(ExitCode.BadFile, FormattableString.Invariant($"{path}: expected {expected}, found {found}"));
}
