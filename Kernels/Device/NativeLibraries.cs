using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Lets ILGPU find the OpenCL loader and the CUDA driver where only their versioned files are installed.
/// </summary>
/// <remarks>
/// ILGPU 1.5.3 imports <c>OpenCL</c> and <c>cuda</c>, for which .NET asks the system for <c>libOpenCL.so</c> and <c>libcuda.so</c>.
/// Those plain names come with development packages; a Linux machine that only runs programs has <c>libOpenCL.so.1</c> and
/// <c>libcuda.so.1</c>. Without this class ILGPU reports no device there, and no error either.
/// </remarks>
internal static class NativeLibraries
{
    private static int registered;

    /// <summary>
    /// From now on a library that .NET did not find under its plain name is looked for under its versioned one. Call it before
    /// the first ILGPU context is made: ILGPU looks once and remembers what it found. Later calls do nothing.
    /// </summary>
    public static void Register()
    {
        if (!OperatingSystem.IsLinux() || Interlocked.Exchange(ref registered, 1) != 0)
            return;

        // Not NativeLibrary.SetDllImportResolver: an assembly can have one only, and under WSL ILGPU sets its own (a second
        // throws). This event is raised after that resolver and .NET's own search have failed.
        AssemblyLoadContext context = AssemblyLoadContext.GetLoadContext(typeof(Context).Assembly) ?? AssemblyLoadContext.Default;
        context.ResolvingUnmanagedDll += Resolve;
    }

    private static IntPtr Resolve(Assembly assembly, string libraryName)
    {
        string? versioned = libraryName switch
        {
            "OpenCL" or "opencl" or "libOpenCL" or "libOpenCL.so" => "libOpenCL.so.1",
            "cuda" or "libcuda" or "libcuda.so" => "libcuda.so.1",
            _ => null,
        };
        return versioned is not null && NativeLibrary.TryLoad(versioned, out IntPtr handle) ? handle : IntPtr.Zero;
    }
}
