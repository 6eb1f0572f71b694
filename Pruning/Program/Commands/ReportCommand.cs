using System.CommandLine;
using System.Text;
using Secateurs.Model;
using Secateurs.Program.Reports;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Commands;

/// <summary><c>report</c>: a run, a comparison or a study as one page of HTML, which other verbs write at their end.</summary>
internal static class ReportCommand
{
    /// <summary>For the verbs that write a report at their end.</summary>
    public static readonly Option<bool> None = Options.Flag("--no-report", $"write no {RunFolder.Report}");

    private static readonly Argument<string> Folder = new("DIR") { Description = "folder of a run, of a comparison or of a study" };

    private static readonly Option<string?> Target = Options.Path(
        "--out", "FILE", $"the page; without it {RunFolder.Report} in the folder");

    static ReportCommand() => Folder.Validators.Add(Options.DemandPaths);

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("report", "make a page of HTML of a run, a comparison or a study") { Folder };
        foreach (var option in (Option[])[Target, Options.Force, .. Options.Machine])
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        string folder = invocation.Arguments.GetRequiredValue(Folder);
        if (!Directory.Exists(folder))
            throw new UserException(ErrorKind.Usage, $"{folder}: expected a folder, found none");
        invocation.RemarkHalf(folder);
        // A run's own page is made anew; any other path must be free.
        string target = invocation.Find(Target) ?? Path.Combine(folder, RunFolder.Report);
        Write(invocation, folder, target, invocation.Find(Target) is null || invocation.Get(Options.Force), null);
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = target });
    }

    /// <summary>At the end of a verb, unless it was told not to. A report that cannot be made ends nothing: the run is whole.</summary>
    /// <param name="invocation">The call.</param>
    /// <param name="folder">Of the run.</param>
    /// <param name="data">The set, if it is at hand.</param>
    public static void AtEnd(Invocation invocation, string folder, ImageData? data)
    {
        if (invocation.Get(None))
            return;
        try
        {
            Write(invocation, folder, Path.Combine(folder, RunFolder.Report), replace: true, data);
        }
        catch (UserException e)
        {
            invocation.Terminal.Say($"warning: no report: {e.Message}");
        }
    }

    private static void Write(Invocation invocation, string folder, string target, bool replace, ImageData? data)
    {
        string program = Terminal.Command;
        string html = File.Exists(Path.Combine(folder, StudyUnit.Rows)) && !File.Exists(Path.Combine(folder, RunFolder.Iterations))
            ? StudyReport.Html(folder, program)
            : RunReport.Html(folder, Find(invocation, folder, data), program);
        AtomicFile.Write(target, stream => stream.Write(Encoding.UTF8.GetBytes(html)), replace);
        invocation.Terminal.Say($"report: {target}");
    }

    /// <summary>Networks and test images; what is not there any more is left out of the page, with a remark.</summary>
    private static Evidence? Find(Invocation invocation, string folder, ImageData? data)
    {
        bool compared = RunReport.IsComparison(folder);
        string pruned = compared ? Path.Combine(folder, RunFolder.Dynamic) : folder;
        var options = RunRecord.Json(Path.Combine(pruned, RunFolder.Options));
        if (!File.Exists(Path.Combine(pruned, RunFolder.Summary)) || options["verb"]?.ToString() == "train")
            return null;
        string[] dense =
        [
            Path.Combine(folder, RunFolder.Dense), Path.Combine(folder, "..", RunFolder.Dense),
            Path.Combine(folder, "..", JobPlan.DenseName, RunFolder.Dense),
            .. options["model"]?.ToString() is { } model ? (string[])[model, Path.Combine(model, RunFolder.Model)] : [],
        ];
        try
        {
            data ??= invocation.Find(Options.Data) is null && options["data"]?.ToString() is { } trained && Directory.Exists(trained)
                ? Workbench.LoadData(invocation, trained)
                : Workbench.LoadData(invocation);
            return Evidence.Find(invocation, pruned, dense, data);
        }
        catch (UserException e)
        {
            invocation.Terminal.Say($"without pictures of images and weights: {e.Message}");
            return null;
        }
    }
}
