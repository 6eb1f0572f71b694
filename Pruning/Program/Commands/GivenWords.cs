using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Reports;

namespace Secateurs.Program.Commands;

/// <summary>
/// The options that were given, as words to give them again: options.json has them, `resume` goes on with them, and <see cref="From"/>
/// repeats a run with them.
/// </summary>
internal static class GivenWords
{
    /// <summary>Where options.json has them.</summary>
    public const string Key = "arguments";

    /// <summary>For the verbs whose folders have options.</summary>
    public static readonly Option<string?> From = Options.Path(
        "--from", "FILE", "repeat a run by its options.json; options that are given besides count for more");

    /// <summary>What says where results go, and how: not a part of what is done.</summary>
    private static readonly string[] Besides =
    [
        Options.Out.Name, Options.Force.Name, Options.Json.Name, DryRun.Option.Name, From.Name, .. StudyCommand.Ways.Select(o => o.Name),
    ];

    /// <summary>Of a call; paths from the root, so that they hold wherever they are read.</summary>
    public static JsonArray Of(Invocation invocation) =>
        [.. Given(invocation.Arguments).Where(g => !Besides.Contains(g.Option.Name)).SelectMany(Whole).Select(w => JsonValue.Create(w))];

    /// <summary>The words of a call with <see cref="From"/>: verb, what the file says and nobody otherwise, and what was given.</summary>
    /// <exception cref="UserException">Usage: the options are those of another verb. BadFile: it cannot be read.</exception>
    public static string[] Repeated(ParseResult parsed)
    {
        string file = parsed.GetRequiredValue(From)!, verb = parsed.CommandResult.Command.Name;
        string[] words = Read(file);
        if (words[0] != verb)
            throw new UserException(ErrorKind.Usage, $"{file}: expected options of `{verb}`, found those of `{words[0]}`");
        OptionResult[] given = [.. Given(parsed).Where(g => g.Option != From)];
        var names = given.Select(g => g.Option.Name).ToHashSet();
        var repeated = new List<string>();
        bool taken = false;
        foreach (string word in words.Skip(1))
        {
            if (word.StartsWith("--", StringComparison.Ordinal))
                taken = !names.Contains(word);
            if (taken)
                repeated.Add(word);
        }
        return [verb, .. repeated, .. given.SelectMany(g => g.Tokens.Select(t => t.Value).Prepend(g.Option.Name))];
    }

    /// <summary>The words that made a run: the verb, and what was given.</summary>
    /// <param name="file">Its options.json, or compression.json.</param>
    /// <exception cref="UserException">BadFile: missing or damaged, or it does not say them.</exception>
    public static string[] Read(string file)
    {
        if (!File.Exists(file))
            throw new UserException(ErrorKind.BadFile, $"{file}: expected the options of a run, found none");
        var options = RunRecord.Json(file);
        string verb = options["verb"]?.ToString() ?? "nothing";
        if (verb is ("train" or "prune" or "compare" or "compress") && options[Key] is JsonArray given)
            return [verb, .. given.Select(w => w?.ToString() ?? "")];
        // Before there were arguments, settings alone told of these verbs what was given.
        return verb is "train" or "prune" or "compare" ? Repeat.Words(options)
            : throw new UserException(ErrorKind.BadFile, $"{file}: expected `verb` and `{Key}` of a run, found {verb}");
    }

    private static IEnumerable<OptionResult> Given(ParseResult parsed) =>
        parsed.CommandResult.Children.OfType<OptionResult>().Where(o => !o.Implicit);

    private static IEnumerable<string> Whole(OptionResult given)
    {
        bool path = given.Option.HelpName is "DIR" or "FILE";
        return given.Tokens.Select(t => path ? Path.GetFullPath(t.Value) : t.Value).Prepend(given.Option.Name);
    }
}
