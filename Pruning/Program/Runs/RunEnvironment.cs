using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Program.Runs;

/// <summary>What a run's figures depend on besides its options: environment.json.</summary>
internal sealed record RunEnvironment(
    DateTime Started, string OperatingSystem, string Processor, int Cores, string Dotnet, string Ilgpu, string Device, int Workers,
    int SimdBits, string Version, string? Commit)
{
    public static RunEnvironment Of(ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        // The SDK puts the commit behind a plus sign where it builds in a git repository.
        var informational = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>();
        string[] version = (informational?.InformationalVersion ?? "").Split('+');
        return new RunEnvironment(
            DateTime.UtcNow, RuntimeInformation.OSDescription, Kernels.Processor.Name, Environment.ProcessorCount,
            RuntimeInformation.FrameworkDescription, typeof(Context).Assembly.GetName().Version?.ToString(3) ?? "unknown", device.Name,
            device.Workers, device.RunsOnHost ? device.SimdBits : 0, version[0], version.Length > 1 ? version[1] : null);
    }
}
