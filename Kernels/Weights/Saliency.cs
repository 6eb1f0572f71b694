using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>
/// What a weight is worth, s = |w| (v + floor)^(1/4), where v is the optimizer's second moment, its running mean of squared gradients.
/// Optimal brain damage (LeCun, Denker and Solla 1990) puts the loss of losing a weight at w² h / 2; with v for the curvature h (the
/// diagonal of the empirical Fisher matrix) its root is |w| v^(1/2). s is the geometric mean of that and of the plain magnitude |w|: layers
/// whose weights act on many positions, or on few neurons, keep more of them.
/// </summary>
internal static class Saliency
{
    /// <summary>Added to v: before the first step, when v is zero, s orders weights as their magnitude does.</summary>
    public const float Floor = 1e-12f;

    /// <param name="device">Where it runs.</param>
    /// <param name="weight">A layer's weights.</param>
    /// <param name="secondMoment">Not negative.</param>
    /// <param name="saliency">The result.</param>
    public static Operation Of(ComputeDevice device, ArrayView<float> weight, ArrayView<float> secondMoment, ArrayView<float> saliency)
    {
        Require.Length("saliency", "second moment", secondMoment.Length, weight.Length);
        Require.Length("saliency", "result", saliency.Length, weight.Length);
        return Operation.OfThreads(device, "saliency", 0, new Arguments(weight, secondMoment, saliency), weight.Length);
    }

    public readonly struct Arguments(ArrayView<float> weight, ArrayView<float> secondMoment, ArrayView<float> saliency) : IBody, IThreadBody
    {
        public readonly ArrayView<float> Weight = weight, SecondMoment = secondMoment, Result = saliency;

        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            float* w = Weight.Pointer(), v = SecondMoment.Pointer(), s = Result.Pointer();
            var (first, last) = Operation.Share(Weight.IntLength, worker, workers);
            int i = first;
            for (; i + V.Width <= last; i += V.Width)
            {
                V weight = V.Load(w + i);
                V.Store(V.Max(weight, V.Zero - weight) * V.Sqrt(V.Sqrt(V.Load(v + i) + V.Broadcast(Floor))), s + i);
            }
            for (; i < last; i++)
                s[i] = MathF.Abs(w[i]) * MathF.Sqrt(MathF.Sqrt(v[i] + Floor));
        }

        public void RunThread(int index)
        {
            if (index < Weight.IntLength)
                Result[index] = IntrinsicMath.Abs(Weight[index]) * XMath.Sqrt(XMath.Sqrt(SecondMoment[index] + Floor));
        }
    }

    /// <summary>One plain loop in double.</summary>
    public static double[] Reference(float[] weight, float[] secondMoment) =>
        [.. weight.Zip(secondMoment, (w, v) => Math.Abs(w) * Math.Pow(v + (double)Floor, 0.25))];
}
