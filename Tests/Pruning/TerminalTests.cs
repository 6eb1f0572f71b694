using System.Text.Json;
using Pruning;

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
    public void A_result_is_one_json_object_with_the_names_of_the_contract()
    {
        new Terminal(_output, _error, interactive: false, colour: false).Result(new { SecondsPerEpochMedian = 1.5, Text = "a'b <c> é" });
        using var json = JsonDocument.Parse(_output.ToString());
        Assert.Equal(1.5, json.RootElement.GetProperty("seconds_per_epoch_median").GetDouble());
        Assert.Contains("a'b <c> é", _output.ToString());
        Assert.Equal("", _error.ToString());
    }
}
