using System.Globalization;
using System.Text.RegularExpressions;

namespace Tests.Ptx;

/// <summary>
/// One instruction: "@!%p1 ld.global.f32 %f1, [%rd2+4]" has guard "%p1", negated, operation "ld", modifiers "global", "f32" and two
/// operands.
/// </summary>
internal sealed record PtxInstruction(string? Guard, bool Negated, string Operation, string[] Modifiers, string[] Operands)
{
    public string Type => Modifiers.LastOrDefault("");

    public override string ToString() => $"{string.Join('.', [Operation, .. Modifiers])} {string.Join(", ", Operands)}";
}

/// <summary>The text of one kernel as ILGPU writes it, taken apart.</summary>
internal sealed partial class PtxText
{
    public PtxText(string text)
    {
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.Trim();
            if (Parameter().Match(line) is { Success: true } parameter)
                (ParameterName, ParameterBytes) =
                    (parameter.Groups[1].Value, int.Parse(parameter.Groups[2].Value, CultureInfo.InvariantCulture));
            else if (Shared().Match(line) is { Success: true } shared)
            {
                SharedStart[shared.Groups[1].Value] = SharedBytes;
                SharedBytes += (int.Parse(shared.Groups[2].Value, CultureInfo.InvariantCulture) + 3) / 4 * 4;
            }
            else if (Label().Match(line) is { Success: true } label)
                Labels[label.Groups[1].Value] = Instructions.Count;
            else if (Instruction().Match(line) is { Success: true } found)
                Instructions.Add(Parse(found));
            else if (line.Length > 0 && !Directive().IsMatch(line))
                throw new NotSupportedException($"PTX line not understood: {line}");
        }
    }

    public List<PtxInstruction> Instructions { get; } = [];

    /// <summary>Number of the instruction that a label stands before.</summary>
    public Dictionary<string, int> Labels { get; } = [];

    /// <summary>Where each array begins in a group's shared memory.</summary>
    public Dictionary<string, int> SharedStart { get; } = [];

    public int SharedBytes { get; private set; }

    public string ParameterName { get; private set; } = "";

    public int ParameterBytes { get; private set; }

    private static PtxInstruction Parse(Match found)
    {
        string[] words = found.Groups["op"].Value.Split('.');
        // A vector's braces hold commas of their own.
        string[] operands =
            [.. OperandPattern().Matches(found.Groups["operands"].Value).Select(m => m.Value.Trim()).Where(o => o.Length > 0)];
        return new(
            found.Groups["guard"].Success ? found.Groups["guard"].Value : null, found.Groups["not"].Value == "!", words[0], words[1..],
            operands);
    }

    [GeneratedRegex(@"^\.param .*\.b8 (\S+)\[(\d+)\]$")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^\.shared \.align 4 \.b8 (\S+)\[(\d+)\];$")]
    private static partial Regex Shared();

    [GeneratedRegex(@"^(L_\d+):$")]
    private static partial Regex Label();

    [GeneratedRegex(@"^(@(?<not>!?)(?<guard>%p\d+)\s+)?(?<op>[a-z][a-z0-9_.]*)\s*(?<operands>[^;]*);$")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|[^,{}\[\]]+")]
    private static partial Regex OperandPattern();

    /// <summary>Comments, braces, and what only declares.</summary>
    [GeneratedRegex(@"^(//|[(){}]|\.version|\.target|\.address_size|\.visible \.entry|\.reg )")]
    private static partial Regex Directive();
}
