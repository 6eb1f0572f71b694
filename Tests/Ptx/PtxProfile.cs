namespace Tests.Ptx;

/// <summary>
/// What a kernel's groups ask of a GPU, counted as a warp of 32 threads does it: a stand-in for a profiler where there is no GPU. It says
/// how much there is to do, not how long it takes.
/// </summary>
internal sealed class PtxProfile(PtxText text, int threads)
{
    private const int Warp = 32, SectorBytes = 32, LineBytes = 128, Banks = 32, WordBytes = 4;

    private readonly double[] _weights = [.. text.Instructions.Select(Weight)];
    private readonly Dictionary<int, int>[] _counts = [.. Enumerable.Range(0, threads).Select(_ => new Dictionary<int, int>())];
    private readonly Dictionary<(int Warp, int Instruction, int Turn), List<(int Thread, long Address, int Bytes)>> _accesses = [];
    private readonly int[] _last = new int[threads];

    public int Groups { get; private set; }

    /// <summary>Instructions that warps issue. ptxas joins a product with the sum it goes into, and drops moves.</summary>
    public double Instructions { get; private set; }

    /// <summary>Sums of floats among them, nearly all of which are products added.</summary>
    public double Additions { get; private set; }

    /// <summary>Cycles of 128 bytes that loads and stores of device memory need in the first cache.</summary>
    public double Wavefronts { get; private set; }

    /// <summary>The same in shared memory, one after the other where a bank is asked twice.</summary>
    public double SharedWavefronts { get; private set; }

    /// <summary>Bytes that a group asks of the second cache if the first keeps what it has been given once.</summary>
    public double Bytes { get; private set; }

    /// <summary>Most instructions of one thread.</summary>
    public double LongestThread { get; private set; }

    public void Count(int thread, int instruction)
    {
        _last[thread] = instruction;
        _counts[thread][instruction] = _counts[thread].GetValueOrDefault(instruction) + 1;
    }

    public void Access(int thread, long address, int bytes)
    {
        var key = (thread / Warp, _last[thread], _counts[thread][_last[thread]]);
        if (!_accesses.TryGetValue(key, out var list))
            _accesses.Add(key, list = []);
        list.Add((thread, address, bytes));
    }

    public void EndGroup()
    {
        Groups++;
        foreach (var warp in _counts.Chunk(Warp))
        {
            foreach (var instruction in warp.SelectMany(c => c).GroupBy(c => c.Key))
            {
                int issued = instruction.Max(c => c.Value);
                Instructions += issued * _weights[instruction.Key];
                Additions += text.Instructions[instruction.Key] is { Operation: "add", Type: "f32" } ? issued : 0;
            }
            LongestThread = Math.Max(LongestThread, warp.Max(c => c.Sum(i => i.Value * _weights[i.Key])));
        }
        var sectors = new HashSet<long>();
        foreach (var (key, accesses) in _accesses)
        {
            // 16 bytes a thread go in four parts of 8 threads.
            int bytes = accesses[0].Bytes, part = Math.Min(Warp, LineBytes / Math.Min(bytes, LineBytes));
            var parts = accesses.GroupBy(a => a.Thread % Warp / part);
            if (text.Instructions[key.Instruction].Modifiers[0] == "shared")
            {
                SharedWavefronts += parts.Sum(
                    p => p.SelectMany(a => Enumerable.Range(0, bytes / WordBytes).Select(i => a.Address / WordBytes + i))
                        .Distinct().CountBy(a => a % Banks).Max(b => b.Value));
                continue;
            }
            // Two lines are looked up in a cycle.
            Wavefronts += parts.Sum(p => Math.Max(1, p.Select(a => a.Address / LineBytes).Distinct().Count() / 2.0));
            sectors.UnionWith(accesses.Select(a => a.Address / SectorBytes));
        }
        Bytes += sectors.Count * SectorBytes;
        foreach (var counts in _counts)
            counts.Clear();
        _accesses.Clear();
    }

    /// <summary>Instructions that one of PTX becomes, as seen in what ptxas 12.4 makes for sm_90; where it depends, about.</summary>
    private static double Weight(PtxInstruction i) => (i.Operation, i.Type) switch
    {
        ("mov" or "cvta" or "bar", _) => 0,
        ("ld", _) when i.Modifiers[0] == "param" => 0,
        ("mul", "f32") or ("mul", "u32") => 0,
        // What ILGPU does to the distance of a shift.
        ("and", "b32") when i.Operands[2] == "31" => 0,
        ("div" or "rem", "s32" or "u32") => i.Operands[2].StartsWith('%') ? i.Type == "u32" ? 14 : 20 : 4,
        ("div" or "sqrt" or "rcp", "f32") => 8,
        _ => 1,
    };
}
