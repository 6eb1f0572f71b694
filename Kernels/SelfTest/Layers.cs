namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// Layers for the kernels that look at or prune a whole one. Weights are multiples of 1/8, so that many lie exactly on a threshold;
/// pruned weights hold values, so that a forgotten mask shows.
/// </summary>
internal static class Layers
{
    /// <summary>Around the 256 partial sums and the vectors.</summary>
    public static readonly int[] Lengths = [1, 7, 16, 255, 256, 257, 1000, 2053];

    /// <summary>On weights and between them, in no order.</summary>
    public static readonly float[] Thresholds = [0.25f, 0, 1, 0.125f, 0.3f, 2, float.PositiveInfinity];

    public static float[] Weight(int length) => new Numbers(1).Eighths(length);

    /// <summary>The first weight is live.</summary>
    public static float[] Mask(int length) => [1, .. new Numbers(2).Mask(length - 1)];
}
