using SkiaSharp;

namespace Secateurs.Program.Runs;

/// <summary>
/// Fonts as files, where each system keeps them: Skia as it comes for Linux asks no font service, and what is found by one way on every
/// system can be tested on one.
/// </summary>
internal static class FontFiles
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,%()";

    /// <summary>Plain ones first, of Windows and macOS, of Linux, and then narrow before wide.</summary>
    private static readonly string[] Preferred =
        ["arial", "liberationsans-regular", "notosans-regular", "opensans-regular", "dejavusanscondensed", "dejavusans"];

    private static readonly string[] Endings = [".ttf", ".otf", ".ttc"];

    /// <summary>The user's and the system's, whether they are there or not.</summary>
    public static string[] Folders
    {
        get
        {
            string[] shared = (Environment.GetEnvironmentVariable("XDG_DATA_DIRS") is { Length: > 0 } named ? named
                : string.Join(Path.PathSeparator, "/usr/local/share", "/usr/share")).Split(Path.PathSeparator);
            string own = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            string[] all =
            [
                Environment.GetFolderPath(Environment.SpecialFolder.Fonts), Path.Combine(own, "Microsoft", "Windows", "Fonts"),
                .. shared.Prepend(own).Select(d => Path.Combine(d, "fonts")), "/Library/Fonts", "/System/Library/Fonts",
            ];
            return [.. all.Where(Path.IsPathFullyQualified)];
        }
    }

    /// <summary>A font with all characters of a text, or where there is none, with those of plain English.</summary>
    /// <param name="folders">Searched with all that is below.</param>
    /// <param name="text">What is going to be written.</param>
    /// <returns>Null where no folder has one.</returns>
    public static SKTypeface? Find(IEnumerable<string> folders, string text)
    {
        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 8, IgnoreInaccessible = true };
        string[] files =
        [
            .. folders.Where(Directory.Exists).SelectMany(d => Directory.EnumerateFiles(d, "*", options))
                .Where(f => Endings.Contains(Path.GetExtension(f).ToLowerInvariant())).OrderBy(Rank).ThenBy(f => f, StringComparer.Ordinal),
        ];
        SKTypeface? plain = null;
        foreach (string file in files)
        {
            // Null where the file is none.
            if (SKTypeface.FromFile(file) is not { } typeface)
                continue;
            using var font = new SKFont(typeface);
            if (font.ContainsGlyphs(Letters) && font.ContainsGlyphs(text))
            {
                plain?.Dispose();
                return typeface;
            }
            if (plain is null && font.ContainsGlyphs(Letters))
                plain = typeface;
            else
                typeface.Dispose();
        }
        return plain;
    }

    private static int Rank(string file) =>
        (Array.IndexOf(Preferred, Path.GetFileNameWithoutExtension(file).ToLowerInvariant()) is var at and >= 0) ? at : Preferred.Length;
}
