namespace Tests.KernelTests;

/// <summary>Central differences: whether a gradient is the slope of its function.</summary>
/// <remarks>References take floats, so the step is one that floats on multiples of 1/8 take exactly, 2^-10 instead of 1e-6; the functions
/// are linear between their kinks, or smooth enough for an error of 2^-20.</remarks>
internal static class Slopes
{
    private const float Step = 1f / 1024;

    public static void Check(float[] at, Func<float[], double> function, double[] gradient)
    {
        Assert.Equal(at.Length, gradient.Length);
        for (int i = 0; i < at.Length; i++)
        {
            double slope = (function(Moved(at, i, Step)) - function(Moved(at, i, -Step))) / (2 * Step);
            Assert.True(
                Math.Abs(slope - gradient[i]) <= 1e-3 * Math.Abs(slope) + 1e-9, $"element {i}: gradient {gradient[i]}, slope {slope}");
        }
    }

    public static double Dot(IEnumerable<double> values, float[] with) => values.Zip(with, (v, w) => v * w).Sum();

    /// <summary>Moves zeros away from a ReLU's kink.</summary>
    public static float[] OffZero(float[] values) => [.. values.Select((v, i) => v == 0 ? (i % 2 == 0 ? 0.0625f : -0.0625f) : v)];

    private static float[] Moved(float[] at, int i, float by)
    {
        float[] moved = [.. at];
        moved[i] += by;
        return moved;
    }
}
