namespace Secateurs.Pruning.Export.C;

/// <summary>
/// The live weights of a layer, output by output: sum(k) = Biases[k] + Σ Weights[i] · x[Offsets[i]] over i from Starts[k] to
/// Starts[k + 1]. Offsets are those of the first place of a window and ascend within an output.
/// </summary>
internal sealed record Rows<T>(int[] Starts, int[] Offsets, T[] Weights, T[] Biases)
{
    public int Count => Biases.Length;

    public ReadOnlySpan<int> OffsetsOf(int row) => Offsets.AsSpan(Starts[row]..Starts[row + 1]);

    public ReadOnlySpan<T> WeightsOf(int row) => Weights.AsSpan(Starts[row]..Starts[row + 1]);
}
