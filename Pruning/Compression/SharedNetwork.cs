using Model;
using Pruning.Coding;

namespace Pruning.Compression;

/// <summary>Between a network with shared weights as training has it and as the coded file has it.</summary>
public static class SharedNetwork
{
    /// <summary>What a file holds of a network.</summary>
    /// <param name="model">Network and biases; its weights are not read.</param>
    /// <param name="shared">Of each layer.</param>
    public static CodedNetwork Of(Checkpoint model, IReadOnlyList<SharedWeights> shared)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new CodedNetwork(model.Network.Name,
        [
            .. Parameters.Slices(model.Network, out _).Zip(shared, (slice, layer) => new SharedLayer(
                slice.Name, slice.WeightShape, layer.Codebook, layer.Indices, model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount).ToArray())),
        ]);
    }

    /// <summary>The network to evaluate, to go on with, to export. How it was trained the file does not say: seed and validation are 0.</summary>
    /// <param name="coded">From a file.</param>
    /// <param name="nameForErrors">That file.</param>
    /// <exception cref="UserException">BadFile: its layers are not those of its network.</exception>
    public static Checkpoint ToCheckpoint(CodedNetwork coded, string nameForErrors)
    {
        ArgumentNullException.ThrowIfNull(coded);
        NetworkDescription network;
        try
        {
            network = NetworkDescription.Parse(coded.Network);
        }
        catch (UserException e)
        {
            throw new UserException(ExitCode.BadFile, $"{nameForErrors}: expected a network of this program, found {e.Message}", e);
        }
        var slices = Parameters.Slices(network, out int length);
        if (coded.Layers.Count != slices.Count)
            throw CodedFile.Bad(nameForErrors, $"{slices.Count} layers of {coded.Network}", $"{coded.Layers.Count}");
        float[] weights = new float[length], mask = new float[length];
        Array.Fill(mask, 1f);
        foreach (var (slice, layer) in slices.Zip(coded.Layers))
        {
            if (layer.Name != slice.Name || !layer.Shape.SequenceEqual(slice.WeightShape))
                throw CodedFile.Bad(nameForErrors, $"layer {slice.Name} ({string.Join(", ", slice.WeightShape)})", $"{layer.Name} ({string.Join(", ", layer.Shape)})");
            for (int i = 0; i < layer.Indices.Length; i++)
            {
                if (layer.Indices[i] == 0)
                    mask[slice.WeightOffset + i] = 0;
                else
                    weights[slice.WeightOffset + i] = layer.Codebook[layer.Indices[i] - 1];
            }
            layer.Bias.CopyTo(weights, slice.BiasOffset);
        }
        return new Checkpoint(network, weights, mask, Seed: 0, Validation: 0, new Dictionary<string, string>());
    }
}
