using Secateurs.Model;
using Secateurs.Pruning.Coding;

namespace Secateurs.Pruning.Compression;

/// <summary>Between a network with shared weights as training has it and as the coded file has it.</summary>
internal static class SharedNetwork
{
    /// <summary>What a file holds of a network.</summary>
    /// <param name="model">Network and biases; its weights are not read.</param>
    /// <param name="shared">Of each layer.</param>
    public static CodedNetwork Of(Checkpoint model, IReadOnlyList<SharedWeights> shared)
    {
        ArgumentNullException.ThrowIfNull(model);
        float[] weights = Folding.Reduced(model.Network, model.Weights);
        return new CodedNetwork(model.Network.Text,
        [
            .. model.Network.Slices.Zip(shared, (slice, layer) => new SharedLayer(
                slice.Name, slice.WeightShape, layer.Codebook, layer.Indices,
                model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount).ToArray())),
        ])
        {
            Others = [.. Normalizations(model.Network).Select(p => weights.AsSpan(p.Offset, p.Count).ToArray())],
        };
    }

    /// <summary>Scales and shifts; running averages went into these (<see cref="Folding.Reduced"/>).</summary>
    private static IEnumerable<ParameterSlice> Normalizations(NetworkDescription network) =>
        network.Parameters.Where(p => p.Role is ParameterRole.Scale or ParameterRole.Shift);

    /// <summary>The network of a coded file; what is no network of this program is refused before its layers are decoded.</summary>
    /// <param name="file">Its bytes.</param>
    /// <param name="nameForErrors">Its name.</param>
    /// <exception cref="UserException">BadFile: damaged, or its layers are not those of its network.</exception>
    public static Checkpoint Decode(ReadOnlySpan<byte> file, string nameForErrors) =>
        ToCheckpoint(CodedFile.Decode(file, nameForErrors, (text, layers) => Described(text, layers, nameForErrors)), nameForErrors);

    /// <summary>
    /// The network to evaluate, to go on with, to export. How it was trained the file does not say: seed and validation are 0.
    /// </summary>
    /// <param name="coded">From a file.</param>
    /// <param name="nameForErrors">That file.</param>
    /// <exception cref="UserException">BadFile: its layers are not those of its network.</exception>
    public static Checkpoint ToCheckpoint(CodedNetwork coded, string nameForErrors)
    {
        ArgumentNullException.ThrowIfNull(coded);
        var network = Described(coded.Network, [.. coded.Layers.Select(l => (l.Name, l.Shape))], nameForErrors);
        var (slices, length) = (network.Slices, network.ParameterLength);
        float[] weights = new float[length], mask = new float[length];
        Array.Fill(mask, 1f);
        foreach (var (slice, layer) in slices.Zip(coded.Layers))
        {
            for (int i = 0; i < layer.Indices.Length; i++)
            {
                if (layer.Indices[i] == 0)
                    mask[slice.WeightOffset + i] = 0;
                else
                    weights[slice.WeightOffset + i] = layer.Codebook[layer.Indices[i] - 1];
            }
            if (layer.Bias.Length != slice.BiasCount)
                throw CodedFile.Bad(nameForErrors, $"{slice.BiasCount} biases of {slice.Name}", $"{layer.Bias.Length}");
            layer.Bias.CopyTo(weights, slice.BiasOffset);
        }
        ParameterSlice[] others = [.. Normalizations(network)];
        if (!others.Select(p => p.Count).SequenceEqual(coded.Others.Select(o => o.Length)))
        {
            throw CodedFile.Bad(
                nameForErrors, $"{others.Length} lists with {others.Sum(p => p.Count)} scales and shifts",
                $"{coded.Others.Count} with {coded.Others.Sum(o => o.Length)}");
        }
        foreach (var (parameter, values) in others.Zip(coded.Others))
            values.CopyTo(weights, parameter.Offset);
        foreach (var parameter in network.Parameters.Where(p => p.Role == ParameterRole.Variance))
            weights.AsSpan(parameter.Offset, parameter.Count).Fill(Folding.UnitVariance);
        return new Checkpoint(network, weights, mask, Seed: 0, Validation: 0, new Dictionary<string, string>());
    }

    /// <summary>What the file says it holds, if that is a network whose layers are those of the file.</summary>
    private static NetworkDescription Described(string text, IReadOnlyList<(string Name, int[] Shape)> layers, string nameForErrors)
    {
        var network = NetworkDescription.OfFile(nameForErrors, text);
        var slices = network.Slices;
        if (layers.Count != slices.Count)
            throw CodedFile.Bad(nameForErrors, $"{slices.Count} layers of {text}", $"{layers.Count}");
        foreach (var (slice, (name, shape)) in slices.Zip(layers))
        {
            if (name != slice.Name || !shape.SequenceEqual(slice.WeightShape))
                throw CodedFile.Bad(nameForErrors, Layer(slice.Name, slice.WeightShape), Layer(name, shape));
        }
        return network;

        static string Layer(string name, int[] shape) => $"layer {name} ({string.Join(", ", shape)})";
    }
}
