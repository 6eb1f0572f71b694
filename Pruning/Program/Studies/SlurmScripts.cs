using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Secateurs.Model;

namespace Secateurs.Program.Studies;

/// <summary>
/// A study as jobs of Slurm, in the study's folder: slurm/units.sbatch, an array job whose tasks make the units, and slurm/gather.sbatch,
/// which makes the tables afterwards. Program, data and folder have the same paths on all machines. A task may be started again at any
/// time: what it has finished stays, and what it was at goes on.
/// </summary>
/// <param name="study">The study's folder.</param>
internal sealed class SlurmScripts(string study)
{
    public const string Folder = "slurm";

    private const string Command = "sbatch", Task = "$SLURM_ARRAY_TASK_ID";

    private readonly string _folder = Path.Combine(Path.GetFullPath(study), Folder);

    public string Units => Path.Combine(_folder, "units.sbatch");

    public string Gather => Path.Combine(_folder, "gather.sbatch");

    /// <summary>Submits both, as a line for a shell.</summary>
    public string Line =>
        $"{Command} --dependency=afterany:$({Command} --parsable {Terminal.Quoted(Units)}) {Terminal.Quoted(Gather)}";

    /// <summary>That Slurm can write logs here: it reads quotes, backslashes and the like by rules of its own.</summary>
    /// <exception cref="UserException">Usage.</exception>
    public void Demand()
    {
        if (_folder.FirstOrDefault(c => c is '"' or '\\' || char.IsControl(c)) is not '\0' and var bad)
        {
            throw new UserException(
                ErrorKind.Usage, $"{study}: expected a path that Slurm can write logs to, found one with {Terminal.Quoted($"{bad}")}");
        }
    }

    /// <summary>Writes both scripts.</summary>
    /// <param name="tasks">Numbers of the tasks in which something is missing.</param>
    /// <param name="options">Of sbatch, for both jobs.</param>
    /// <param name="units">The words that make the units of a task, but for its number, which follows them.</param>
    /// <param name="gather">The words that make the tables.</param>
    /// <exception cref="UserException">Failed: they cannot be written.</exception>
    public void Write(IReadOnlyList<int> tasks, string options, IEnumerable<string> units, IEnumerable<string> gather)
    {
        Write(
            Units, "Makes the units of a study, a task for each network and seed; gather.sbatch makes its tables afterwards:\n"
                + $"#   {Line}",
            ["--array", Ranges(tasks), "--open-mode", "append"], "task-%a.log", options, $"{Call(units)} \"{Task}\"");
        Write(
            Gather, "Makes the tables of what is finished and names what is missing.", ["--open-mode", "append"], "gather.log", options,
            Call(gather));
    }

    /// <summary>Submits both.</summary>
    /// <param name="say">Is told of each job.</param>
    /// <returns>The jobs' numbers.</returns>
    /// <exception cref="UserException">Failed: there is no Slurm, or it refuses.</exception>
    public (string Units, string Gather) Submit(Action<string> say)
    {
        string units = Submit(Units);
        say($"array job {units}: {Units}");
        string gather = Submit($"--dependency=afterany:{units}", Gather);
        say($"job {gather}, after it: {Gather}");
        return (units, gather);
    }

    /// <summary>Numbers as Slurm takes them: 1-3,7.</summary>
    internal static string Ranges(IReadOnlyList<int> numbers)
    {
        var text = new StringBuilder();
        for (int i = 0, end; i < numbers.Count; i = end + 1)
        {
            for (end = i; end + 1 < numbers.Count && numbers[end + 1] == numbers[end] + 1;)
                end++;
            text.Append(text.Length > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{numbers[i]}");
            if (end > i)
                text.Append(CultureInfo.InvariantCulture, $"-{numbers[end]}");
        }
        return text.ToString();
    }

    private void Write(string file, string about, string[] own, string log, string options, string call)
    {
        string where = Path.Combine(_folder.Replace("%", "%%", StringComparison.Ordinal), log);
        string here = Directory.GetCurrentDirectory();
        (string Name, string? Value)[] known =
        [
            ("PRUNING_HOME", Environment.GetEnvironmentVariable("PRUNING_HOME") ?? here),
            ("PRUNING_COMMAND", Environment.GetEnvironmentVariable("PRUNING_COMMAND")),
        ];
        string[] lines =
        [
            "#!/bin/bash",
            $"# {about}",
            "#SBATCH --job-name=secateurs --requeue",
            .. own.Chunk(2).Select(o => $"#SBATCH {o[0]}={o[1]}"),
            $"#SBATCH --output=\"{where}\"",
            .. options.Length > 0 ? [$"#SBATCH {options}"] : Array.Empty<string>(),
            "# Whatever folder it is submitted from, by whatever shell.",
            $"cd {Terminal.Quoted(here)} || exit",
            .. known.Where(v => v.Value is not null).Select(v => $"export {v.Name}={Terminal.Quoted(v.Value!)}"),
            "# The cores that Slurm gave, whether it binds processes to them or not.",
            "export DOTNET_PROCESSOR_COUNT=\"$SLURM_CPUS_ON_NODE\"",
            $"exec {call}",
        ];
        AtomicFile.Write(file, stream => stream.Write(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n")));
    }

    private static string Call(IEnumerable<string> words) => string.Join(' ', OwnProgram.Words.Concat(words).Select(Terminal.Quoted));

    /// <summary>The number of the job; behind a semicolon its cluster may follow.</summary>
    private static string Submit(params IEnumerable<string> words)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(Command, words.Prepend("--parsable"))
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var error = process.StandardError.ReadToEndAsync();
            string number = process.StandardOutput.ReadToEnd().Trim().Split(';')[0];
            process.WaitForExit();
            if (process.ExitCode == 0 && number.Length > 0 && number.All(char.IsAsciiDigit))
                return number;
            string said = string.Join("; ", error.GetAwaiter().GetResult().Split('\n', StringSplitOptions.RemoveEmptyEntries));
            throw new UserException(
                ErrorKind.Failed, $"{Command} {words.Last()}: expected the number of a job, found '{number}' ({said})");
        }
        catch (Win32Exception e)
        {
            throw new UserException(ErrorKind.Failed, $"{Command}: expected Slurm's command in PATH, found none ({words.Last()})", e);
        }
    }
}
