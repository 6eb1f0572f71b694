using System.Globalization;

namespace Secateurs.Program.Runs;

/// <summary>Times as people read them.</summary>
internal static class Durations
{
    /// <summary>9.1 s, 2:05 (minutes), 1:02:05 (hours).</summary>
    public static string Text(double seconds) => seconds < 60
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, seconds):F1} s")
        : Clock(seconds);

    /// <summary>0:09, 2:05, 1:02:05; what is not known or lasts for weeks is a question mark.</summary>
    public static string Clock(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds > 1e7)
            return "?";
        long whole = (long)Math.Round(Math.Max(0, seconds));
        return whole < 3600
            ? string.Create(CultureInfo.InvariantCulture, $"{whole / 60}:{whole % 60:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{whole / 3600}:{whole / 60 % 60:00}:{whole % 60:00}");
    }
}
