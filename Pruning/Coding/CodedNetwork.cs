using Secateurs.Model;

namespace Secateurs.Pruning.Coding;

/// <summary>The entropy coder of weights and positions; the rest of the file is the same for both.</summary>
public enum Coder
{
    /// <summary>Relative gaps and weight indices in canonical Huffman codes (Han et al. 2016).</summary>
    Huffman,

    /// <summary>Adaptive arithmetic code with contexts.</summary>
    Range,
}

/// <summary>One layer after weight sharing.</summary>
/// <param name="Shape">(K, C, R, S), or (N, K) of a fully connected layer: outputs first.</param>
/// <param name="Codebook">the shared values, best in ascending order; any order comes back as it was</param>
/// <param name="Indices">row-major over Shape; 0 = pruned, i = Codebook[i - 1]</param>
/// <param name="Bias">one for each output, or none</param>
public sealed record SharedLayer(string Name, int[] Shape, float[] Codebook, int[] Indices, float[] Bias)
{
    /// <summary>Neurons or filters.</summary>
    public int Rows => Shape[0];

    /// <summary>Weights that are not pruned.</summary>
    public int Live => Indices.AsSpan().Length - Indices.AsSpan().Count(0);
}

/// <summary>What a .dcn file holds. Layers stand in the order in which the network applies them.</summary>
/// <param name="Network">a description that the coder does not read, at most 512 KB of UTF-8</param>
/// <param name="Layers">those with weights</param>
public sealed record CodedNetwork(string Network, IReadOnlyList<SharedLayer> Layers)
{
    /// <summary>Numbers of other layers, as scales and shifts: lists that the network's description gives a sense.</summary>
    public IReadOnlyList<float[]> Others { get; init; } = [];

    /// <summary>
    /// The limits of a file, for those that write it and those that read it. They bound the memory that a hostile
    /// file can claim (about 0.5 GB) and the time (seconds): a layer without a live weight costs a few bytes whatever its size. As a
    /// network of this program a file has narrower ones (<see cref="NetworkDescription"/>), which are checked before its layers are
    /// decoded.
    /// </summary>
    public const int MaxWeights = 1 << 24, MaxLayers = 255, MaxNetworkBytes = 1 << 19, MaxNameBytes = 255, MaxCodebook = 65535,
        MaxOthers = 1024;

    /// <summary>Checks everything that the coder relies on.</summary>
    /// <exception cref="UserException">Failed: a layer that no file can hold, in one line.</exception>
    internal void Check()
    {
        if (Others.Count > MaxOthers || Others.Any(o => o.Length > MaxCodebook || !o.All(float.IsFinite)))
            throw Bad($"other layers have at most {MaxOthers} lists of at most {MaxCodebook} finite numbers");
        if (Header.Utf8Length(Network) is < 0 or > MaxNetworkBytes)
            throw Bad($"the network description must be at most {MaxNetworkBytes} bytes of UTF-8");
        if (Layers.Count > MaxLayers)
            throw Bad($"{Layers.Count} layers, at most {MaxLayers} can be coded");
        long total = 0;
        foreach (var layer in Layers)
        {
            if (Header.Utf8Length(layer.Name) is < 0 or > MaxNameBytes)
                throw Bad($"a layer's name must be at most {MaxNameBytes} bytes of UTF-8");
            if (Geometry.Weights(layer.Shape) is not { } weights || (total += weights) > MaxWeights)
            {
                throw Bad($"layer {layer.Name}: shape ({string.Join(", ", layer.Shape)}) must have 2 or 4 sizes of at least 1"
                    + $" and the network at most {MaxWeights} weights");
            }
            if (layer.Indices.Length != weights)
                throw Bad($"layer {layer.Name}: {layer.Indices.Length} indices for {weights} weights");
            if (layer.Bias.Length != 0 && layer.Bias.Length != layer.Rows)
                throw Bad($"layer {layer.Name}: {layer.Bias.Length} biases for {layer.Rows} outputs");
            if (layer.Codebook.Length > MaxCodebook)
                throw Bad($"layer {layer.Name}: {layer.Codebook.Length} shared weights, at most {MaxCodebook} can be coded");
            if (layer.Indices.AsSpan().ContainsAnyExceptInRange(0, layer.Codebook.Length))
                throw Bad($"layer {layer.Name}: an index is outside 0 to {layer.Codebook.Length}");
            if (!layer.Codebook.All(float.IsFinite) || !layer.Bias.All(float.IsFinite))
                throw Bad($"layer {layer.Name}: a shared weight or a bias is not finite");
        }

        static UserException Bad(string what) => new(ErrorKind.Failed, $"network cannot be coded: {what}");
    }
}
