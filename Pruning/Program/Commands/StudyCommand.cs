using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>study</c>: methods x networks x seeds. A dense network a seed is trained once and shared. Each finished unit is a folder, so that a
/// study that was broken off goes on where it stopped, and several processes may work on one; tables are made from all units in the folder.
/// </summary>
internal static class StudyCommand
{
    private static readonly Option<string[]> Networks = Options.Words(
        "--networks", "NAME[,NAME]",
        "networks, one after the other; other budgets for one of them: call study again for it with the same --out",
        [.. NetworkDescription.Small]);

    private static readonly Option<ulong[]> Seeds = Options.Ranges("--seeds", "seeds, as 1-5 or 1,3,7-9", "1-5");
    private static readonly Option<string[]> Methods = Options.Words(
        "--methods", "dynamic,hand-set", "which sides", [StudyRow.HandSet, StudyRow.Dynamic], StudyRow.HandSet, StudyRow.Dynamic);

    private static readonly Option<int[]> Lengths = Options.Numbers<int, int[]>(
        "--hand-set-epochs", "epochs of retraining a hand-set try; each is a walk of its own", [2, 4, 8, 12], 1, 100_000,
        values => [.. values.Distinct()]);

    private static readonly Option<bool> FreshSplits = Options.Flag(
        "--fresh-splits", "each seed draws its own test images from all images, so that shares of kept budgets can be told");

    /// <summary>For an array job: units of its task alone, and no tables.</summary>
    public static readonly Option<int> Task = Options.Number(
        "--task", "make the N-th of networks x seeds alone, as a task of an array job, and no tables; 0: all", 0, 0, int.MaxValue);

    /// <summary>What says where and by whom units are made, not which.</summary>
    public static readonly IReadOnlyList<Option> Ways =
        [Task, StudyWorkers.Option, StudyCluster.Slurm, StudyCluster.SlurmOptions, StudyCluster.Submit, StudyCluster.Gather];

    public const string Name = "study";

    private const string DefaultOut = "runs/study";

    public static readonly Option<string?> Out = Options.Path(
        "--out", "DIR", $"folder of the study; without it {DefaultOut}; one that is there goes on, if the options are the same");

