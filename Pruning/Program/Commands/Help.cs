using System.Collections;
using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Text;

namespace Secateurs.Program.Commands;

/// <summary>What --help prints: usage, options with their defaults, those that a verb cannot do without marked, two examples.</summary>
internal static class Help
{
    private const int Width = 100, Indent = 2, Column = 34;

    /// <summary>Options that a verb does not work without, and examples of its use.</summary>
    private static readonly Dictionary<string, (string[] Required, string[] Examples)> Verbs = new()
    {
        ["devices"] = ([], ["devices", "devices --json"]),
        ["selftest"] = ([], ["selftest", "selftest --device cuda"]),
        ["data"] = ([], ["data", "data --data my-set"]),
        ["train"] = ([], ["train", "train --network lenet-5 --seed 2 --out runs/mine"]),
        ["prune"] = ([], ["prune --max-drop 0.2", "prune --model runs/mine --method hand-set --sensitivity 1"]),
        ["compare"] = ([], ["compare", "compare --network lenet-5 --max-drop 0.2 --full"]),
        ["study"] = (
            [],
            ["study --methods dynamic --max-drop 0.1,0.5 --device cuda:0,cuda:1", "study --seeds 1-10 --device cuda --slurm --submit"]),
        ["compress"] = (["--model"], ["compress --model runs/mine", "compress --model runs/mine --bits 4 --max-drop 0.1"]),
        ["eval"] = (["--model"], ["eval --model runs/mine", "eval --model runs/mine/model.dcn --part validation --json"]),
        ["predict"] = (["--model"], ["predict --model runs/mine digit.png", "predict --model runs/mine photos/*.jpg --json"]),
        ["export"] = (
            ["--model", "--out"],
            ["export --model runs/mine --format onnx --out net.onnx", "export --model runs/mine --format c --out net.c"]),
        ["import"] = (
            ["--out"],
            [
                "import net.onnx --mean 0.4914,0.4822,0.4465 --std 0.247,0.2435,0.2616 --out runs/net",
                "import net.safetensors --network lenet-5 --mean 0.1307 --std 0.3081 --out runs/net",
            ]),
        ["plot"] = (["--run"], ["plot --run runs/mine", "plot --run runs/mine --out curves.png"]),
        ["report"] = ([], ["report runs/mine", "report studies/mine --out study.html"]),
        ["resume"] = ([], ["resume runs/mine", "resume studies/mine"]),
        ["bench"] = ([], ["bench --network lenet-5 --batch 128", "bench --model runs/mine --inference"]),
    };

    public static string Of(Command command)
    {
        var text = new StringBuilder();
        string program = Terminal.Command;
        bool root = command is RootCommand;
        string name = root ? "" : $" {command.Name}";
        text.AppendJoin('\n', Wrapped($"{program}{name}: {command.Description}", Width)).Append("\n\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"usage: {program}{(root ? " VERB" : name)}{string.Concat(command.Arguments.Select(a => $" {a.Name}"))} [options]\n");
        if (root)
            Section(text, "verbs", command.Subcommands.Select(c => (c.Name, c.Description ?? "")));
        var (required, examples) = Verbs.GetValueOrDefault(command.Name, ([], []));
        Section(text, "arguments", command.Arguments.Select(a => (a.Name, a.Description ?? "")));
        var shown = command.Options.Where(o => o is not (HelpOption or VersionOption) && !o.Hidden).ToArray();
        Section(
            text, "options",
            shown.Where(o => !IsConstant(o)).OrderByDescending(o => required.Contains(o.Name))
                .Select(o => Row(o, required.Contains(o.Name))));
        Section(text, "constants of the controller, which seldom need a change", shown.Where(IsConstant).Select(o => Row(o, false)));
        if (examples.Length > 0)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"\nexamples:\n{string.Concat(examples.Select(e => $"{new string(' ', Indent)}{program} {e}\n"))}");
        }
        if (root)
            text.Append(CultureInfo.InvariantCulture, $"\n{program} help VERB tells the options of a verb and shows examples.\n");
        return text.ToString().TrimEnd();
    }

    private static bool IsConstant(Option option) => Settings.Controller.Any(s => s.Option == option);

    private static (string, string) Row(Option option, bool required)
    {
        string value = required
            ? " (required)"
            : option.HasDefaultValue && Shown(option.GetDefaultValue()) is { Length: > 0 } standard ? $" (default {standard})" : "";
        string names = string.Join(", ", option.Aliases.Prepend(option.Name).Where(n => n.StartsWith("--", StringComparison.Ordinal)));
        return ($"{names}{(option.HelpName is { } help ? $" {help}" : "")}", $"{option.Description}{value}");
    }

    private static string Shown(object? value) => value switch
    {
        null or false => "",
        string text => text,
        IEnumerable several => string.Join(',', several.Cast<object>().Select(Shown)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static void Section(StringBuilder text, string title, IEnumerable<(string Name, string Meaning)> rows)
    {
        var all = rows.ToArray();
        if (all.Length == 0)
            return;
        text.Append(CultureInfo.InvariantCulture, $"\n{title}:\n");
        foreach (var (name, meaning) in all)
        {
            string start = $"{new string(' ', Indent)}{name}";
            text.Append(start);
            if (start.Length > Column - 2)
                text.Append('\n');
            else
                text.Append(' ', Column - start.Length);
            bool first = start.Length <= Column - 2;
            foreach (string line in Wrapped(meaning, Width - Column))
            {
                text.Append(' ', first ? 0 : Column).Append(line).Append('\n');
                first = false;
            }
        }
    }

    private static IEnumerable<string> Wrapped(string text, int width)
    {
        var line = new StringBuilder();
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }
            line.Append(line.Length > 0 ? " " : "").Append(word);
        }
        yield return line.ToString();
    }
}
