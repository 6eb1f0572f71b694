namespace Secateurs.Model;

/// <summary>The one way to refuse a model's file: one line, however much of the file it quotes.</summary>
public static class BadModel
{
    /// <summary>Characters of a text that is cut, and of them those of its end, which often says why.</summary>
    private const int MostQuoted = 300, EndQuoted = 120;

    /// <summary>PATH: expected ..., found ....</summary>
    public static UserException Of(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadFile, $"{path}: expected {Cut(expected)}, found {Cut(found)}", inner);

    /// <summary>
    /// The text, or its beginning and its end where it is longer than a line may be; what would end the line is a space.
    /// </summary>
    public static string Cut(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MostQuoted)
        {
            int begin = MostQuoted - EndQuoted, end = text.Length - EndQuoted;
            begin -= char.IsHighSurrogate(text[begin - 1]) ? 1 : 0;
            end += char.IsLowSurrogate(text[end]) ? 1 : 0;
            text = $"{text.AsSpan(0, begin)}...{text.AsSpan(end)}";
        }
        return string.Concat(text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c));
    }
}
