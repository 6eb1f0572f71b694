using System.CommandLine;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Commands;

/// <summary><c>resume</c>: goes on with a run that was broken off, with the options that it began with, to the same bits.</summary>
internal static class ResumeCommand
{
    private static readonly Argument<string> Folder = new("DIR") { Description = "folder of a run that was broken off" };

    static ResumeCommand() => Folder.Validators.Add(Options.DemandPaths);

    public static (Command, Action<Invocation>) Create() => (
        new Command("resume", "go on where train, prune, compare, compress or study was broken off, to the same result")
        {
            Folder, Options.Json,
        },
        Run);

    private static void Run(Invocation invocation)
    {
        string folder = invocation.Arguments.GetRequiredValue(Folder);
        if (StudyOptions.Calls(Path.Combine(folder, StudyFolder.Calls)) is { Length: > 0 } calls)
        {
            // One result, of the last call, is that of the whole study.
            foreach (string[] words in calls)
                Again(invocation, [StudyCommand.Name, .. words], folder, folder, invocation.Get(Options.Json) && words == calls[^1]);
        }
        else if (RunFiles.Half(folder) is { } half)
            Again(invocation, GivenWords.Read(RunFiles.Begun(half)), folder, half, invocation.Get(Options.Json));
        else if (RunFiles.IsRun(folder))
        {
            invocation.Terminal.Print($"{folder}: the run is whole, nothing is left to do");
            if (invocation.Get(Options.Json))
                invocation.Terminal.Result(new { Out = folder, Whole = true });
        }
        else
            throw new UserException(ErrorKind.Usage, $"{folder}: expected the folder of a run, found {Found(folder)}");
    }

    private static void Again(Invocation invocation, string[] words, string folder, string half, bool json)
    {
        invocation.Terminal.Say($"{half}: `{words[0]}` goes on");
        CommandLine.Run([.. words, Options.Out.Name, folder, .. json ? [Options.Json.Name] : Array.Empty<string>()], invocation, half);
    }

    private static string Found(string folder) => File.Exists(folder) ? "a file" : !Directory.Exists(folder) ? "nothing"
        : Directory.EnumerateFileSystemEntries(folder).Any(e => Path.GetFileName(e) != FolderLock.Name) ? "one with other files"
        : "an empty one";
}