    /// <summary>Between looks at whether another process has trained a dense network that is needed.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly IReadOnlyList<Setting> Asked =
    [
        .. Settings.Dynamic, .. Settings.Dense.Where(s => s != Settings.Network && s != Settings.Seed && s != Settings.Split),
    ];

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command(Name, "methods x networks x seeds, resumable, with tables");
        Option[] options =
        [
            Networks, Seeds, Methods, Lengths, FreshSplits, Out, DryRun.Option, ReportCommand.None, .. Asked.Select(s => s.Option),
            .. Options.Machines, .. Ways,
        ];
        foreach (var option in options)
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        string path = invocation.Find(Out) ?? DefaultOut;
        if (invocation.Get(StudyCluster.Gather))
        {
            StudyCluster.MakeTables(invocation, path);
            return;
        }
        if (invocation.Get(StudyWorkers.Option))
        {
            Run(invocation with { Cancellation = StudyWorkers.UntilInputEnds(invocation.Cancellation) }, path);
            return;
        }
        try
        {
            Run(invocation, path);
        }
        catch (Exception e) when (
            e is OperationCanceledException or UserException { Kind: ErrorKind.Failed } && !invocation.Get(StudyCluster.Slurm))
        {
            bool begun = File.Exists(Path.Combine(path, StudyFolder.Calls));
            string command = begun ? "resume" : "the same command";
            invocation.Terminal.Say($"finished units are kept in {path}; {command} goes on with the others");
            invocation.Terminal.Next(begun ? ["resume", path] : invocation.Arguments.Tokens.Select(t => t.Value));
            throw;
        }
    }

    private static void Run(Invocation invocation, string path)
    {
        // Settings of a method that is not asked for now are the study's all the same: options.json holds later calls to them.
        if (invocation.IsGiven(Lengths) && !invocation.Get(Methods).Contains(StudyRow.HandSet))
        {
            throw new UserException(
                ErrorKind.Usage, $"{Lengths.Name}: expected with {Methods.Name} {StudyRow.HandSet}, found with {StudyRow.Dynamic}");
        }
        StudyCluster.Demand(invocation);
        bool slurm = invocation.Get(StudyCluster.Slurm), worker = invocation.Get(StudyWorkers.Option);
        bool alone = worker || invocation.Get(Task) > 0, several = invocation.Get(Options.Devices).Length > 1;
        // A task may run where nothing can be fetched.
        bool given = invocation.Find(Options.Data) is not null;
        var set = slurm ? Workbench.LoadData(invocation) : given ? Given(invocation) : null;
        string? data = set?.Sha256() ?? (given ? null : Mnist.Sha256);
        PruneOptions[] asked = [.. invocation.Get(Networks).Select(Of)];
        var folder = new StudyFolder(path, invocation.Cancellation) { Patience = alone ? StudyFolder.AmongMany : StudyFolder.AmongFew };
        foreach (var options in asked)
            folder.Demand(options.Network, Described(invocation, options, data));
        StudyTask[] tasks = Chosen(invocation);
        JobPart[] parts =
        [
            .. from task in tasks
               let options = asked.First(o => o.Network == task.Network)
               from unit in task.Units
               where !folder.Has(task.Network, task.Seed, unit.Name)
               select unit.Name == StudyRow.Dense ? JobPlan.Dense(options)
                   : unit.Length > 0 ? JobPlan.Walk(options with { Epochs = unit.Length }, unit.Name) : JobPlan.Search(options, unit.Name),
        ];
        if (DryRun.IsAsked(invocation))
        {
            using var bench = Workbench.Open(invocation, asked[0], null);
            DryRun.Say(invocation, bench, asked[0], parts, parts.Length * asked[0].MaxDrop.Values.Count);
            return;
        }
        if (invocation.Half is not null && parts.Length == 0)
        {
            folder.Gather();
            SayWhole(invocation, path);
            return;
        }
        StudyWorkers.Demand(invocation);
        if (slurm)
            new SlurmScripts(path).Demand();
        if (slurm || alone || several)
            folder.DemandLocks();
        // Who called a worker has noted the call.
        if (!worker)
            folder.Note(GivenWords.Of(invocation));
        if (slurm)
        {
            StudyCluster.WriteJobs(invocation, path, folder, tasks);
            return;
        }
        invocation.Terminal.Half = path;
        if (several)
            StudyWorkers.Run(invocation, path, () => tasks.All(t => t.Missing(folder).Length == 0));
        else
        {
            var job = new JobProgress(parts);
            StudySeed[] seeds =
            [
                .. from task in tasks
                   let options = asked.First(o => o.Network == task.Network)
                   let described = Described(invocation, options, data)
                   let own = options with { Seed = task.Seed, Split = invocation.Get(FreshSplits) ? task.Seed : 0 }
                   select new StudySeed(invocation, folder, own, task.Units, described, job),
            ];
            MakeAll(invocation, seeds, untilThere: alone);
        }
        if (!alone)
            MakeTables(invocation, path, folder, tasks);
        else if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = path, Task = invocation.Get(Task) });

        // As units have them, so that a study goes on whichever way its options were said.
        PruneOptions Of(string network)
        {
            var shape = given ? set?.Shape ?? NetworkDescription.ImagesOf(network) : null;
            return Settings.Read(invocation, Asked, new PruneOptions { Network = network })
                .For(NetworkDescription.Parse(network, shape));
        }
    }

    private static void MakeTables(Invocation invocation, string path, StudyFolder folder, StudyTask[] tasks)
    {
        var (summary, text) = folder.Gather();
        string[] elsewhere = [.. tasks.SelectMany(t => t.Missing(folder).Select(u => folder.Unit(t.Network, t.Seed, u)))];
        invocation.Terminal.Print(text);
        invocation.Terminal.Say(
            $"{folder.File(StudyUnit.Rows)}, {folder.File(StudyUnit.Answers)} and {folder.File(StudyFolder.Table)} are written");
        ReportCommand.AtEnd(invocation, path, null);
        if (elsewhere.Length > 0)
            invocation.Terminal.Say($"another process, which writes the tables again, still makes {string.Join(", ", elsewhere)}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = path, summary.Groups, summary.Pairs, Pareto = summary.Points, Elsewhere = elsewhere });
    }

    /// <summary>Says that nothing is left to do.</summary>
    internal static void SayWhole(Invocation invocation, string path)
    {
        invocation.Terminal.Print($"{path}: all {StudyFolder.Calls} asks for is made, nothing is left to do");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = path, Whole = true });
    }

    /// <summary>
    /// Goes through the seeds until whatever is missing is being made by another process, or until it is there: should that process die,
    /// this one makes it.
    /// </summary>
    private static void MakeAll(Invocation invocation, StudySeed[] seeds, bool untilThere)
    {
        bool said = false;
        while (true)
        {
            var came = seeds.Select(s => s.Make()).ToArray();
            if (came.Contains(StudyProgress.Made))
                continue;
            bool dense = came.Contains(StudyProgress.Waits);
            if (!dense && (!untilThere || seeds.All(s => s.IsWhole)))
                return;
            if (!said)
            {
                invocation.Terminal.Say(
                    $"waiting for another process, which {(dense ? "trains the dense network that is needed" : "makes what is missing")}");
            }
            said = true;
            invocation.Cancellation.WaitHandle.WaitOne(Pause);
            invocation.Cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>What is asked for, in the order of making.</summary>
    internal static StudyTask[] Tasks(Invocation invocation)
    {
        var units = Units(invocation);
        return
        [
            .. invocation.Get(Networks).SelectMany(n => invocation.Get(Seeds).Select(s => (Network: n, Seed: s)))
                .Select((t, i) => new StudyTask(i + 1, t.Network, t.Seed, units)),
        ];
    }

    /// <exception cref="UserException">Usage: there is no such task.</exception>
    private static StudyTask[] Chosen(Invocation invocation)
    {
        var tasks = Tasks(invocation);
        int task = invocation.Get(Task);
        return task <= tasks.Length ? task == 0 ? tasks : [tasks[task - 1]] : throw new UserException(
            ErrorKind.Usage, $"{Task.Name}: expected at most {tasks.Length}, the number of networks x seeds, found {task}");
    }

    /// <summary>What is asked for of each seed, in the order of making.</summary>
    private static IReadOnlyList<(string Name, int Length)> Units(Invocation invocation)
    {
        var methods = invocation.Get(Methods);
        return
        [
            (StudyRow.Dense, 0),
            .. methods.Contains(StudyRow.HandSet) ? invocation.Get(Lengths).Select(l => (StudyUnit.HandSet(l), l)) : [],
            .. methods.Contains(StudyRow.Dynamic) ? [(StudyRow.Dynamic, 0)] : Array.Empty<(string, int)>(),
        ];
    }

    /// <summary>The set of --data; null where it cannot be read: finished units do not need it.</summary>
    private static ImageData? Given(Invocation invocation)
    {
        try
        {
            return Workbench.LoadData(invocation);
        }
        catch (UserException e) when (e.Kind == ErrorKind.BadData)
        {
            return null;
        }
    }

    /// <summary>
    /// What all units of a network have in common. Seeds, methods and retraining lengths name units, so more of them may follow.
    /// </summary>
    private static JsonObject Described(Invocation invocation, PruneOptions options, string? data)
    {
        var all = JsonSerializer.SerializeToNode(options, Terminal.Json)!.AsObject();
        all.Remove("seed");
        if (invocation.Get(FreshSplits))
            all.Insert(0, "fresh_splits", JsonValue.Create(true));
        all.Insert(0, StudyOptions.DataSha256, JsonValue.Create(data));
        all.Insert(0, StudyOptions.Data, JsonValue.Create(invocation.Find(Options.Data) ?? "mnist"));
        all.Insert(0, "simd", JsonValue.Create(invocation.Get(Options.Simd)));
        all.Insert(0, "workers", JsonValue.Create(invocation.Get(Options.Workers)));
        // Networks do not depend on which device of a kind made them.
        all.Insert(0, StudyOptions.Device, JsonValue.Create((invocation.Device with { Index = 0 }).ToString()));
        all.Insert(0, "verb", JsonValue.Create(Name));
        return all;
    }
}
