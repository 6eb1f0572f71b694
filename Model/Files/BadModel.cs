namespace Secateurs.Model;

/// <summary>The one way to refuse a model's file: one line, however much of the file it quotes.</summary>
public static class BadModel
{
    private const int MostQuoted = 300;

    /// <summary>PATH: expected ..., found ....</summary>
    public static UserException Of(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadFile, $"{path}: expected {Cut(expected)}, found {Cut(found)}", inner);

    /// <summary>The text, or its beginning where it is longer than a line may be; what would end the line is a space.</summary>
    public static string Cut(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = string.Concat(text.Take(MostQuoted + 1).Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c));
        return text.Length <= MostQuoted ? text : $"{text.AsSpan(0, MostQuoted - (char.IsHighSurrogate(text[MostQuoted - 1]) ? 1 : 0))}...";
    }
}
