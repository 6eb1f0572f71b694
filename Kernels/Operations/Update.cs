using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using ILGPU;
using ILGPU.Algorithms;

namespace Secateurs.Kernels;

/// <summary>What becomes of a gradient.</summary>
public enum UpdateRule
{
    /// <summary>It is stored, nothing else.</summary>
    Gradient = 0,

    /// <summary>
    /// m = β1 m + (1-β1) g; v = β2 v + (1-β2) g²; w -= rate m / (√v + ε) (Kingma and Ba 2015, bias corrections folded into rate and ε).
    /// </summary>
    Adam = 1,

    /// <summary>m = μ m + g; w -= rate (g + μ m): Nesterov's (Sutskever et al. 2013, as PyTorch has it).</summary>
    Momentum = 2,
}

/// <summary>
/// An optimizer over a slice of the parameters, applied where the gradient is born: in the last lines of the kernels for
/// weight gradients, so that a gradient never travels through memory.
/// </summary>
/// <remarks>
/// L2 is added to the gradient (g + λw). Under a mask, weight and moments of a pruned weight are exactly zero after every step.
/// Rate, ε and λ of each step lie in <see cref="Rates"/>; <see cref="Step"/> tells which step it is, so a step's arguments never change.
/// </remarks>
internal readonly struct Update
{
    public const float Beta1 = 0.9f, Beta2 = 0.999f;

    /// <summary>Adam's ε, before it is corrected.</summary>
    public const double Epsilon = 1e-8;

    /// <summary>Floats in 64 bytes.</summary>
    private const int CacheLine = 16;

    /// <summary>Floats per step in <see cref="Rates"/>: rate, ε, λ, μ and what <see cref="Dropout"/> tells steps apart by.</summary>
    public const int RatesPerStep = 5;

    /// <summary>Where the rule is <see cref="UpdateRule.Gradient"/>, gradients go.</summary>
    public ArrayView<float> Gradient { get; init; }
    public ArrayView<float> Weight { get; init; }
    public ArrayView<float> FirstMoment { get; init; }
    public ArrayView<float> SecondMoment { get; init; }

    /// <summary>1 = kept, 0 = pruned; read only where <see cref="Masked"/> is 1.</summary>
    public ArrayView<float> Mask { get; init; }

    /// <summary>[steps][5].</summary>
    public ArrayView<float> Rates { get; init; }

    /// <summary>[1]: the step within <see cref="Rates"/>.</summary>
    public ArrayView<int> Step { get; init; }
    public UpdateRule Rule { get; init; }
    public int Masked { get; init; }

    /// <summary>
    /// A step's row of <see cref="Rates"/>. Adam's bias corrections m / (1 - β1^t) and v / (1 - β2^t) are folded in: rate √(1 - β2^t) /
    /// (1 - β1^t) and ε √(1 - β2^t).
    /// </summary>
    /// <param name="rule">The optimizer.</param>
    /// <param name="t">Steps since the moments were zero, this one included.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="decay">λ.</param>
    /// <param name="momentum">μ.</param>
    public static float[] RatesOf(UpdateRule rule, long t, double rate, double decay, double momentum)
    {
        if (rule != UpdateRule.Adam)
            return [(float)rate, 0, (float)decay, (float)momentum, 0];
        double correction = Math.Sqrt(1 - Math.Pow(Beta2, t));
        return [(float)(rate * (correction / (1 - Math.Pow(Beta1, t)))), (float)(Epsilon * correction), (float)decay, 0, 0];
    }

    /// <summary>Moments that an optimizer keeps of each weight.</summary>
    public static int Moments(UpdateRule rule) => rule switch { UpdateRule.Adam => 2, UpdateRule.Momentum => 1, _ => 0 };

    /// <summary>The same update on a part of the slice.</summary>
    public Update Slice(long offset, long length) => this with
    {
        Gradient = Part(Gradient, offset, length),
        Weight = Part(Weight, offset, length),
        FirstMoment = Part(FirstMoment, offset, length),
        SecondMoment = Part(SecondMoment, offset, length),
        Mask = Part(Mask, offset, length),
    };

    /// <summary>Of what the rule has no use for there is nothing.</summary>
    private static ArrayView<float> Part(ArrayView<float> flat, long offset, long length) =>
        flat.Length == 0 ? flat : flat.SubView(offset, length);

    /// <summary>One weight, on any accelerator.</summary>
    public void Apply(int index, float gradient)
    {
        if (Rule == UpdateRule.Gradient)
        {
            Gradient[index] = gradient;
            return;
        }
        int row = Step[0] * RatesPerStep;
        float rate = Rates[row], epsilon = Rates[row + 1], decay = Rates[row + 2];
        float keep = Masked != 0 ? Mask[index] : 1f;
        float w = Weight[index];
        float g = decay * w + gradient;
        float m = FirstMoment[index];
        if (Rule == UpdateRule.Adam)
        {
            m = Beta1 * m + (1 - Beta1) * g;
            float v = Beta2 * SecondMoment[index] + (1 - Beta2) * g * g;
            w -= rate * m / (XMath.Sqrt(v) + epsilon);
            SecondMoment[index] = v * keep;
        }
        else
        {
            float momentum = Rates[row + 3];
            m = momentum * m + g;
            w -= rate * (momentum * m + g);
        }
        FirstMoment[index] = m * keep;
        Weight[index] = w * keep;
    }

    /// <summary>
    /// The weights [index, index + count) of the slice, gradients in <paramref name="gradient"/>: the CPU accelerator's body.
    /// </summary>
    internal unsafe void Apply<V>(int index, float* gradient, int count) where V : unmanaged, ISimd<V>
    {
        int i = 0;
        if (Rule == UpdateRule.Gradient)
        {
            var target = Gradient.Pointer() + index;
            for (; i < count; i++)
                target[i] = gradient[i];
            return;
        }
        // An optimizer of one moment never looks at the second.
        float* weight = Weight.Pointer() + index, first = FirstMoment.Pointer() + index;
        float* second = (SecondMoment.Length > 0 ? SecondMoment : FirstMoment).Pointer() + index;
        float* mask = Masked != 0 ? Mask.Pointer() + index : null;
        var rates = Rates.Pointer() + Step.Pointer()[0] * RatesPerStep;
        for (; i + V.Width <= count; i += V.Width)
            Apply<V>(rates, gradient + i, weight + i, first + i, second + i, mask is null ? null : mask + i);
        if (i == count)
            return;
        // The rest goes through the same instructions in a scratch copy, so that a result does not depend on the width.
        int rest = count - i;
        float* scratch = stackalloc float[5 * V.Width];
        float* g = scratch, w = g + V.Width, m = w + V.Width, v = m + V.Width, keep = v + V.Width;
        for (int j = 0; j < V.Width; j++)
        {
            bool inside = j < rest;
            (g[j], w[j], m[j], v[j]) = inside ? (gradient[i + j], weight[i + j], first[i + j], second[i + j]) : (0f, 0f, 0f, 0f);
            keep[j] = inside && mask is not null ? mask[i + j] : 1f;
        }
        Apply<V>(rates, g, w, m, v, mask is null ? null : keep);
        for (int j = 0; j < rest; j++)
        {
            second[i + j] = v[j];
            (weight[i + j], first[i + j]) = (w[j], m[j]);
        }
    }

    /// <summary>
    /// Asks for what <see cref="Apply{V}(int, float*, int)"/> will read one tile later: three arrays of short rows are more streams than a
    /// processor foresees. An address past the end does no harm.
    /// </summary>
    internal unsafe void Prefetch(int index, int count)
    {
        if (!Sse.IsSupported || Rule == UpdateRule.Gradient)
            return;
        for (int i = 0; i < count; i += CacheLine)
        {
            Sse.Prefetch0(Weight.Pointer() + index + i);
            Sse.Prefetch0(FirstMoment.Pointer() + index + i);
            Sse.Prefetch0(SecondMoment.Pointer() + index + i);
        }
    }

    // Inlined, so that the rule is not asked for and constants are not loaded in a call for each vector.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe void Apply<V>(float* rates, float* gradient, float* weight, float* first, float* second, float* mask)
        where V : unmanaged, ISimd<V>
    {
        V w = V.Load(weight), m = V.Load(first), rate = V.Broadcast(rates[0]);
        V g = V.MultiplyAdd(V.Broadcast(rates[2]), w, V.Load(gradient));
        V keep = mask is null ? V.Zero : V.Load(mask);
        if (Rule == UpdateRule.Adam)
        {
            m = V.MultiplyAdd(V.Broadcast(Beta1), m, V.Broadcast(1 - Beta1) * g);
            V v = V.MultiplyAdd(V.Broadcast(Beta2), V.Load(second), V.Broadcast(1 - Beta2) * g * g);
            w -= rate * m / (V.Sqrt(v) + V.Broadcast(rates[1]));
            V.Store(mask is null ? v : v * keep, second);
        }
        else
        {
            V momentum = V.Broadcast(rates[3]);
            m = V.MultiplyAdd(momentum, m, g);
            w -= rate * V.MultiplyAdd(momentum, m, g);
        }
        V.Store(mask is null ? m : m * keep, first);
        V.Store(mask is null ? w : w * keep, weight);
    }

    /// <summary>
    /// The textbook's formulas for one weight in double, Adam with its bias corrections m / (1 - β1^t) and v / (1 - β2^t) written out
    /// (Kingma and Ba 2015, algorithm 1): what <see cref="Rates"/> fold into rate √(1 - β2^t) / (1 - β1^t) and ε √(1 - β2^t).
    /// </summary>
    /// <param name="rule">Adam or momentum.</param>
    /// <param name="state">The weight and its moments.</param>
    /// <param name="gradient">g, without decay.</param>
    /// <param name="t">Steps, from 1.</param>
    /// <param name="rates">Learning rate, decay and momentum of the step.</param>
    /// <param name="keep">The mask.</param>
    public static (double Weight, double First, double Second) Reference(
        UpdateRule rule, (double Weight, double First, double Second) state, double gradient, int t,
        (double Rate, double Decay, double Momentum) rates, double keep)
    {
        var (weight, first, second) = state;
        var (rate, decay, momentum) = rates;
        double g = gradient + decay * weight;
        if (rule == UpdateRule.Momentum)
        {
            first = momentum * first + g;
            return (keep * (weight - rate * (g + momentum * first)), keep * first, keep * second);
        }
        const double B1 = Beta1, B2 = Beta2;
        first = B1 * first + (1 - B1) * g;
        second = B2 * second + (1 - B2) * g * g;
        double mean = first / (1 - Math.Pow(B1, t)), square = second / (1 - Math.Pow(B2, t));
        return (keep * (weight - rate * mean / (Math.Sqrt(square) + Epsilon)), keep * first, keep * second);
    }
}
