using ILGPU;

namespace Kernels.SelfTest;

/// <summary>Updates for tests.</summary>
internal static class Updates
{
    /// <summary>The gradient is stored and nothing else happens.</summary>
    public static Update Storing(ArrayView<float> gradient) => new() { Gradient = gradient, Weight = gradient, Rule = UpdateRule.Gradient };
}
