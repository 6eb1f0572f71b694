using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Commands;

/// <summary>A study on several machines: <c>--slurm</c> makes jobs of it, and <c>--gather</c> tables of what they have finished.</summary>
internal static class StudyCluster
{
    public static readonly Option<bool> Slurm = Options.Flag(
        "--slurm", "make nothing here, but write jobs of Slurm into the folder: a task for each network and seed, then the tables");

    public static readonly Option<string> SlurmOptions = Options.Text(
        "--slurm-options", "TEXT", "of sbatch, as \"--partition=gpu --gres=gpu:1 --cpus-per-task=8 --time=2:00:00\"", "");

    public static readonly Option<bool> Submit = Options.Flag("--submit", "with --slurm: submit them too");

    public static readonly Option<bool> Gather = Options.Flag(
        "--gather", "make the tables of what is finished and name what is missing; with --out alone");

    /// <summary>Options of sbatch that the scripts, and who submits them, rely on; it takes beginnings of long ones too.</summary>
    private static readonly string[] Own =
        ["--array", "--output", "--dependency", "--parsable", "--wrap", "--chdir", "--clusters", "--export"];

    /// <summary>The short ones, whose value may follow at once; and those without a value, which others may follow.</summary>
    private const string OwnLetters = "aodDM", Flags = "HOQsWhuvV";

    /// <summary>That what was given goes together, before anything is done.</summary>
    /// <exception cref="UserException">Usage.</exception>
    public static void Demand(Invocation invocation)
    {
        bool slurm = invocation.Get(Slurm);
        if (!slurm && ((Option[])[SlurmOptions, Submit]).FirstOrDefault(invocation.IsGiven) is { } idle)
            throw new UserException(ErrorKind.Usage, $"{idle.Name}: expected with {Slurm.Name}, found without");
        if (slurm && invocation.IsGiven(StudyCommand.Task))
            throw new UserException(ErrorKind.Usage, $"{StudyCommand.Task.Name}: expected without {Slurm.Name}, found with it");
        string text = invocation.Get(SlurmOptions);
        string[] words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (slurm && (text.Any(char.IsControl) || (words.Length > 0 && !words[0].StartsWith('-'))))
            throw new UserException(ErrorKind.Usage, $"{SlurmOptions.Name}: expected one line of options of sbatch, found '{text}'");
        if (words.FirstOrDefault(IsOwn) is { } own)
            throw new UserException(ErrorKind.Usage, $"{SlurmOptions.Name}: expected options that the scripts do not have, found '{own}'");
        // Each node would choose a device by itself, and a study has one kind.
        if (slurm && invocation.Get(Options.Devices).Any(d => d.Kind is null))
        {
            throw new UserException(
                ErrorKind.Usage, $"{Options.Devices.Name}: expected cuda, opencl or cpu with {Slurm.Name}, found {default(DeviceRequest)}");
        }
    }

    /// <summary>Writes the jobs of what is missing and submits them if that is asked for.</summary>
    public static void WriteJobs(Invocation invocation, string path, StudyFolder folder, IReadOnlyList<StudyTask> tasks)
    {
        int[] missing = [.. tasks.Where(t => t.Missing(folder).Length > 0).Select(t => t.Number)];
        if (missing.Length == 0)
        {
            StudyCommand.SayWhole(invocation, path);
            return;
        }
        var scripts = new SlurmScripts(path);
        var words = GivenWords.Of(invocation).Select(w => w!.GetValue<string>());
        string[] place = [StudyCommand.Out.Name, Path.GetFullPath(path)];
        string[] report = invocation.IsGiven(ReportCommand.None) ? [ReportCommand.None.Name] : [];
        scripts.Write(
            missing, invocation.Get(SlurmOptions), [StudyCommand.Name, .. words, .. place, StudyCommand.Task.Name],
            [StudyCommand.Name, Gather.Name, .. report, .. place]);
        invocation.Terminal.Say($"{missing.Length} of {tasks.Count} tasks: {scripts.Units} and {scripts.Gather} are written");
        (string Units, string Gather)? jobs = invocation.Get(Submit) ? scripts.Submit(invocation.Terminal.Print) : null;
        if (jobs is null)
            invocation.Terminal.Print(scripts.Line);
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Out = path,
                Tasks = missing,
                scripts.Units,
                scripts.Gather,
                UnitsJob = jobs?.Units,
                GatherJob = jobs?.Gather,
            });
        }
    }

    /// <summary>Makes the tables of what is finished and names what is missing of what the study was called with.</summary>
    /// <exception cref="UserException">Usage: the folder holds no study, or options were given that this does not read.</exception>
    public static void MakeTables(Invocation invocation, string path)
    {
        Option[] read = [Gather, StudyCommand.Out, ReportCommand.None, Options.Json];
        if (invocation.Arguments.CommandResult.Children.OfType<OptionResult>().FirstOrDefault(o => !o.Implicit && !read.Contains(o.Option))
            is { } idle)
        {
            throw new UserException(
                ErrorKind.Usage, $"{Gather.Name}: expected with {StudyCommand.Out.Name} alone, found {idle.Option.Name}");
        }
        var folder = new StudyFolder(path, invocation.Cancellation) { Patience = StudyFolder.AmongMany };
        if (!folder.IsStudy)
            throw new UserException(ErrorKind.Usage, $"{path}: expected the folder of a study, found none");
        var (summary, text) = folder.Gather();
        invocation.Terminal.Print(text);
        if (summary.Groups.Count > 0)
            ReportCommand.AtEnd(invocation, path, null);
        string[] missing = [.. Missing(invocation, folder)];
        foreach (string line in missing)
            invocation.Terminal.Print($"missing: {line}");
        if (missing.Length > 0)
            invocation.Terminal.Next("resume", path);
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = path, summary.Groups, summary.Pairs, Pareto = summary.Points, Missing = missing });
    }

    private static bool IsOwn(string word)
    {
        const string dashes = "--";
        if (!word.StartsWith(dashes, StringComparison.Ordinal))
            return word[0] == '-' && OwnLetters.Contains(word.Skip(1).FirstOrDefault(c => !Flags.Contains(c)));
        string name = word.Split('=')[0];
        return name.Length > dashes.Length && Own.Any(o => o.StartsWith(name, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Missing(Invocation invocation, StudyFolder folder)
    {
        string file = folder.File(StudyFolder.Calls);
        var calls = StudyOptions.Calls(file).Select(words => CommandLine.Parse([StudyCommand.Name, .. words])).ToArray();
        if (calls.SelectMany(c => c.Errors).FirstOrDefault() is { } mistake)
            throw new UserException(ErrorKind.BadFile, $"{file}: expected calls of {StudyCommand.Name}, found {mistake.Message}");
        return
            from task in calls.SelectMany(c => StudyCommand.Tasks(invocation with { Arguments = c }))
            from unit in task.Missing(folder)
            group unit by (task.Network, task.Seed) into units
            select string.Create(
                CultureInfo.InvariantCulture, $"{units.Key.Network}, seed {units.Key.Seed}: {string.Join(", ", units.Distinct())}");
    }
}
