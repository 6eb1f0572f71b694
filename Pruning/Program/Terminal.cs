using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Secateurs.Model;

namespace Secateurs.Program;

/// <summary>
/// Where the program speaks. What was asked for goes to the output stream, remarks and progress to the error stream; with --json the output
/// stream carries one JSON object and nothing else. A bar is drawn, and colour used, only where a person looks at a terminal.
/// </summary>
/// <remarks>
/// An error stream that is closed, full or gone with its terminal ends nothing: from then on it is silent. An output stream that cannot be
/// written is an error, since what was asked for would be lost. Control characters, which may come out of a hostile file, are shown as
/// escapes.
/// </remarks>
/// <param name="output">For what was asked for.</param>
/// <param name="error">For remarks.</param>
/// <param name="interactive">Whether the text goes to a terminal, where a line can be drawn over.</param>
/// <param name="colour">Whether errors and warnings may be coloured.</param>
internal sealed class Terminal(TextWriter output, TextWriter error, bool interactive, bool colour)
{
    /// <summary>Characters of a line at most, and of an error's.</summary>
    private const int LongestLine = 4000, LongestError = 1000;

    /// <summary>Names as in the contract: seconds_per_epoch_median.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower), new FiniteOrNull() },
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Lock _lock = new();
    private int _barLength;
    private bool _silent;

    /// <summary>The process's own streams; NO_COLOR (no-color.org) and TERM=dumb are honoured.</summary>
    public static Terminal OfProcess()
    {
        bool interactive = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not "dumb";
        return new Terminal(
            StandardStreams.IsOpen(StandardStreams.Output) ? Console.Out : TextWriter.Null,
            StandardStreams.IsOpen(StandardStreams.Error) ? Console.Error : TextWriter.Null,
            interactive, interactive && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")));
    }

    /// <summary>What a user calls the program by; run.sh says how it was called.</summary>
    public static string Command => Environment.GetEnvironmentVariable("PRUNING_COMMAND") ?? "secateurs";

    public bool Interactive => interactive;

    /// <summary>The output stream itself, for the text of --help and --version.</summary>
    public TextWriter Output => output;

    /// <summary>Whether --json was given: then text that was asked for goes to the error stream.</summary>
    public bool JsonOnly { get; set; }

    /// <summary>The folder of the run that is under way, for whoever ends the process; null where there is none.</summary>
    public string? Half { get; set; }

    /// <summary>One or more lines to a human.</summary>
    public void Say(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = Visible(text, LongestLine);
        Remark(() => error.WriteLine(colour && text.StartsWith("warning:", StringComparison.Ordinal) ? $"\e[33m{text}\e[0m" : text));
    }

    /// <summary>Characters of a line of a terminal; 80 where none is.</summary>
    public int Width => interactive ? WindowWidth() : 80;

    /// <summary>A row of a table that grows; on a narrow terminal its end is left out, since a row that wraps is none.</summary>
    public void Row(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Say(text.Length > Width ? text[..Width].TrimEnd() : text);
    }

    /// <summary>What was asked for: a table, an answer.</summary>
    /// <exception cref="UserException">Failed: the output stream cannot be written.</exception>
    public void Print(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (JsonOnly)
            Say(text);
        else
            Deliver(Visible(text, LongestLine));
    }

    /// <summary>The command's result for programs.</summary>
    /// <exception cref="UserException">Failed: the output stream cannot be written.</exception>
    public void Result(object value) => Deliver(JsonSerializer.Serialize(value, Json));

    /// <summary>Suggests the next useful command, ready to be pasted into a shell.</summary>
    public void Next(params IEnumerable<string> arguments)
    {
        Say($"next: {string.Join(' ', arguments.Prepend(Command).Select(Quoted))}");
    }

    /// <summary>What ends the program.</summary>
    public void Error(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = OneLine(text);
        Remark(() => error.WriteLine(colour ? $"\e[31merror:\e[0m {text}" : $"error: {text}"));
    }

    /// <summary>Draws over the last bar; the next line takes its place. Nothing where no terminal is.</summary>
    public void Bar(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!interactive)
            return;
        int before = _barLength;
        Remark(() =>
        {
            int width = Width - 1;
            text = text.Length > width ? text[..width] : text;
            error.Write($"\r{text.PadRight(before)}");
            _barLength = text.Length;
        }, clear: false);
    }

    /// <summary>A text in one line of bounded length, for an error.</summary>
    public static string OneLine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Visible(text, LongestError).Replace("\n", "\\n", StringComparison.Ordinal) is { Length: > LongestError } several
            ? Cut(several, LongestError) : Visible(text, LongestError).Replace("\n", "\\n", StringComparison.Ordinal);
    }

    /// <summary>An argument as a POSIX shell takes it for what it is.</summary>
    internal static string Quoted(string argument)
    {
        const string plain = "_-./:=@%+,";
        return argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || plain.Contains(c, StringComparison.Ordinal))
            ? argument
            : argument.Any(IsHidden)
            ? $"$'{string.Concat(argument.Select(c => c is '\'' or '\\' ? $"\\{c}" : IsHidden(c) ? Escape(c) : $"{c}"))}'"
            : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    /// <summary>The text with control characters as escapes, line ends excepted, and lines that go on for ever cut.</summary>
    private static string Visible(string text, int longest)
    {
        var shown = new StringBuilder();
        int line = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            line = c == '\n' ? 0 : line + 1;
            if (line > longest)
            {
                int end = text.IndexOf('\n', i) is var at and >= 0 ? at : text.Length;
                shown.Append(CultureInfo.InvariantCulture, $"... ({end - i} more characters)");
                i = end - 1;
                continue;
            }
            bool pair = char.IsSurrogate(c) && i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1]);
            if (pair)
                shown.Append(c).Append(text[++i]);
            else if (c != '\n' && (IsHidden(c) || char.IsSurrogate(c)))
                shown.Append(Escape(c));
            else
                shown.Append(c);
        }
        return shown.ToString();
    }

    private static string Cut(string text, int length) => $"{text[..length]}...";

    /// <summary>Control characters, and those that turn the direction of writing or end a line for some.</summary>
    private static bool IsHidden(char c) =>
        char.IsControl(c) || c is (>= '\u200e' and <= '\u200f') or (>= '\u2028' and <= '\u202e') or (>= '\u2066' and <= '\u2069');

    private static string Escape(char c) => c switch
    {
        '\n' => "\\n",
        '\t' => "\\t",
        '\r' => "\\r",
        _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
    };

    private void Deliver(string text)
    {
        lock (_lock)
        {
            if (output == TextWriter.Null && !StandardStreams.IsOpen(StandardStreams.Output))
                throw new UserException(ErrorKind.Failed, "standard output: expected to be open, found it closed");
            ClearBar();
            try
            {
                output.WriteLine(text);
                output.Flush();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UserException(ErrorKind.Failed, $"standard output: expected to take the result, found {e.Message}", e);
            }
        }
    }

    private void Remark(Action write, bool clear = true)
    {
        lock (_lock)
        {
            if (_silent)
                return;
            try
            {
                if (clear)
                    ClearBar();
                write();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
            {
                _silent = true;
            }
        }
    }

    private static int WindowWidth()
    {
        try
        {
            return Console.WindowWidth > 1 ? Console.WindowWidth : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }

    private void ClearBar()
    {
        if (_barLength > 0 && !_silent)
            error.Write($"\r{new string(' ', _barLength)}\r");
        _barLength = 0;
    }

    /// <summary>JSON has no number for what could not be measured: a deviation of one value, a ratio to a side that did not run.</summary>
    private sealed class FiniteOrNull : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }
    }
}
