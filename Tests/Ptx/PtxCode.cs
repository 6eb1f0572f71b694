using System.Reflection.Emit;

namespace Tests.Ptx;

/// <summary>
/// A kernel's PTX as .NET code, which one thread runs from its start or from a barrier up to the next barrier or the end.
/// </summary>
internal sealed unsafe class PtxCode
{
    /// <summary>What a thread's run gives when the kernel has ended; else the number of the barrier it has come to, from 1.</summary>
    public const int Ended = 0;

    /// <param name="from">0 for the start, else a barrier's number.</param>
    /// <param name="registers"><see cref="RegisterBytesPerThread"/> bytes, which the thread keeps.</param>
    /// <param name="arguments">The parameter's bytes.</param>
    /// <param name="thread">Number in the group.</param>
    /// <param name="threads">Of a group.</param>
    /// <param name="group">Number in the grid.</param>
    /// <param name="memory">Checks what is loaded and stored.</param>
    public delegate int Thread(int from, byte* registers, byte* arguments, int thread, int threads, int group, PtxMemory memory);

    /// <summary>Numbers of <see cref="Thread"/>'s parameters.</summary>
    public const int From = 0, Registers = 1, Arguments = 2, ThreadIndex = 3, Threads = 4, GroupIndex = 5, Memory = 6;

    private readonly PtxOperands _operands;
    private readonly ILGenerator _il;

    /// <param name="text">The kernel.</param>
    /// <param name="counted">Whether each instruction is counted, see <see cref="PtxMemory.Count"/>.</param>
    public PtxCode(PtxText text, bool counted = false)
    {
        Text = text;
        var method = new DynamicMethod(
            "Thread", typeof(int), [typeof(int), typeof(byte*), typeof(byte*), typeof(int), typeof(int), typeof(int), typeof(PtxMemory)],
            typeof(PtxCode).Module, true);
        _il = method.GetILGenerator();
        _operands = new PtxOperands(_il, text);
        var labels = text.Labels.ToDictionary(l => l.Key, _ => _il.DefineLabel());
        var starts = labels.ToLookup(l => text.Labels[l.Key], l => l.Value);
        Label[] barriers = [.. Enumerable.Range(0, text.Instructions.Count(i => i.Operation == "bar") + 1).Select(_ => _il.DefineLabel())];
        _il.Emit(OpCodes.Ldarg, From);
        _il.Emit(OpCodes.Switch, barriers);
        _il.MarkLabel(barriers[0]);
        int barrier = 0;
        for (int i = 0; i < text.Instructions.Count; i++)
        {
            foreach (var label in starts[i])
                _il.MarkLabel(label);
            var instruction = text.Instructions[i];
            if (counted)
            {
                _il.Emit(OpCodes.Ldarg, Memory);
                _il.Emit(OpCodes.Ldc_I4, i);
                _il.Emit(OpCodes.Call, typeof(PtxMemory).GetMethod(nameof(PtxMemory.Count))!);
            }
            if (instruction.Operation == "bar")
            {
                Require(instruction, instruction is { Guard: null, Modifiers: ["sync"], Operands: ["0"] });
                _il.Emit(OpCodes.Ldc_I4, ++barrier);
                _il.Emit(OpCodes.Ret);
                _il.MarkLabel(barriers[barrier]);
            }
            else
                Emit(instruction, labels);
        }
        foreach (var label in starts[text.Instructions.Count])
            _il.MarkLabel(label);
        _il.Emit(OpCodes.Ldc_I4, Ended);
        _il.Emit(OpCodes.Ret);
        Run = method.CreateDelegate<Thread>();
    }

    public PtxText Text { get; }

    public Thread Run { get; }

    public int RegisterBytesPerThread => _operands.RegisterBytes;

