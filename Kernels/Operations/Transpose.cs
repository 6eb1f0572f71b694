using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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
                int block = item / strips, from = item % strips * Layout.Lanes, to = Math.Min(features, from + Layout.Lanes);
                float* columns = source + (nint)block * features * Layout.Lanes, rows = target + (nint)block * Layout.Lanes * pitch;
                for (; Sse.IsSupported && from + Square <= to; from += Square)
                    for (int lane = 0; lane < Layout.Lanes; lane += Square)
                        Turn(columns + from * Layout.Lanes + lane, rows + (nint)lane * pitch + from, pitch);
                for (int lane = 0; lane < Layout.Lanes; lane++)
                    for (int c = from; c < to; c++)
                        rows[(nint)lane * pitch + c] = columns[c * Layout.Lanes + lane];
            }
        }

        private const int Square = 4;

        /// <summary>4 features of 4 images, in registers.</summary>
        private static unsafe void Turn(float* columns, float* rows, nint pitch)
        {
            Vector128<float> a = Vector128.Load(columns), b = Vector128.Load(columns + Layout.Lanes);
            Vector128<float> c = Vector128.Load(columns + 2 * Layout.Lanes), d = Vector128.Load(columns + 3 * Layout.Lanes);
            Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d), abHigh = Sse.UnpackHigh(a, b);
            Vector128<float> cdHigh = Sse.UnpackHigh(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(rows);
            Sse.MoveHighToLow(cd, ab).Store(rows + pitch);
            Sse.MoveLowToHigh(abHigh, cdHigh).Store(rows + 2 * pitch);
            Sse.MoveHighToLow(cdHigh, abHigh).Store(rows + 3 * pitch);
        }
    }
}
