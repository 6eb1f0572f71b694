using System.Text.Json;
using Secateurs.Model;
using Secateurs.Program;
using Tests.ModelTests;

namespace Tests.PruningTests;

public sealed class DataCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_set_is_described_with_the_memory_that_it_takes_on_the_device()
    {
        string data = SmallSet.Write(_folder.Combine("data"));
        var set = DataFolder.Load(data, new());
        long bytes = (set.Train.Count + set.Test.Count) * 788 + 56;
        var (output, error) = Cli.Done("data", "--data", data, "--json");
        Assert.Contains($"{bytes} bytes on the device", error + output);
        using var json = JsonDocument.Parse(output[output.IndexOf('{', StringComparison.Ordinal)..]);
        Assert.Equal(bytes, json.RootElement.GetProperty("device_bytes").GetInt64());
    }

    [Theory]
    [InlineData("data")]
    [InlineData("train")]
    [InlineData("bench")]
    public void An_empty_path_is_a_mistake_of_the_command_line(string verb)
    {
        var (code, _, error) = Cli.Run(verb, "--data", "");
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("--data: expected a path, found an empty one", error);
    }

    [Fact]
    public void Reading_is_broken_off()
    {
        string data = SmallSet.Write(_folder.Combine("data"));
        Assert.Equal((int)ExitCode.Interrupted, Cli.Run(new CancellationToken(canceled: true), "data", "--data", data).Code);
    }
}
