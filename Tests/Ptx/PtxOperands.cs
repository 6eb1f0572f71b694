using System.Globalization;
using System.Reflection.Emit;
using System.Text.RegularExpressions;

namespace Tests.Ptx;

/// <summary>What instructions of a kernel's PTX read and write: registers, constants, addresses and parameters, as .NET code.</summary>
/// <param name="il">Of <see cref="PtxCode.Thread"/>.</param>
/// <param name="text">The kernel.</param>
internal sealed partial class PtxOperands(ILGenerator il, PtxText text)
{
    /// <summary>A register has 8 bytes of a thread's own memory.</summary>
    private const int BytesEach = 8;

    private readonly Dictionary<string, int> _registers = [];

    /// <summary>Of all registers of a thread so far.</summary>
    public int RegisterBytes => (_registers.Count + 1) * BytesEach;

    /// <summary>The memory, and the address that "[%rd1+8]" means.</summary>
    public void Address(string operand)
    {
        string[] parts = operand.Trim('[', ']').Split('+');
        il.Emit(OpCodes.Ldarg, PtxCode.Memory);
        Read(parts[0], "b64");
        if (parts.Length > 1)
        {
            il.Emit(OpCodes.Ldc_I8, long.Parse(parts[1], CultureInfo.InvariantCulture));
            il.Emit(OpCodes.Add);
        }
    }

    /// <summary>Where in the parameter "[name+8]" lies.</summary>
    public int ParameterOffset(string operand)
    {
        string[] parts = operand.Trim('[', ']').Split('+');
        return parts[0] != text.ParameterName ? throw new NotSupportedException($"parameter {operand} not understood")
            : parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>The registers of "{%f1,%f2}", or the only one.</summary>
    public static string[] Vector(string operand) => [.. operand.Trim('{', '}').Split(',').Select(r => r.Trim())];

    /// <summary>A register, a special one, a constant or the address of shared memory.</summary>
    public void Read(string operand, string type)
    {
        switch (operand)
        {
            case "%tid.x":
                il.Emit(OpCodes.Ldarg, PtxCode.ThreadIndex);
                break;
            case "%ntid.x":
                il.Emit(OpCodes.Ldarg, PtxCode.Threads);
                break;
            case "%ctaid.x":
                il.Emit(OpCodes.Ldarg, PtxCode.GroupIndex);
                break;
            default:
                if (operand.StartsWith('%'))
                {
                    Register(operand);
                    il.Emit(PtxTypes.Fetch(type));
                }
                else if (text.SharedStart.TryGetValue(operand, out int start))
                    il.Emit(OpCodes.Ldc_I8, (long)start);
                else if (operand.StartsWith("0f", StringComparison.Ordinal))
                {
                    int bits = int.Parse(operand.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                    if (type == "f32")
                        il.Emit(OpCodes.Ldc_R4, BitConverter.Int32BitsToSingle(bits));
                    else
                        il.Emit(OpCodes.Ldc_I4, bits);
                }
                else if (!long.TryParse(operand, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
                    throw new NotSupportedException($"PTX operand not understood: {operand}");
                else if (type is "b64" or "u64" or "s64")
                    il.Emit(OpCodes.Ldc_I8, value);
                else
                    il.Emit(OpCodes.Ldc_I4, (int)value);
                break;
        }
    }

    /// <summary>Into a register.</summary>
    public void Write(string register, string type, Action value)
    {
        Register(register);
        value();
        il.Emit(PtxTypes.Put(type));
    }

    /// <summary>Where a register lies.</summary>
    private void Register(string name)
    {
        if (!RegisterName().IsMatch(name))
            throw new NotSupportedException($"PTX register not understood: {name}");
        if (!_registers.TryGetValue(name, out int index))
            _registers.Add(name, index = _registers.Count);
        il.Emit(OpCodes.Ldarg, PtxCode.Registers);
        Offset(index * BytesEach);
    }

    /// <summary>So many bytes further.</summary>
    public void Offset(int bytes)
    {
        il.Emit(OpCodes.Ldc_I4, bytes);
        il.Emit(OpCodes.Add);
    }

    [GeneratedRegex(@"^%(r|rd|rs|f|p)\d+$")]
    private static partial Regex RegisterName();
}
