using System.Reflection.Emit;

namespace Tests.Ptx;

/// <summary>PTX's types, as .NET's instructions handle them.</summary>
internal static class PtxTypes
{
    /// <summary>Bytes in memory.</summary>
    public static int Size(string type) => type switch
    {
        "b8" => 1,
        "b32" or "u32" or "s32" or "f32" => 4,
        "b64" or "u64" or "s64" => 8,
        _ => throw NotUnderstood(type),
    };

    /// <summary>Loads one from an address.</summary>
    public static OpCode Fetch(string type) => type switch
    {
        "b8" => OpCodes.Ldind_U1,
        "f32" => OpCodes.Ldind_R4,
        "b32" or "u32" or "s32" or "u8" or "pred" => OpCodes.Ldind_I4,
        "b64" or "u64" or "s64" => OpCodes.Ldind_I8,
        _ => throw NotUnderstood(type),
    };

    /// <summary>Stores one to a register or to memory; a byte and a predicate have four bytes of a register.</summary>
    public static OpCode Put(string type) => type switch
    {
        "f32" => OpCodes.Stind_R4,
        "b16" or "b32" or "u32" or "s32" or "pred" => OpCodes.Stind_I4,
        "b64" or "u64" or "s64" => OpCodes.Stind_I8,
        _ => throw NotUnderstood(type),
    };

    private static NotSupportedException NotUnderstood(string type) => new($"PTX type not understood: {type}");
}
