using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;

namespace Tests.PruningTests;

/// <summary>Which stream gets what.</summary>
public sealed class TerminalTests : IDisposable
{
    private readonly StringWriter _output = new() { NewLine = "\n" }, _error = new() { NewLine = "\n" };

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }

    [Fact]
    public void A_pipe_gets_plain_lines_and_no_bar()
    {
        var terminal = new Terminal(_output, _error, interactive: false, colour: false);
        terminal.Bar("half");
        terminal.Say("warning: hot");
        terminal.Error("gone");
        Assert.Equal("warning: hot\nerror: gone\n", _error.ToString());
        Assert.Equal("", _output.ToString());
    }

    [Fact]
    public void Lines_on_a_terminal_take_the_place_of_the_bar()
    {
        var terminal = new Terminal(_output, _error, interactive: true, colour: false);
        terminal.Bar("half way");
        terminal.Bar("done");
        terminal.Say("line");
        Assert.Equal("\rhalf way\rdone    \r    \rline\n", _error.ToString());
    }

    [Fact]
    public void Colour_marks_warnings_and_errors()
    {
        var terminal = new Terminal(_output, _error, interactive: true, colour: true);
        terminal.Say("plain");
        terminal.Say("warning: hot");
        terminal.Error("gone");
        Assert.Equal("plain\n\e[33mwarning: hot\e[0m\n\e[31merror:\e[0m gone\n", _error.ToString());
    }

    [Fact]
    public void What_was_asked_for_goes_to_the_output_and_beside_json_to_the_error_stream()
    {
        var terminal = new Terminal(_output, _error, interactive: false, colour: false);
        terminal.Print("table");
        Assert.Equal(("table\n", ""), (_output.ToString(), _error.ToString()));
        terminal.JsonOnly = true;
        terminal.Print("table");
        Assert.Equal(("table\n", "table\n"), (_output.ToString(), _error.ToString()));
    }

    [Fact]
    public void Control_characters_are_shown_and_not_sent()
    {
        var terminal = new Terminal(_output, _error, interactive: false, colour: false);
        terminal.Say("two\nlines \e[31mred\u009b \u202e");
        terminal.Error("one\nline\r\a");
        Assert.Equal("two\nlines \\u001b[31mred\\u009b \\u202e\nerror: one\\nline\\r\\u0007\n", _error.ToString());
    }

    [Fact]
    public void Long_errors_and_lines_are_cut()
    {
        var terminal = new Terminal(_output, _error, interactive: false, colour: false);
        terminal.Error(new string('a', 50_000_000));
        terminal.Error(string.Concat(Enumerable.Repeat("line\n", 100_000)));
        terminal.Say($"{new string('b', 1_000_000)}\nshort");
        Assert.InRange(_error.ToString().Length, 1000, 8000);
        Assert.Equal(4, _error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.EndsWith("\nshort\n", _error.ToString());
    }

    [Theory]
    [InlineData("plain/path-1.x", "plain/path-1.x")]
    [InlineData("with space", "'with space'")]
    [InlineData("it's; rm -rf $HOME", "'it'\\''s; rm -rf $HOME'")]
    [InlineData("", "''")]
    [InlineData("a\nb'", "$'a\\nb\\''")]
    public void Suggested_commands_can_be_pasted(string argument, string expected) => Assert.Equal(expected, Terminal.Quoted(argument));

    [Fact]
    public void An_error_stream_that_breaks_is_silent_and_an_output_stream_is_an_error()
    {
        using var full = new StreamWriter(new FullStream()) { AutoFlush = true };
        var terminal = new Terminal(full, full, interactive: true, colour: true);
        terminal.Say("remark");
        terminal.Bar("bar");
        terminal.Error("error");
        Assert.Equal(ErrorKind.Failed, Assert.Throws<UserException>(() => terminal.Print("table")).Kind);
        Assert.Equal(ErrorKind.Failed, Assert.Throws<UserException>(() => terminal.Result(new { })).Kind);
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("No space left on device");

        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("No space left on device");
    }

    [Fact]
    public void A_result_is_one_json_object_with_the_names_of_the_contract()
    {
        new Terminal(_output, _error, interactive: false, colour: false).Result(new { SecondsPerEpochMedian = 1.5, Text = "a'b <c> é" });
        using var json = JsonDocument.Parse(_output.ToString());
        Assert.Equal(1.5, json.RootElement.GetProperty("seconds_per_epoch_median").GetDouble());
        Assert.Contains("a'b <c> é", _output.ToString());
        Assert.Equal("", _error.ToString());
    }
}
