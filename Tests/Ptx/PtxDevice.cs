using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Secateurs.Kernels;

namespace Tests.Ptx;

/// <summary>
/// A device that runs what CUDA would be given: kernels become PTX, and the PTX is run here, thread by thread from barrier to barrier, with
/// every access to memory checked (<see cref="PtxMemory"/>). Memory is that of an ILGPU CPU accelerator with groups as large as a GPU's.
/// </summary>
internal sealed class PtxDevice : IKernelLoader
{
    private static readonly CudaArchitecture Architecture = CudaArchitecture.SM_90;

    private readonly Context _context;

    private PtxDevice(Context context) => _context = context;

    public static ComputeDevice Create()
    {
        var device = new CPUDevice(numThreadsPerWarp: 32, Launch.MostThreads / 32, numMultiprocessors: 1);
        var context = ComputeDevice.CreateContext(b => b.CPU(device));
        return ComputeDevice.Launching(context, context.Devices.Single(), new PtxDevice(context));
    }

    /// <summary>The PTX that ILGPU makes of a kernel.</summary>
    public static string Assemble(Context context, MethodInfo kernel, CudaArchitecture architecture)
    {
        using var backend = new PTXBackend(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
        return ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), default)).PTXAssembly;
    }

    public Action<AcceleratorStream, KernelConfig, TArguments> Load<TArguments>(Action<TArguments> kernel) where TArguments : struct
    {
        var code = new PtxCode(new PtxText(Assemble(_context, kernel.Method, Architecture)));
        return (_, config, arguments) => Run(code, Enumerable.Range(0, config.GridDim.X), config.GroupDim.X, arguments);
    }

    /// <summary>Runs some groups of a grid one after the other.</summary>
    /// <exception cref="PtxFaultException">The kernel did what a GPU would not forgive.</exception>
    public static unsafe void Run<TArguments>(
        PtxCode code, IEnumerable<int> groups, int threads, TArguments value, PtxProfile? profile = null)
        where TArguments : struct
    {
        var arguments = PtxArguments.Of(value, code.Text.ParameterBytes);
        int stride = code.RegisterBytesPerThread, sharedBytes = code.Text.SharedBytes;
        byte* registers = (byte*)NativeMemory.Alloc((nuint)(threads * stride));
        byte* shared = (byte*)NativeMemory.AlignedAlloc((nuint)sharedBytes + 1, 16);
        try
        {
            var memory = new PtxMemory(arguments.Views, shared, sharedBytes, profile);
            fixed (byte* bytes = arguments.Bytes)
                foreach (int group in groups)
                {
                    RunGroup(code, group, threads, registers, stride, bytes, memory);
                    profile?.EndGroup();
                }
        }
        finally
        {
            NativeMemory.Free(registers);
            NativeMemory.AlignedFree(shared);
        }
    }

    private static unsafe void RunGroup(
        PtxCode code, int group, int threads, byte* registers, int stride, byte* arguments, PtxMemory memory)
    {
        memory.BeginGroup(group);
        // A register that was never written holds a number far out of any range.
        new Span<byte>(registers, threads * stride).Fill(0x7f);
        int at = 0, round = 0;
        do
        {
            int next = -1;
            for (int thread = 0; thread < threads; thread++)
            {
                memory.BeginThread(round, thread);
                int reached = code.Run(at, registers + thread * stride, arguments, thread, threads, group, memory);
                if (thread > 0 && reached != next)
                    throw new PtxFaultException($"group {group}: thread {thread} goes to barrier {reached}, others to {next} (0: the end)");
                next = reached;
            }
            at = next;
            round++;
        }
        while (at != PtxCode.Ended);
    }
}
