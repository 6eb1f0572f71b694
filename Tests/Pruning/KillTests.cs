using System.Diagnostics;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>
/// Processes that are killed at random moments, 20 in all, and gone on with: their ends are those of runs that nobody killed.
/// Tests/kills.sh does so 200 times.
/// </summary>
public sealed class KillTests : IDisposable
{
    private const int Kills = 4, Seed = 17;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public KillTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("train")]
    [InlineData("prune")]
    [InlineData("compare")]
    [InlineData("compress")]
    [InlineData("study")]
    public async Task Killed_four_times_a_run_ends_with_the_same_bits(string verb)
    {
        string whole = _folder.Combine("whole"), broken = _folder.Combine("broken");
        Cli.Done(Command(verb, whole));
        var random = new Random(Seed);
        string[] args = Command(verb, broken);
        for (int kill = 0; kill < Kills; kill++)
        {
            int aim = Records(broken) + 1 + random.Next(3);
            await Kill(args, () => Records(broken) >= aim, random.Next(30));
            // One that was killed before it noted its options begins as it began.
            if (Secateurs.Program.Runs.RunFiles.Half(broken) is not null || File.Exists(Path.Combine(broken, StudyFolder.Calls)))
                args = ["resume", broken];
        }
        if (Secateurs.Program.Runs.RunFiles.IsRun(broken))
            Cli.Done("resume", broken);
        else
            Cli.Done(args);
        ResumeTests.AssertSame(whole, broken);
    }

    private string[] Command(string verb, string run)
    {
        string[] small = Cli.Small(_data, run);
        switch (verb)
        {
            case "train":
                return ["train", "--epochs", "30", .. small];
            case "prune":
                return ["prune", "--dense-epochs", "3", "--epochs", "3", "--max-drop", "2", .. small];
            case "compare":
                return ["compare", "--dense-epochs", "3", "--epochs", "2", "--max-drop", "5", "--full", .. small];
            case "study":
                return
                [
                    "study", "--networks", "fc16r fc10", "--seeds", "1-2", "--hand-set-epochs", "1,2", "--dense-epochs", "2",
                    "--epochs", "2", "--max-drop", "5", .. small[2..],
                ];
            default:
                string model = _folder.Combine("dense");
                if (!Directory.Exists(model))
                    Cli.Done(["train", "--epochs", "3", .. Cli.Small(_data, model)]);
                return
                [
                    "compress", "--model", model, "--data", _data, "--out", run, "--device", "cpu", "--workers", Cli.Workers,
                    "--batch", "16", "--epochs", "6",
                ];
        }
    }

    /// <summary>Starts a process and kills it when it is there, and some milliseconds later; one that ends before is whole.</summary>
    private async Task Kill(string[] args, Func<bool> isThere, int milliseconds)
    {
        using var process = Cli.Start(_folder.Path, args);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var waited = Stopwatch.StartNew();
        while (!process.HasExited && !isThere() && waited.Elapsed < Patience)
            await Task.Delay(1, TestContext.Current.CancellationToken);
        await Task.Delay(milliseconds, TestContext.Current.CancellationToken);
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await output;
        Assert.DoesNotContain("error:", await error, StringComparison.Ordinal);
    }

    /// <summary>Lines of all journals, and units of a study that are whole.</summary>
    private static int Records(string folder) => !Directory.Exists(folder) ? 0
        : Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(Lines);

    private static int Lines(string file)
    {
        try
        {
            return Path.GetFileName(file) is StudyUnit.Answers ? 100
                : Path.GetFileName(file) == "journal.jsonl" ? File.ReadAllLines(file).Length : 0;
        }
        catch (IOException)
        {
            return 0; // gone meanwhile
        }
    }
}
