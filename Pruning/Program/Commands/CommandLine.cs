using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Help;
using ILGPU.Runtime;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary>What a command works with.</summary>
/// <param name="Arguments">What was given.</param>
/// <param name="Terminal">Where it speaks.</param>
/// <param name="Cancellation">Ctrl-C.</param>
/// <param name="Half">Where the run lies that is to go on; null for a new one.</param>
internal sealed record Invocation(ParseResult Arguments, Terminal Terminal, CancellationToken Cancellation, string? Half = null)
{
    /// <summary>Claims the folder of a run, a new one or that of the run that goes on.</summary>
    /// <param name="name">What the program calls it under runs/.</param>
    /// <param name="writes">What the run ends with.</param>
    public RunFolder OpenFolder(string name, RunOutputs writes)
    {
        var folder = Half is { } half
            ? RunFolder.Reopen(Find(Options.Out)!, half, writes)
            : RunFolder.Create(Find(Options.Out), name, Get(Options.Force), writes);
        Terminal.Half = folder.Home;
        folder.Left = isHalf =>
        {
            Terminal.Half = null;
            if (isHalf)
                Terminal.Next("resume", folder.Home);
        };
        return folder;
    }

    /// <summary>Says so where a run that is read has not ended.</summary>
    public void RemarkHalf(string folder)
    {
        if (RunFiles.Half(folder) is not null)
        {
            Terminal.Say($"warning: {folder} holds a run that has not ended");
            Terminal.Next("resume", folder);
        }
    }

    /// <summary>The accelerator, of several the first.</summary>
    public DeviceRequest Device => Arguments.GetResult(Options.Devices) is null ? Get(Options.Device) : Get(Options.Devices)[0];

    public T Get<T>(Option<T> option) => Arguments.GetRequiredValue(option);

    /// <summary>Whether the user wrote it, be it with its default.</summary>
    public bool IsGiven(Option option) => Arguments.GetResult(option) is { Implicit: false };

    /// <summary>Suggests a command, with what was said of data and device.</summary>
    public void Next(params IEnumerable<string> arguments)
    {
        Option[] common = [.. Options.Set, Options.Device, Options.Workers, Options.Simd];
        var given = common.Where(o => IsGiven(o)).SelectMany(o => Arguments.GetResult(o)!.Tokens.Select(t => t.Value).Prepend(o.Name));
        Terminal.Next(arguments.Concat(given));
    }

    /// <summary>The value, or null where the option was not given and has no default.</summary>
    public T? Find<T>(Option<T> option) => Arguments.GetValue(option);
}

/// <summary>From arguments to exit code: parses, runs the command, turns every error into one line and its code.</summary>
internal static class CommandLine
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
        ReportCommand.Create(),
        ResumeCommand.Create(),
        BenchCommand.Create(),
    ];

    private static readonly RootCommand Root = CreateRoot();

    /// <summary>Runs the program once; see <see cref="ExitCode"/> for what it returns.</summary>
    public static int Run(string[] args, Terminal terminal, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(terminal);
        terminal.JsonOnly = args.Contains(Options.Json.Name);
        return (int)Guard(() => Run(Parse(args), terminal, cancellation), terminal);
    }

    /// <summary>Runs a command as a part of another.</summary>
    /// <param name="words">Verb and options.</param>
    /// <param name="invocation">Of the other.</param>
    /// <param name="half">Where the run lies that is to go on.</param>
    public static void Run(IEnumerable<string> words, Invocation invocation, string half) =>
        Run(Parse([.. words]), invocation.Terminal, invocation.Cancellation, half);

    /// <summary>What is wrong with arguments before anything is done with them.</summary>
    internal static IReadOnlyList<string> Mistakes(string[] args) => [.. Parse(args).Errors.Select(e => e.Message)];

    /// <summary>
    /// A word that begins with @ is a word: nothing is read out of files of that name. `help prune` is `prune --help`.
    /// </summary>
    internal static ParseResult Parse(string[] args) => Root.Parse(
        args is ["help", .. var verb] ? [.. verb, "--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    private static void Run(ParseResult parsed, Terminal terminal, CancellationToken cancellation, string? half = null)
    {
        var command = parsed.CommandResult.Command;
        bool unknown = command is RootCommand && parsed.UnmatchedTokens.Count > 0;
        if (parsed.Action is HelpAction && !unknown)
            terminal.Print(Help.Of(command));
        else if (parsed.Errors.Count == 0 && parsed.Action is not (null or HelpAction))
        {
            parsed.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = terminal.Output,
            });
        }
        else if (parsed.Tokens.Count == 0)
        {
            throw new UserException(
                ErrorKind.Usage, $"expected one of {string.Join(", ", Verbs.Select(v => v.Command.Name))}; --help tells more");
        }
        else if (parsed.Errors.Count > 0 || unknown)
            throw new UserException(ErrorKind.Usage, Mistake(parsed));
        else if (parsed.GetResult(GivenWords.From) is { Implicit: false })
            Run(Parse(GivenWords.Repeated(parsed)), terminal, cancellation);
        else
            Verbs.First(v => v.Command == command).Run(new Invocation(parsed, terminal, cancellation, half));
    }

    private static RootCommand CreateRoot()
    {
        // Of its directives only that of completion in a shell was asked for.
        var root = new RootCommand(
            "trains image classifiers and prunes them by thresholds that follow the measured accuracy, on ILGPU kernels");
        foreach (var other in root.Directives.Where(d => d is not SuggestDirective).ToArray())
            root.Directives.Remove(other);
        foreach (var (command, _) in Verbs)
            root.Subcommands.Add(command);
        return root;
    }

    /// <summary>The one boundary of all verbs: whatever happens becomes one line, with --json one object too, and an exit code.</summary>
    private static ExitCode Guard(Action run, Terminal terminal)
    {
        try
        {
            run();
            return ExitCode.Done;
        }
#pragma warning disable CA1031 // the last stop: a defect is reported with all that is needed to find it
        catch (Exception e)
#pragma warning restore CA1031
        {
            var (code, message) = Failure(e);
            terminal.Error(message);
            return terminal.JsonOnly && !TryResult(terminal, new { Error = Terminal.OneLine(message), ExitCode = (int)code })
                ? ExitCode.Failed
                : code;
        }
    }

    private static (ExitCode Code, string Message) Failure(Exception error) => error switch
    {
        UserException e => (ExitCodes.Of(e.Kind), OptionWords.Of(e)),
        OperationCanceledException => (ExitCode.Interrupted, "interrupted; whatever was finished is on the disk"),
        DeviceException e => (ExitCode.Failed, e.Message),
        InsufficientMemoryException e => (ExitCode.Failed, e.Message),
        OutOfMemoryException => (ExitCode.Failed, "memory: expected enough for this network, batch and data, found too little"),
        AcceleratorException e => (ExitCode.Failed, $"the accelerator: expected it to work, found {e.Message}"),
        IOException or UnauthorizedAccessException => (ExitCode.Failed, error.Message),
        { InnerException: OutOfMemoryException or AcceleratorException or UserException } => Failure(error.InnerException),
        _ => (ExitCode.Failed, $"this is a defect of the program, please report it: {error}"),
    };

    private static bool TryResult(Terminal terminal, object value)
    {
        try
        {
            terminal.Result(value);
            return true;
        }
        catch (UserException)
        {
            return false;
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