    private void Emit(PtxInstruction i, Dictionary<string, Label> labels)
    {
        var skip = _il.DefineLabel();
        if (i.Guard is { } guard)
        {
            _operands.Read(guard, "pred");
            _il.Emit(i.Negated ? OpCodes.Brtrue : OpCodes.Brfalse, skip);
        }
        switch (i.Operation)
        {
            case "bra":
                _il.Emit(OpCodes.Ldarg, Memory);
                _il.Emit(OpCodes.Call, typeof(PtxMemory).GetMethod(nameof(PtxMemory.Branch))!);
                _il.Emit(OpCodes.Br, labels[i.Operands[0]]);
                break;
            case "ret":
                _il.Emit(OpCodes.Ldc_I4, Ended);
                _il.Emit(OpCodes.Ret);
                break;
            case "ld":
                Load(i);
                break;
            case "st":
                Store(i);
                break;
            case "red":
                // One thread runs at a time.
                Require(i, i.Modifiers is ["add", "global", "u32"]);
                _operands.Address(i.Operands[0]);
                _operands.Read(i.Operands[1], i.Type);
                Call(nameof(PtxFunctions.Add));
                break;
            default:
                _operands.Write(i.Operands[0], ResultType(i), () => Compute(i));
                break;
        }
        _il.MarkLabel(skip);
    }

    private static string ResultType(PtxInstruction i) => i.Operation switch
    {
        "setp" => "pred",
        "mul" when i.Modifiers[0] == "wide" => "b64",
        "cvt" => i.Modifiers[^2],
        _ => i.Type,
    };

    private void Compute(PtxInstruction i)
    {
        string type = i.Type;
        string[] o = i.Operands;
        switch (i.Operation)
        {
            case "mov" or "cvta":
                _operands.Read(o[1], type);
                break;
            case "selp":
                Label other = _il.DefineLabel(), end = _il.DefineLabel();
                _operands.Read(o[3], "pred");
                _il.Emit(OpCodes.Brfalse, other);
                _operands.Read(o[1], type);
                _il.Emit(OpCodes.Br, end);
                _il.MarkLabel(other);
                _operands.Read(o[2], type);
                _il.MarkLabel(end);
                break;
            case "setp":
                Require(i, i.Modifiers.Length == 2);
                _operands.Read(o[1], type);
                _operands.Read(o[2], type);
                Compare(i.Modifiers[0], type);
                break;
            case "mul" when i.Modifiers[0] == "wide":
                Require(i, type == "u32");
                _operands.Read(o[1], type);
                _il.Emit(OpCodes.Conv_U8);
                _operands.Read(o[2], type);
                _il.Emit(OpCodes.Conv_U8);
                _il.Emit(OpCodes.Mul);
                break;
            case "cvt":
                _operands.Read(o[1], type);
                Convert(i);
                break;
            default:
                foreach (string operand in o[1..])
                    _operands.Read(operand, i.Operation is "shl" or "shr" && operand == o[2] ? "u32" : type);
                if (Simple(i) is { } code)
                    _il.Emit(code);
                else
                    Call(PtxFunctions.Of(i));
                break;
        }
    }

    private static OpCode? Simple(PtxInstruction i) => (i.Operation, i.Modifiers) switch
    {
        ("add", [_]) => OpCodes.Add,
        ("sub", [_]) => OpCodes.Sub,
        ("mul", ["lo", _] or ["f32"]) => OpCodes.Mul,
        ("and", _) => OpCodes.And,
        ("or", _) => OpCodes.Or,
        ("xor", _) => OpCodes.Xor,
        ("neg", _) => OpCodes.Neg,
        _ => null,
    };

