using System.Diagnostics;
using Secateurs.Program;
using Secateurs.Program.Commands;

namespace Tests.PruningTests;

/// <summary>Runs the program and collects what it says.</summary>
internal static class Cli
{
    /// <summary>Two, since workers must agree, but where there is a single core.</summary>
    public static string Workers { get; } = Environment.ProcessorCount == 1 ? "1" : "2";

    /// <summary>A network and a training that take a fraction of a second on <see cref="SmallSet"/>.</summary>
    public static string[] Small(string data, string outFolder) =>
    [
        "--network", "fc16r fc10", "--batch", "16", "--validation", "80", "--device", "cpu", "--workers", Workers,
        "--learning-rate", "0.003", "--data", data, "--out", outFolder,
    ];

    /// <summary>The same for a network that is given, and a method that takes no other learning rate than its own.</summary>
    public static string[] OfModel(string data, string outFolder)
    {
        string[] small = Small(data, outFolder);
        int rate = Array.IndexOf(small, "--learning-rate");
        return [.. small[2..rate], .. small[(rate + 2)..]];
    }

    /// <summary>In this process.</summary>
    public static (int Code, string Output, string Error) Run(params string[] args) => Run(CancellationToken.None, args);

    public static (int Code, string Output, string Error) Run(CancellationToken cancellation, params string[] args)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = CommandLine.Run(args, new Terminal(output, error, interactive: false, colour: false), cancellation);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>As a process of its own, which a signal can be sent to. The caller waits for its end.</summary>
    public static Process Start(string directory, params string[] args) => Start(directory, [], args);

    /// <summary>The same with variables of the environment besides, and an input stream.</summary>
    public static Process Start(string directory, IEnumerable<(string Name, string Value)> variables, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Terminal).Assembly.Location, .. args])
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Waits for the end of a process and collects what it said.</summary>
    public static async Task<(int Code, string Output, string Error)> End(Process process)
    {
        ArgumentNullException.ThrowIfNull(process);
        var output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }

    /// <summary>Succeeds or tells why not.</summary>
    public static (string Output, string Error) Done(params string[] args)
    {
        var (code, output, error) = Run(args);
        Assert.True(code == 0, $"exit code {code}: {error}");
        return (output, error);
    }
}
