using System.CommandLine;
using System.Text;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Commands;

/// <summary><c>plot</c>: draws the curves of a run or a study again from its CSV files.</summary>
internal static class PlotCommand
{
    private static readonly Option<string?> RunFolderOption = Options.Path(
        "--run", "DIR", "folder of a run, of a comparison or of a study");
    private static readonly Option<string?> Target = Options.Path(
        "--out", "FILE", "the picture: PNG where the name ends in .png, else SVG; without it curves.svg in the run's folder");

    public static (Command, Action<Invocation>) Create()
    {
        const string about = "draw a run, a comparison or a study as SVG or PNG";
        return (new Command("plot", about) { RunFolderOption, Target, Options.Force, Options.Json }, Run);
    }

    private static void Run(Invocation invocation)
    {
        string run = invocation.Find(RunFolderOption) ?? throw new UserException(ErrorKind.Usage, "--run: expected a folder, found none");
        // A run's own picture is drawn anew; any other path must be free.
        bool own = invocation.Find(Target) is null;
        IEnumerable<string> read = RunFolder.Sides.Append("").SelectMany(s => RunFiles.Names.Select(n => Path.Combine(run, s, n)));
        string target = own ? Path.Combine(run, RunFolder.Curves)
            : ExportCommand.TakeTarget(invocation, Target, read.Where(f => Path.GetFileName(f) != RunFolder.Curves && File.Exists(f)));
        string title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run)));
        string study = Path.Combine(run, StudyUnit.Rows);
        string[] sides =
            [.. RunFolder.Sides.Select(n => Path.Combine(run, n)).Where(d => File.Exists(Path.Combine(d, RunFolder.Iterations)))];
        string svg = sides.Length > 0 ? Curves.OfComparison(sides, title)
            : File.Exists(study) && !File.Exists(Path.Combine(run, RunFolder.Iterations)) ? Curves.OfStudy(StudyRow.Read(study), title)
            : Curves.OfRun(run, title);
        byte[] picture = Path.GetExtension(target).Equals(".png", StringComparison.OrdinalIgnoreCase)
            ? SvgRaster.Png(svg, FontFiles.Folders) : Encoding.UTF8.GetBytes(svg);
        AtomicFile.Write(target, stream => stream.Write(picture), own || invocation.Get(Options.Force));
        invocation.Terminal.Say($"drawn: {target}");
        invocation.RemarkHalf(run);
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = target });
    }
}
