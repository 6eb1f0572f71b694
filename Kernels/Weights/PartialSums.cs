namespace Secateurs.Kernels;

/// <summary>
/// How reductions over a whole layer are cut: partial sum j takes the values j, j + 256, j + 512, ... in this order on every accelerator,
/// and the host adds the 256 partial sums in double. So a reduction repeats bit for bit and is the same for any number of workers.
/// </summary>
internal static class PartialSums
{
    public const int Count = 256;

    public static double Sum(ReadOnlySpan<float> partial)
    {
        double sum = 0;
        foreach (float value in partial)
            sum += value;
        return sum;
    }
}
