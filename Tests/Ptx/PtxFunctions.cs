namespace Tests.Ptx;

/// <summary>What PTX's instructions compute where .NET has none like them.</summary>
internal static unsafe class PtxFunctions
{
    /// <summary>The name of an instruction's function.</summary>
    /// <exception cref="NotSupportedException">There is none.</exception>
    public static string Of(PtxInstruction i) => (i.Operation, string.Join('.', i.Modifiers)) switch
    {
        ("shl", "b32") => nameof(ShiftLeft),
        ("shr", "s32") => nameof(ShiftRight),
        ("shr", "u32") => nameof(ShiftRightUnsigned),
        ("min", "s32") => nameof(Min),
        ("max", "s32") => nameof(Max),
        ("div", "s32") => nameof(Divide),
        ("div", "u32") => nameof(DivideUnsigned),
        ("rem", "s32") => nameof(Remainder),
        ("max", "f32") => nameof(MaxFloat),
        ("abs", "f32") => nameof(Abs),
        ("div", "rn.f32") => nameof(DivideFloat),
        ("rcp", "rn.f32") => nameof(Reciprocal),
        ("sqrt", "rn.f32") => nameof(Sqrt),
        ("ex2", "approx.f32") => nameof(Exp2),
        ("lg2", "approx.f32") => nameof(Log2),
        _ => throw new NotSupportedException($"PTX instruction not understood: {i}"),
    };

    public static int ShiftLeft(int a, int by) => (uint)by > 31 ? 0 : a << by;
    public static int ShiftRight(int a, int by) => a >> (int)Math.Min((uint)by, 31);
    public static int ShiftRightUnsigned(int a, int by) => (uint)by > 31 ? 0 : (int)((uint)a >> by);
    public static int Min(int a, int b) => Math.Min(a, b);
    public static int Max(int a, int b) => Math.Max(a, b);

    // A GPU divides by zero without complaint; what it gives is of no use.
    public static int Divide(int a, int b) => b == 0 ? -1 : b == -1 ? -a : a / b;
    public static int Remainder(int a, int b) => b == 0 ? a : b == -1 ? 0 : a % b;
    public static int DivideUnsigned(int a, int b) => b == 0 ? -1 : (int)((uint)a / (uint)b);
    public static float MaxFloat(float a, float b) => float.IsNaN(a) ? b : float.IsNaN(b) ? a : Math.Max(a, b);
    public static float Abs(float a) => Math.Abs(a);
    public static float DivideFloat(float a, float b) => a / b;
    public static float Reciprocal(float a) => 1 / a;

    // Towards zero; what does not fit is cut to the nearest number that does, and NaN is 0, as .NET does it too.
    public static int Truncate(float a) => (int)a;
    public static float Sqrt(float a) => MathF.Sqrt(a);
    public static float Exp2(float a) => (float)Math.Pow(2, a);
    public static float Log2(float a) => (float)Math.Log2(a);
    public static void Add(PtxMemory memory, long address, int value) => *(int*)memory.Atomic(address, sizeof(int)) += value;
}
