namespace Tests.Ptx;

/// <summary>What a kernel did that a GPU would not forgive.</summary>
public sealed class PtxFaultException : Exception
{
    public PtxFaultException() { }

    public PtxFaultException(string message) : base(message) { }

    public PtxFaultException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>
/// The memory of a launch: what its arguments' views span, and a group's shared memory. Every access is checked: inside one of the views
/// (which one is not known, and views that touch count as one), at a multiple of its size, shared memory written before it is read, and no
/// two threads at the same four bytes, one of them writing, without a barrier between them; between groups there is none.
/// </summary>
internal sealed unsafe class PtxMemory
{
    private const int Word = 4;

    /// <summary>Branches of a thread between two barriers at most: more is a loop without end.</summary>
    private const int MostBranches = 1 << 24;

    private readonly long[] _starts, _ends;
    private readonly Touch[][] _writers, _readers;
    private readonly Touch[] _sharedWriters, _sharedReaders;
    private readonly byte* _shared;
    private readonly int _sharedBytes;
    private readonly PtxProfile? _profile;
    private int _group, _round, _thread, _last, _branches;

    /// <param name="views">First byte and length of each.</param>
    /// <param name="shared">A group's shared memory.</param>
    /// <param name="sharedBytes">How much.</param>
    /// <param name="profile">Is told what each thread does, or null.</param>
    public PtxMemory(IEnumerable<(long Start, long Length)> views, byte* shared, int sharedBytes, PtxProfile? profile = null)
    {
        _profile = profile;
        var merged = new List<(long Start, long End)>();
        foreach (var (start, length) in views.Where(v => v.Length > 0).Order())
            if (merged.Count > 0 && start <= merged[^1].End)
                merged[^1] = (merged[^1].Start, Math.Max(merged[^1].End, start + length));
            else
                merged.Add((start, start + length));
        _starts = [.. merged.Select(m => m.Start)];
        _ends = [.. merged.Select(m => m.End)];
        _writers = [.. merged.Select(m => new Touch[(m.End - m.Start) / Word + 1])];
        _readers = [.. merged.Select(m => new Touch[(m.End - m.Start) / Word + 1])];
        _shared = shared;
        _sharedBytes = sharedBytes;
        _sharedWriters = new Touch[sharedBytes / Word + 1];
        _sharedReaders = new Touch[sharedBytes / Word + 1];
    }

    /// <summary>From here on it is this group's turn, from its start.</summary>
    public void BeginGroup(int group)
    {
        (_group, _round) = (group, 0);
        Array.Clear(_sharedWriters);
        Array.Clear(_sharedReaders);
    }

    /// <summary>From here on it is this thread's turn, after so many barriers.</summary>
    public void BeginThread(int round, int thread) => (_round, _thread, _branches) = (round, thread, 0);

    public void Branch()
    {
        if (++_branches > MostBranches)
            throw new PtxFaultException($"group {_group}, thread {_thread}, round {_round}: {MostBranches} branches, and no end");
    }

    /// <summary>Counts an instruction.</summary>
    public void Count(int instruction) => _profile!.Count(_thread, instruction);

    /// <summary>Checks an access to device memory.</summary>
    public long Global(long address, int bytes, bool write)
    {
        _profile?.Access(_thread, address, bytes);
        if (_starts.Length == 0 || address < _starts[_last] || address + bytes > _ends[_last])
            _last = Find(address, bytes, write);
        if (address % bytes != 0)
            throw Fault(write, $"address {address:x} is no multiple of {bytes}");
        long first = address - _starts[_last];
        for (long word = first / Word; word <= (first + bytes - 1) / Word; word++)
            Check(ref _writers[_last][word], ref _readers[_last][word], write, $"byte {first} of the views from {_starts[_last]:x} on");
        return address;
    }

    /// <summary>Checks an atomic access, which other atomic ones do not disturb.</summary>
    public long Atomic(long address, int bytes)
    {
        _last = Find(address, bytes, write: true);
        if (address % bytes != 0)
            throw Fault(true, $"address {address:x} is no multiple of {bytes}");
        long word = (address - _starts[_last]) / Word;
        ref Touch writer = ref _writers[_last][word], reader = ref _readers[_last][word];
        if (writer.Clashes(_group, _round, _thread) && !writer.Atomic || reader.Clashes(_group, _round, _thread))
            throw Fault(true, $"byte {word * Word} of the views from {_starts[_last]:x} on is not touched by atomic operations alone");
        writer = new Touch(_group, _round, _thread) { Atomic = true };
        return address;
    }

    /// <summary>Checks an access to shared memory and gives its address.</summary>
    public long Shared(long offset, int bytes, bool write)
    {
        _profile?.Access(_thread, offset, bytes);
        if (offset < 0 || offset + bytes > _sharedBytes || offset % bytes != 0)
            throw Fault(write, $"{bytes} bytes at shared byte {offset} of {_sharedBytes}");
        for (long word = offset / Word; word <= (offset + bytes - 1) / Word; word++)
        {
            if (!write && !_sharedWriters[word].Any)
                throw Fault(write, $"shared byte {offset} was never written");
            Check(ref _sharedWriters[word], ref _sharedReaders[word], write, $"shared byte {offset}");
        }
        return (long)_shared + offset;
    }

    private int Find(long address, int bytes, bool write)
    {
        int index = Array.BinarySearch(_starts, address);
        index = index < 0 ? ~index - 1 : index;
        return index >= 0 && address + bytes <= _ends[index] ? index : throw Fault(write, $"{bytes} bytes at {address:x} lie in no view");
    }

    private void Check(ref Touch writer, ref Touch reader, bool write, string where)
    {
        if (writer.Clashes(_group, _round, _thread))
            throw Fault(write, $"{where} was written by {writer} with no barrier between");
        if (write && reader.Clashes(_group, _round, _thread))
            throw Fault(write, $"{where} was read by {reader} with no barrier between");
        if (write)
            writer = new Touch(_group, _round, _thread);
        else
            reader = reader.And(_group, _round, _thread);
    }

    private PtxFaultException Fault(bool write, string what) =>
        new($"{(write ? "write" : "read")} in group {_group}, thread {_thread}, round {_round}: {what}");

    /// <summary>Who touched a word last; of several, that there were several. Zero is nobody.</summary>
    private struct Touch(int group, int round, int thread)
    {
        private const int Several = -1;

        private int _group = group + 1, _thread = thread + 1;
        private readonly int _round = round;

        /// <summary>Whether it was an atomic operation.</summary>
        public bool Atomic { readonly get; init; }

        public readonly bool Any => _group != 0;

        public readonly bool Clashes(int group, int round, int thread) =>
            Any && (_group != group + 1 || _round == round && _thread != thread + 1);

        public readonly Touch And(int group, int round, int thread)
        {
            var now = new Touch(group, round, thread);
            if (Any && _group != now._group)
                now._group = Several;
            else if (Any && _round == round && _thread != now._thread)
                now._thread = Several;
            return now;
        }

        public override readonly string ToString() => _group == Several ? "several groups"
            : $"group {_group - 1}, {(_thread == Several ? "several threads" : $"thread {_thread - 1}")}, in round {_round}";
    }
}
