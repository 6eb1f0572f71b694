using ILGPU;

namespace Secateurs.Kernels;

/// <summary>A layer as it stands on the host, from which <see cref="OneImage"/> packs its live weights.</summary>
/// <param name="Weight">[K][C R S].</param>
/// <param name="Mask">The same, 1 = live.</param>
/// <param name="Bias">[K], on the device.</param>
internal sealed record LayerWeights(float[] Weight, float[] Mask, ArrayView<float> Bias)
{
    /// <summary>Refuses other lengths than K and those of so many weights for each.</summary>
    public void Check(string name, int outputs, int inputs)
    {
        Require.Length(name, "weight", Weight.Length, (long)outputs * inputs);
        Require.Length(name, "mask", Mask.Length, (long)outputs * inputs);
        Require.Length(name, "bias", Bias.Length, outputs);
    }
}
