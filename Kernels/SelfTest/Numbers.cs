namespace Kernels.SelfTest;

/// <summary>Test data from a constant seed.</summary>
internal sealed class Numbers(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>Uniform in [-1, 1).</summary>
    public float[] Uniform(int count) => [.. Enumerable.Range(0, count).Select(_ => 2 * _random.NextSingle() - 1)];

    /// <summary>Multiples of 1/8 in [-1, 1], many of them zero: ties with thresholds, zeros at a ReLU's edge, equal maxima.</summary>
    public float[] Eighths(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.Next(-8, 9) / 8f)];

    /// <summary>A ReLU's output: multiples of 1/8, about half of them zero.</summary>
    public float[] Activations(int count) => [.. Eighths(count).Select(v => Math.Max(0, v))];

    /// <summary>1 = live, 0 = pruned, about half and half.</summary>
    public float[] Mask(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)_random.Next(2))];

    /// <summary>Integers in [0, limit).</summary>
    public int[] Integers(int count, int limit) => [.. Enumerable.Range(0, count).Select(_ => _random.Next(limit))];

    public static float[] Absolute(float[] values) => [.. values.Select(Math.Abs)];
}
