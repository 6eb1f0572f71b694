using System.Globalization;

namespace Secateurs.Program;

/// <summary>What the process was started with, as Linux tells it; elsewhere everything counts as usual.</summary>
internal static class StandardStreams
{
    public const int Output = 1, Error = 2;

    private const int AccessMask = 3, CloseOnExec = 0x80000;
    private const long HangUp = 1;

    /// <summary>
    /// Whether the process was given this stream. Where it was not, the runtime's own pipes have its number, and what is written there
    /// would end up in them; they differ from what is inherited in that they are closed when another program is started.
    /// </summary>
    public static bool IsOpen(int stream) => Field($"/proc/self/fdinfo/{stream}", "flags:") is not { } text
        ? !Directory.Exists("/proc/self/fdinfo") || File.Exists($"/proc/self/fdinfo/{stream}")
        : Convert.ToInt64(text, 8) is var flags && (flags & AccessMask) != 0 && (flags & CloseOnExec) == 0;

    /// <summary>Whether whoever started the process wants it to outlive its terminal: nohup, trap '' HUP.</summary>
    public static bool IgnoresHangUp => Field("/proc/self/status", "SigIgn:") is { } text
        && (long.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & HangUp) != 0;

    private static string? Field(string file, string name)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
