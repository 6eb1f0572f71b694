using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;

namespace Secateurs.Kernels;

/// <summary>Where the threads of a group wait for each other and then see what the others wrote, to shared and to device memory.</summary>
/// <remarks>
/// ILGPU 1.5.3 makes work_group_barrier(CLK_GLOBAL_MEM_FENCE) of Group.Barrier on OpenCL: no fence for shared memory, so a device may let a
/// thread see shared memory as it was. CUDA's bar.sync orders both.
/// </remarks>
internal static class GroupBarrier
{
    /// <summary>All threads of the group must come here.</summary>
    [IntrinsicImplementation]
    public static void Wait() => Group.Barrier();

    /// <summary>Tells a context what <see cref="Wait"/> is on GPUs.</summary>
    public static void Register(Context context)
    {
        var manager = context.GetIntrinsicManager();
        var wait = ((Action)Wait).Method;
        manager.RegisterMethod(wait, new PTXIntrinsic(typeof(GroupBarrier), nameof(WaitOnCuda), IntrinsicImplementationMode.Redirect));
        manager.RegisterMethod(wait, new CLIntrinsic(typeof(GroupBarrier), nameof(EmitOpenCl), IntrinsicImplementationMode.GenerateCode));
    }

    private static void WaitOnCuda() => Group.Barrier();

    private static void EmitOpenCl(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        using var statement = generator.BeginStatement("work_group_barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)");
    }
}
