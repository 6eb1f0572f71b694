using System.Runtime.InteropServices;

namespace Secateurs.Kernels;

/// <summary>The machine's processor and its memory, for lists, logs and limits.</summary>
internal static class Processor
{
    /// <summary>The model as the system names it, or the architecture where it does not.</summary>
    public static string Name { get; } = Read();

    /// <summary>Bytes of memory that the runtime says this process may have: the machine's, or three quarters of a container's.</summary>
    public static long MemoryBytes { get; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static string Read()
    {
        try
        {
            string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
            if (line is not null)
                return line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No such file on this system: the architecture is what is known.
        }
        return RuntimeInformation.ProcessArchitecture.ToString();
    }
}
