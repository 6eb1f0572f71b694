using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Floats below 1.2e-38 (2^-126) have fewer bits, and many processors take a hundred times as long over them. Training makes them by
/// itself: moments of edge pixels and of dead neurons decay until they are there and stay. So every worker of the CPU accelerator computes
/// with them flushed: a result that small is zero, and so is an operand. The mode belongs to a thread, which gets its own back when it
/// leaves.
/// </summary>
/// <remarks>
/// By the C library's own functions, since .NET has none: MXCSR's bits 15 (flush to zero) and 6 (denormals are zero) on x86-64, FPCR's bit
/// 24 on ARM64. Other processors have no such mode; there denormals stay as they are (<see cref="CanBeFlushed"/>). GPUs keep them, where
/// their compilers do.
/// </remarks>
internal static unsafe class Denormals
{
    /// <summary>Bytes of a control word with all that a C library keeps beside it; fenv_t has 32 at most.</summary>
    private const int StateBytes = 64;

    private static readonly delegate* unmanaged[SuppressGCTransition]<byte*, int> Get, Set;
    private static readonly delegate* unmanaged[SuppressGCTransition]<uint*, uint, uint, int> Control;
    private static readonly int Offset;
    private static readonly uint Flushing, Mask;
    private static readonly bool Works;

#pragma warning disable CA1810 // what is found depends on what was found before
    static Denormals()
#pragma warning restore CA1810
    {
        bool arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        if (!CanBeFlushed)
            return;
        Flushing = Mask = arm ? 1u << 24 : 1u << 15 | 1u << 6;
        if (OperatingSystem.IsWindows())
        {
            // _DN_FLUSH and _MCW_DN of float.h.
            (Flushing, Mask) = (0x0100_0000, 0x0300_0000);
            Control = (delegate* unmanaged[SuppressGCTransition]<uint*, uint, uint, int>)Find("ucrtbase.dll", "_controlfp_s");
        }
        else
        {
            // musl answers to glibc's name too. Of C23's functions, which take a third of the time, glibc alone has both.
            bool mac = OperatingSystem.IsMacOS();
            string library = mac ? "libSystem.dylib" : "libm.so.6";
            bool mode = Find(library, "fesetmode") != 0;
            Get = (delegate* unmanaged[SuppressGCTransition]<byte*, int>)Find(library, mode ? "fegetmode" : "fegetenv");
            Set = (delegate* unmanaged[SuppressGCTransition]<byte*, int>)Find(library, mode ? "fesetmode" : "fesetenv");
            // femode_t is {x87's word, mxcsr} or {fpcr}; fenv_t {28 bytes of x87, mxcsr} or {fpcr, fpsr}, and on macOS {x87's words, mxcsr}
            // or {fpsr, fpcr}, of 8 bytes each.
            Offset = arm ? mac ? 8 : 0 : mode || mac ? 4 : 28;
        }
        Works = Control is not null || (Get is not null && Set is not null);
        // A state that is not laid out as it is taken to be is better left alone.
        using (Flush())
            Works &= AreFlushed;
    }

    /// <summary>Whether this processor has the mode.</summary>
    public static bool CanBeFlushed => RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    /// <summary>Whether they are on the calling thread, by trying: results and operands, one by one and in a vector.</summary>
    public static bool AreFlushed => Vanish(1e-20f, float.Epsilon, 1e30f);

    /// <summary>From here to the end of the scope they are, on this thread; about 0.1 us.</summary>
    internal static Scope Flush() => new(Works);

    /// <summary>Whether they are on every worker of the CPU accelerator.</summary>
    public static bool AreFlushedOn(ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var seen = new bool[device.Workers];
        new StepProgram(device, device.Workers, [[new Probe(seen)]]).Run();
        return seen.All(s => s);
    }

    // Not inlined, so that the compiler does not know the numbers. Bits are compared, since a comparison may take an operand for zero.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Vanish(float small, float denormal, float large)
    {
        Vector128<float> results = Vector128.Create(small) * Vector128.Create(small);
        Vector128<float> operands = Vector128.Create(denormal) * Vector128.Create(large);
        return (results.AsUInt32() | operands.AsUInt32()) == Vector128<uint>.Zero
            && (BitConverter.SingleToUInt32Bits(small * small) | BitConverter.SingleToUInt32Bits(denormal * large)) == 0;
    }

    private static nint Find(string library, string name) =>
        NativeLibrary.TryLoad(library, out nint handle) && NativeLibrary.TryGetExport(handle, name, out nint function) ? function : 0;

    private static void Read(byte* state)
    {
        if (Control is not null)
            Control((uint*)state, 0, 0);
        else
            Get(state);
    }

    private static void Write(byte* state)
    {
        uint now;
        if (Control is not null)
            Control(&now, *(uint*)state, Mask);
        else
            Set(state);
    }

    /// <summary>What each worker sees.</summary>
    private sealed class Probe(bool[] seen) : Operation("denormals", 0)
    {
        internal override void RunOnHost(int simdBits, int worker, int workers) => seen[worker] = AreFlushed;
    }

    /// <summary>What a thread computed with before.</summary>
    internal ref struct Scope : IDisposable
    {
        private readonly bool _changed;
        private fixed byte _before[StateBytes];

        public Scope(bool change)
        {
            _changed = change;
            if (!change)
                return;
            byte* state = stackalloc byte[StateBytes];
            Read(state);
            new ReadOnlySpan<byte>(state, StateBytes).CopyTo(MemoryMarshal.CreateSpan(ref _before[0], StateBytes));
            uint* word = (uint*)(state + Offset);
            *word = (*word & ~Mask) | Flushing;
            Write(state);
        }

        public readonly void Dispose()
        {
            if (!_changed)
                return;
            fixed (byte* before = _before)
                Write(before);
        }
    }
}
