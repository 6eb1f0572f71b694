namespace Secateurs.Pruning.Coding;

/// <summary>Where the bits of one layer of a coded file went (ideal code lengths, exact to a bit or so).</summary>
/// <param name="PositionBits">where the live weights are: live rows and columns and the places in them, or distances with fillers</param>
/// <param name="IndexBits">which shared weight each is</param>
public sealed record LayerSize(
    string Name, int Weights, int Live, int Shared, double CodebookBits, double PositionBits, double IndexBits, double BiasBits)
{
    /// <summary>All of the layer.</summary>
    public double Bits => CodebookBits + PositionBits + IndexBits + BiasBits;
}

/// <summary>Where the bytes of a coded file went: accounting (2), everything in it.</summary>
/// <param name="Bytes">the file's length</param>
/// <param name="HeaderBits">magic, version, checksum, network description, names and shapes</param>
public sealed record FileSize(int Bytes, double HeaderBits, IReadOnlyList<LayerSize> Layers)
{
    /// <summary>Weights and biases of the dense network in fp32, in bytes.</summary>
    public static long DenseBytes(CodedNetwork network) =>
        network.Layers.Sum(l => 4L * (l.Indices.Length + l.Bias.Length)) + network.Others.Sum(o => 4L * o.Length);
}
