using System.CommandLine;
using System.CommandLine.Help;
using Kernels;
using Model;

namespace Pruning.Commands;

/// <summary>What a command works with.</summary>
public sealed record Invocation(ParseResult Arguments, Terminal Terminal, CancellationToken Cancellation)
{
    public T Get<T>(Option<T> option) => Arguments.GetRequiredValue(option);

    /// <summary>Whether the user wrote it, be it with its default.</summary>
    public bool IsGiven(Option option) => Arguments.GetResult(option) is { Implicit: false };

    /// <summary>The value, or null where the option was not given and has no default.</summary>
    public T? Find<T>(Option<T> option) => Arguments.GetValue(option);
}

/// <summary>From arguments to exit code: parses, runs the command, turns every error into one line and its code.</summary>
public static class CommandLine
{
    private static readonly IReadOnlyList<(Command Command, Action<Invocation> Run)> Verbs =
    [
        DevicesCommand.Create(),
        SelfTestCommand.Create(),
        DataCommand.Create(),
        TrainCommand.Create(),
        PruneCommand.Create(),
        CompareCommand.Create(),
        StudyCommand.Create(),
        CompressCommand.Create(),
        EvalCommand.Create(),
        PredictCommand.Create(),
        ExportCommand.Create(),
        ImportCommand.Create(),
        PlotCommand.Create(),
        BenchCommand.Create(),
    ];

    private static readonly RootCommand Root = CreateRoot();

    /// <summary>Runs the program once; see <see cref="ExitCode"/> for what it returns.</summary>
    public static int Run(string[] args, Terminal terminal, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(terminal);
        var parsed = Root.Parse(args);
        if (parsed.Action is HelpAction || (parsed.Errors.Count == 0 && parsed.Action is not null))
        {
            return parsed.Invoke(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = terminal.Output });
        }
        if (args.Length == 0)
            terminal.Error($"expected one of {string.Join(", ", Verbs.Select(v => v.Command.Name))}; --help tells more");
        else if (parsed.Errors.Count > 0)
            terminal.Error(Mistake(parsed));
        else
            return (int)Guard(() => Verbs.First(v => v.Command == parsed.CommandResult.Command).Run(new Invocation(parsed, terminal, cancellation)), terminal);
        return (int)ExitCode.Usage;
    }

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand("Trains LeNet on MNIST and prunes it by thresholds that follow the measured accuracy, on ILGPU kernels.");
        foreach (var (command, _) in Verbs)
            root.Subcommands.Add(command);
        return root;
    }

    private static ExitCode Guard(Action run, Terminal terminal)
    {
        try
        {
            run();
            return ExitCode.Done;
        }
        catch (UserException e)
        {
            terminal.Error(e.Message);
            return e.Code;
        }
        catch (DeviceException e)
        {
            terminal.Error(e.Message);
            return ExitCode.Failed;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
#pragma warning disable CA1031 // the last stop: a defect is reported with all that is needed to find it
        catch (Exception e)
#pragma warning restore CA1031
        {
            terminal.Error($"this is a defect of the program, please report it: {e}");
            return ExitCode.Failed;
        }
    }

    /// <summary>The first mistake in one line, with the nearest word that would have been right.</summary>
    private static string Mistake(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        string? unknown = (parsed.UnmatchedTokens is [var first, ..] ? first : null) ?? parsed.Tokens.Select(t => t.Value)
            .FirstOrDefault(t => parsed.Errors.Any(e => e.Message.Contains($"unknown option '{t}'", StringComparison.Ordinal)));
        if (unknown is null)
            return parsed.Errors.Count > 0 ? parsed.Errors[0].Message.Split('\n')[0] : "expected a command";
        bool option = unknown.StartsWith('-');
        string[] known = option
            ? [.. command.Options.SelectMany(o => o.Aliases.Prepend(o.Name)).Where(n => n.StartsWith("--", StringComparison.Ordinal))]
            : [.. command.Subcommands.Select(c => c.Name)];
        string nearest = known.MinBy(k => Distance(k, unknown)) ?? "";
        string hint = known.Length > 0 && Distance(nearest, unknown) <= Math.Max(2, unknown.Length / 3) ? $"; did you mean {nearest}?"
            : known.Length > 0 ? $"; known are {string.Join(", ", known)}" : "";
        string what = option ? "option" : command is RootCommand ? "command" : "argument";
        return $"unknown {what} '{unknown}'{hint}";
    }

    /// <summary>Letters to insert, delete or replace (V. Levenshtein, 1966).</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                (row[j], diagonal) = (Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)), row[j]);
        }
        return row[b.Length];
    }
}
