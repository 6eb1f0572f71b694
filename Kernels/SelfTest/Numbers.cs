namespace Secateurs.Kernels.SelfTest;

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

    /// <summary>
    /// The same as ink on paper: most of <paramref name="values"/>, which are images of <paramref name="width"/> columns, become zero -
    /// their first and last row, a column on either side that differs from 16 images to the next, a stripe, every fifth image and the
    /// second 16.
    /// </summary>
    public static float[] Inked(float[] values, int images, int height, int width)
    {
        int pixels = values.Length / images;
        return [.. values.Select((v, i) =>
        {
            int n = i / pixels, h = i % pixels / width % height, w = i % width, margin = 1 + n / Layout.Lanes % 3;
            bool paper = h == 0 || h == height - 1 || w < margin || w >= width - margin || w % 11 is > 2 and < 9
                || n % 5 == 3 || n / Layout.Lanes == 1;
            return paper ? 0 : v;
        })];
    }

    /// <summary>1 = live, 0 = pruned, about half and half.</summary>
    public float[] Mask(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)_random.Next(2))];

    /// <summary>Integers in [0, limit).</summary>
    public int[] Integers(int count, int limit) => [.. Enumerable.Range(0, count).Select(_ => _random.Next(limit))];

    public static float[] Absolute(float[] values) => [.. values.Select(Math.Abs)];
}
