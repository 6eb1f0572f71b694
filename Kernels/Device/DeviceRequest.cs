using System.Globalization;

namespace Secateurs.Kernels;

/// <summary>The kinds of accelerator, in the order in which they are preferred.</summary>
public enum DeviceKind
{
    Cuda,
    OpenCL,
    Cpu,
}

/// <summary>What a user asked for: a kind, or any where it is null, and which one of that kind.</summary>
public readonly record struct DeviceRequest(DeviceKind? Kind, int Index = 0)
{
    /// <summary>What may be written.</summary>
    public const string Form = "auto, cuda, opencl or cpu; cuda:1 is the second CUDA device";

    /// <summary>Reads <c>auto</c>, <c>cuda</c>, <c>opencl:1</c>, <c>cpu</c>.</summary>
    public static bool TryParse(string text, out DeviceRequest request)
    {
        ArgumentNullException.ThrowIfNull(text);
        request = default;
        if (text == "auto")
            return true;
        var parts = text.Split(':');
        int index = 0;
        if (parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            return false;
        DeviceKind? kind = parts[0] switch
        {
            "cuda" => DeviceKind.Cuda,
            "opencl" => DeviceKind.OpenCL,
            "cpu" => DeviceKind.Cpu,
            _ => null,
        };
        request = new DeviceRequest(kind, index);
        return kind is not null;
    }

    public override string ToString() =>
        Kind is null ? "auto" : Index == 0 ? Devices.Word(Kind.Value) : $"{Devices.Word(Kind.Value)}:{Index}";
}

/// <summary>An accelerator of this machine.</summary>
/// <param name="Kind">Who drives it.</param>
/// <param name="Index">Among those of its kind, from 0.</param>
/// <param name="Name">Its own name.</param>
/// <param name="Memory">Bytes.</param>
/// <param name="Units">Multiprocessors, compute units, cores.</param>
/// <param name="Driver">Driver or platform with its version.</param>
/// <param name="OnProcessor">Whether it is the processor itself: an OpenCL that runs there is slower than the CPU accelerator.</param>
/// <param name="Trouble">Why it cannot be used and what would help; null where it can.</param>
public sealed record DeviceInfo(
    DeviceKind Kind, int Index, string Name, long Memory, int Units, string Driver, bool OnProcessor, string? Trouble)
{
    /// <summary>As it is named on the command line: cuda:0.</summary>
    public string Id => $"{Devices.Word(Kind)}:{Index}";
}

/// <summary>A device that was asked for is not there or cannot be used. One line.</summary>
public sealed class DeviceException(string message, Exception? inner = null) : Exception(message, inner);
