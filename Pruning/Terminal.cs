using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pruning;

/// <summary>
/// Where the program speaks. A human's text goes to the error stream; the output stream carries nothing but the one JSON object of
/// <c>--json</c>. A bar is drawn, and colour used, only where a person looks at a terminal.
/// </summary>
/// <param name="output">For JSON.</param>
/// <param name="error">For text.</param>
/// <param name="interactive">Whether the text goes to a terminal, where a line can be drawn over.</param>
/// <param name="colour">Whether errors and warnings may be coloured.</param>
public sealed class Terminal(TextWriter output, TextWriter error, bool interactive, bool colour)
{
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

    /// <summary>The process's own streams; NO_COLOR (no-color.org) and TERM=dumb are honoured.</summary>
    public static Terminal OfProcess()
    {
        bool interactive = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not "dumb";
        return new Terminal(Console.Out, Console.Error, interactive, interactive && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")));
    }

    public bool Interactive => interactive;

    /// <summary>The output stream itself, for the text of --help and --version.</summary>
    public TextWriter Output => output;

    /// <summary>One or more lines to a human.</summary>
    public void Say(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        lock (_lock)
        {
            ClearBar();
            error.WriteLine(colour && text.StartsWith("warning:", StringComparison.Ordinal) ? $"\e[33m{text}\e[0m" : text);
        }
    }

    /// <summary>Suggests the next useful command, ready to be pasted into a shell.</summary>
    public void Next(params IEnumerable<string> arguments) =>
        Say($"next: ./run.sh {string.Join(' ', arguments.Select(a => a.Contains(' ', StringComparison.Ordinal) ? $"'{a}'" : a))}");

    /// <summary>What ends the program.</summary>
    public void Error(string text)
    {
        lock (_lock)
        {
            ClearBar();
            error.WriteLine(colour ? $"\e[31merror:\e[0m {text}" : $"error: {text}");
        }
    }

    /// <summary>Draws over the last bar; the next line takes its place. Nothing where no terminal is.</summary>
    public void Bar(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!interactive)
            return;
        lock (_lock)
        {
            int width = Console.WindowWidth > 1 ? Console.WindowWidth - 1 : 79;
            text = text.Length > width ? text[..width] : text;
            error.Write($"\r{text.PadRight(_barLength)}");
            _barLength = text.Length;
        }
    }

    /// <summary>The command's result for programs.</summary>
    public void Result(object value)
    {
        lock (_lock)
        {
            output.WriteLine(JsonSerializer.Serialize(value, Json));
            output.Flush();
        }
    }

    private void ClearBar()
    {
        if (_barLength > 0)
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
