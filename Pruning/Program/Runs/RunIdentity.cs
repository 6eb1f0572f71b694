using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Program.Runs;

/// <summary>
/// All that the course of a run depends on, so that it goes on only where that is as it was: else its end would be another one. Numbers of
/// workers and vector widths are none of it.
/// </summary>
internal static class RunIdentity
{
    private static readonly JsonSerializerOptions OneLine = new(Terminal.Json) { WriteIndented = false };

    /// <param name="device">Where it runs.</param>
    /// <param name="data">What it is trained on.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="weights">What it begins with: random ones, or those of a network that is given.</param>
    public static IReadOnlyDictionary<string, string> Of(ComputeDevice device, ImageData data, object options, float[] weights)
    {
        var environment = RunEnvironment.Of(device);
        return new Dictionary<string, string>
        {
            ["program"] = $"{environment.Version} {environment.Commit}".TrimEnd(),
            ["device"] = environment.Device,
            ["options"] = JsonSerializer.Serialize(options, OneLine),
            ["data"] = data.Sha256(),
            ["network"] = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(weights))),
        };
    }
}