    private void Compare(string how, string type)
    {
        bool isFloat = type == "f32", unsigned = type.StartsWith('u');
        // eq, lt, gt and their opposites; a float comparison with u after it is also true for NaN.
        (OpCode code, bool negated) = how switch
        {
            "eq" => (OpCodes.Ceq, false),
            "ne" or "neu" => (OpCodes.Ceq, true),
            "lt" => (unsigned ? OpCodes.Clt_Un : OpCodes.Clt, false),
            "gt" => (unsigned ? OpCodes.Cgt_Un : OpCodes.Cgt, false),
            "ge" => (unsigned || isFloat ? OpCodes.Clt_Un : OpCodes.Clt, true),
            "le" => (unsigned || isFloat ? OpCodes.Cgt_Un : OpCodes.Cgt, true),
            "ltu" => (OpCodes.Clt_Un, false),
            "gtu" => (OpCodes.Cgt_Un, false),
            "geu" => (OpCodes.Clt, true),
            "leu" => (OpCodes.Cgt, true),
            _ => throw new NotSupportedException($"setp.{how} not understood"),
        };
        if (how == "ne" && isFloat)
            throw new NotSupportedException("setp.ne.f32 not understood");
        _il.Emit(code);
        if (negated)
        {
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Ceq);
        }
    }

    private void Convert(PtxInstruction i)
    {
        switch (string.Join('.', i.Modifiers))
        {
            case "s32.s64":
                _il.Emit(OpCodes.Conv_I4);
                break;
            case "s64.s32":
                _il.Emit(OpCodes.Conv_I8);
                break;
            case "s32.u8":
                _il.Emit(OpCodes.Conv_U1);
                break;
            case "rn.f32.s32":
                _il.Emit(OpCodes.Conv_R4);
                break;
            case "rzi.s32.f32":
                Call(nameof(PtxFunctions.Truncate));
                break;
            case "rn.f32.u32":
                _il.Emit(OpCodes.Conv_R_Un);
                _il.Emit(OpCodes.Conv_R4);
                break;
            default:
                throw NotUnderstood(i);
        }
    }

    private void Load(PtxInstruction i)
    {
        if (i.Modifiers[0] == "param")
        {
            Require(i, i.Modifiers.Length == 2 && i.Type != "b8");
            _operands.Write(i.Operands[0], i.Type, () =>
            {
                _il.Emit(OpCodes.Ldarg, Arguments);
                _operands.Offset(_operands.ParameterOffset(i.Operands[1]));
                _il.Emit(PtxTypes.Fetch(i.Type));
            });
            return;
        }
        Checked(i, i.Operands[1], write: false);
        var address = _il.DeclareLocal(typeof(long));
        _il.Emit(OpCodes.Stloc, address);
        string[] targets = PtxOperands.Vector(i.Operands[0]);
        for (int n = 0; n < targets.Length; n++)
        {
            int offset = n * PtxTypes.Size(i.Type);
            _operands.Write(targets[n], i.Type == "b8" ? "b16" : i.Type, () =>
            {
                _il.Emit(OpCodes.Ldloc, address);
                _il.Emit(OpCodes.Conv_U);
                _operands.Offset(offset);
                _il.Emit(PtxTypes.Fetch(i.Type));
            });
        }
    }

    private void Store(PtxInstruction i)
    {
        Require(i, i.Type != "b8");
        Checked(i, i.Operands[0], write: true);
        var address = _il.DeclareLocal(typeof(long));
        _il.Emit(OpCodes.Stloc, address);
        string[] sources = PtxOperands.Vector(i.Operands[1]);
        for (int n = 0; n < sources.Length; n++)
        {
            _il.Emit(OpCodes.Ldloc, address);
            _il.Emit(OpCodes.Conv_U);
            _operands.Offset(n * PtxTypes.Size(i.Type));
            _operands.Read(sources[n], i.Type);
            _il.Emit(PtxTypes.Put(i.Type));
        }
    }

    /// <summary>The address of a load or store, once it has been found in order.</summary>
    private void Checked(PtxInstruction i, string operand, bool write)
    {
        int count = i.Modifiers.Contains("v4") ? 4 : 1;
        Require(i, i.Modifiers[0] is "global" or "shared" && (i.Modifiers.Length == 2 || count == 4));
        _operands.Address(operand);
        _il.Emit(OpCodes.Ldc_I4, PtxTypes.Size(i.Type) * count);
        _il.Emit(write ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        _il.Emit(
            OpCodes.Call, typeof(PtxMemory).GetMethod(i.Modifiers[0] == "global" ? nameof(PtxMemory.Global) : nameof(PtxMemory.Shared))!);
    }

    private void Call(string function)
    {
        var method = typeof(PtxFunctions).GetMethod(function)!;
        _il.Emit(OpCodes.Call, method);
    }

    private static void Require(PtxInstruction i, bool understood)
    {
        if (!understood)
            throw NotUnderstood(i);
    }

    private static NotSupportedException NotUnderstood(PtxInstruction i) => new($"PTX instruction not understood: {i}");
}
