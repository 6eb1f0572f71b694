using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Secateurs.Kernels;

/// <summary>
/// A register of floats. Every SIMD body of the project is written once against this interface and compiled by the JIT for
/// 512, 256 and 128 bits; a struct type argument makes each call a single instruction.
/// </summary>
/// <remarks>A fused multiply-add is used where the processor has one, so last bits may differ between processors; on one
/// processor all widths give the same bits, because no body sums across lanes in an order that depends on the width.</remarks>
internal unsafe interface ISimd<T> where T : unmanaged, ISimd<T>
{
    /// <summary>Floats per register.</summary>
    static abstract int Width { get; }

    /// <summary>Whether there are registers for a tile of 8 rows by 2 vectors (32 of them), or for 4 by 2 only (16).</summary>
    static abstract bool ManyRegisters { get; }

    static abstract T Zero { get; }
    static abstract T Broadcast(float value);
    static abstract T Load(float* source);
    static abstract void Store(T value, float* target);

    /// <summary>a * b + c.</summary>
    static abstract T MultiplyAdd(T a, T b, T c);

    static abstract T operator +(T a, T b);
    static abstract T operator -(T a, T b);
    static abstract T operator *(T a, T b);
    static abstract T operator /(T a, T b);
    /// <summary>The larger one; b where either is NaN, so max(0, x) keeps a NaN of x.</summary>
    static abstract T Max(T a, T b);
    static abstract T Sqrt(T a);

    /// <summary>value where condition &gt; 0, else 0.</summary>
    static abstract T WherePositive(T condition, T value);

    /// <summary>value where a == b, else 0.</summary>
    static abstract T WhereEqual(T a, T b, T value);

    /// <summary>value where a != b, else 0.</summary>
    static abstract T WhereNotEqual(T a, T b, T value);
}

/// <summary>Picks the widest register of this processor.</summary>
internal static class Simd
{
    /// <summary>Bits per register: 512 with AVX-512, 256 with AVX2, else 128 (SSE, NEON).</summary>
    public static int Bits { get; } = Avx512F.IsSupported ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
}

/// <summary>16 floats (AVX-512).</summary>
internal readonly unsafe struct Simd512(Vector512<float> value) : ISimd<Simd512>
{
    private readonly Vector512<float> _v = value;

    public static int Width => 16;
    public static bool ManyRegisters => true;
    public static Simd512 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector512<float>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Broadcast(float value) => new(Vector512.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Load(float* source) => new(Vector512.Load(source));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd512 value, float* target) => value._v.Store(target);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 MultiplyAdd(Simd512 a, Simd512 b, Simd512 c) => new(Vector512.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator +(Simd512 a, Simd512 b) => new(a._v + b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator -(Simd512 a, Simd512 b) => new(a._v - b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator *(Simd512 a, Simd512 b) => new(a._v * b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator /(Simd512 a, Simd512 b) => new(a._v / b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Max(Simd512 a, Simd512 b) => new(Vector512.MaxNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Sqrt(Simd512 a) => new(Vector512.Sqrt(a._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 WherePositive(Simd512 condition, Simd512 value) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(condition._v, Vector512<float>.Zero), value._v, Vector512<float>.Zero));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 WhereEqual(Simd512 a, Simd512 b, Simd512 value) =>
        new(Vector512.ConditionalSelect(Vector512.Equals(a._v, b._v), value._v, Vector512<float>.Zero));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 WhereNotEqual(Simd512 a, Simd512 b, Simd512 value) =>
        new(Vector512.ConditionalSelect(Vector512.Equals(a._v, b._v), Vector512<float>.Zero, value._v));
}

/// <summary>8 floats (AVX2).</summary>
internal readonly unsafe struct Simd256(Vector256<float> value) : ISimd<Simd256>
{
    private readonly Vector256<float> _v = value;

    public static int Width => 8;
    public static bool ManyRegisters => false;
    public static Simd256 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector256<float>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Broadcast(float value) => new(Vector256.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Load(float* source) => new(Vector256.Load(source));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd256 value, float* target) => value._v.Store(target);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 MultiplyAdd(Simd256 a, Simd256 b, Simd256 c) => new(Vector256.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator +(Simd256 a, Simd256 b) => new(a._v + b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator -(Simd256 a, Simd256 b) => new(a._v - b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator *(Simd256 a, Simd256 b) => new(a._v * b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator /(Simd256 a, Simd256 b) => new(a._v / b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Max(Simd256 a, Simd256 b) => new(Vector256.MaxNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Sqrt(Simd256 a) => new(Vector256.Sqrt(a._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 WherePositive(Simd256 condition, Simd256 value) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(condition._v, Vector256<float>.Zero), value._v, Vector256<float>.Zero));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 WhereEqual(Simd256 a, Simd256 b, Simd256 value) =>
        new(Vector256.ConditionalSelect(Vector256.Equals(a._v, b._v), value._v, Vector256<float>.Zero));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 WhereNotEqual(Simd256 a, Simd256 b, Simd256 value) =>
        new(Vector256.ConditionalSelect(Vector256.Equals(a._v, b._v), Vector256<float>.Zero, value._v));
}

/// <summary>4 floats (SSE, NEON).</summary>
internal readonly unsafe struct Simd128(Vector128<float> value) : ISimd<Simd128>
{
    private readonly Vector128<float> _v = value;

    public static int Width => 4;
    public static bool ManyRegisters => false;
    public static Simd128 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector128<float>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Broadcast(float value) => new(Vector128.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Load(float* source) => new(Vector128.Load(source));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Simd128 value, float* target) => value._v.Store(target);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 MultiplyAdd(Simd128 a, Simd128 b, Simd128 c) => new(Vector128.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator +(Simd128 a, Simd128 b) => new(a._v + b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator -(Simd128 a, Simd128 b) => new(a._v - b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator *(Simd128 a, Simd128 b) => new(a._v * b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator /(Simd128 a, Simd128 b) => new(a._v / b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Max(Simd128 a, Simd128 b) => new(Vector128.MaxNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Sqrt(Simd128 a) => new(Vector128.Sqrt(a._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 WherePositive(Simd128 condition, Simd128 value) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(condition._v, Vector128<float>.Zero), value._v, Vector128<float>.Zero));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 WhereEqual(Simd128 a, Simd128 b, Simd128 value) =>
        new(Vector128.ConditionalSelect(Vector128.Equals(a._v, b._v), value._v, Vector128<float>.Zero));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 WhereNotEqual(Simd128 a, Simd128 b, Simd128 value) =>
        new(Vector128.ConditionalSelect(Vector128.Equals(a._v, b._v), Vector128<float>.Zero, value._v));
}
