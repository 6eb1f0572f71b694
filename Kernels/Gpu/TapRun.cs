using ILGPU;

namespace Secateurs.Kernels;

/// <summary>Five neighbouring weights of a filter's row, which meet 8 neighbouring columns in <see cref="Strip"/>.</summary>
internal readonly struct TapRun(float w0, float w1, float w2, float w3, float w4)
{
    public readonly float W0 = w0, W1 = w1, W2 = w2, W3 = w3, W4 = w4;

    public const int Taps = 5;

    /// <summary>The weights from number <paramref name="at"/> on, or the same ones from the last to the first.</summary>
    public static TapRun Load(ArrayView<float> weight, int at, bool reversed)
    {
        // One address with five constant distances.
        var taps = weight.SubView(at);
        return reversed ? new(taps[4], taps[3], taps[2], taps[1], taps[0]) : new(taps[0], taps[1], taps[2], taps[3], taps[4]);
    }
}
