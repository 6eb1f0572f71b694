using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Activations [block][C][16] as rows of images [N][pitch], for the CPU accelerator's weight gradient of the fully connected layer that
/// reads them.
/// </summary>
internal static class Transpose
{
    /// <summary>Input features that one tile of the weight gradient takes; rows are filled with zeros up to a multiple of it.</summary>
    public const int Columns = 2 * Layout.Lanes;

    /// <summary>Floats from one image to the next.</summary>
    public static int Pitch(int features) => (features + Columns - 1) / Columns * Columns;

    /// <summary>target[n][c] = source(n, c); the fill is left as it was, zero from the allocation.</summary>
    public static Operation Of(ComputeDevice device, string name, Tensor source, ArrayView<float> target)
    {
        Require.Length(name, "target", target.Length, (long)source.Blocks * Layout.Lanes * Pitch(source.Shape.Features));
        return Operation.OnHost(device, name, 0, new Arguments(source, target));
    }

    public readonly struct Arguments(Tensor source, ArrayView<float> target) : IBody
    {
        public readonly Tensor Source = source;
        public readonly ArrayView<float> Target = target;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            int features = Source.Shape.Features, pitch = Pitch(features);
            float* source = Source.Pointer, target = Target.Pointer();
            int strips = (features + Layout.Lanes - 1) / Layout.Lanes;
            var (first, last) = Operation.Share(Source.Blocks * strips, worker, workers);
            for (int item = first; item < last; item++)
            {
                int block = item / strips, from = item % strips * Layout.Lanes;
                FloatSquare.Turn(
                    source + ((nint)block * features + from) * Layout.Lanes, Layout.Lanes, Math.Min(Layout.Lanes, features - from),
                    target + (nint)block * Layout.Lanes * pitch + from, pitch);
            }
        }
    }
}
