namespace Secateurs.Kernels;

/// <summary>Of small maps much is padding: which taps meet pixels. Zeros that are left out change no bit of a sum.</summary>
internal static class Padding
{
    /// <summary>Whether leaving it out is worth the trouble.</summary>
    public static bool Matters(TensorShape x, FilterShape filter, TensorShape y) =>
        x.Padding > filter.Inset && y.Height * y.Width <= Tuning.PaddingMattersPlaces;

    /// <summary>The taps by which an output meets pixels, along one direction: first, and behind the last.</summary>
    public static (int First, int End) Taps(int output, int padding, int stride, int extent, int taps)
    {
        int start = output * stride - padding, end = Math.Clamp(extent - start, 0, taps);
        return (Math.Clamp(-start, 0, end), end);
    }

    /// <summary>The outputs that meet pixels by a tap, along one direction: first, and behind the last.</summary>
    public static (int First, int End) Outputs(int tap, int padding, int stride, int extent, int outputs)
    {
        int end = Math.Clamp((extent - 1 + padding - tap + stride) / stride, 0, outputs);
        return (Math.Clamp((padding - tap + stride - 1) / stride, 0, end), end);
    }
}
