using System.Text.RegularExpressions;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;
using Secateurs.Program.Runs;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>A run that is broken off and goes on ends as one that is not: the same bits in all files, but for times.</summary>
public sealed class ResumeTests : IDisposable
{
    /// <summary>A short run of each kind, by name.</summary>
    internal static readonly Dictionary<string, string[]> Runs = new()
    {
        ["train"] = ["train", "--epochs", "12"],
        ["dynamic"] = ["prune", "--dense-epochs", "3", "--epochs", "2", "--max-drop", "1,5"],
        ["certified"] = ["prune", "--dense-epochs", "3", "--epochs", "2", "--max-drop", "40", "--confidence", "0.9", "--augment", "crop"],
        ["target"] = ["prune", "--dense-epochs", "3", "--epochs", "2", "--target-ratio", "9"],
        ["hand-set"] = ["prune", "--dense-epochs", "3", "--epochs", "4", "--method", "hand-set", "--optimizer", "sgd"],
        ["compare"] = ["compare", "--dense-epochs", "3", "--epochs", "2", "--max-drop", "5", "--full"],
    };

    /// <summary>With running averages, which follow what is pruned or averaged, and drop-out.</summary>
    private const string Normalised = "conv2@5s2br pool2 drop0.1 fc10";

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public ResumeTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    /// <summary>Interrupted when so much more is recorded than was before: at many places, one after the other.</summary>
    [Theory]
    [InlineData("train", 3)]
    [InlineData("dynamic", 5)]
    [InlineData("certified", 6)]
    [InlineData("target", 2)]
    [InlineData("hand-set", 3)]
    [InlineData("compare", 8)]
    [InlineData("dynamic", 9, Normalised)]
    public void A_run_that_is_interrupted_again_and_again_ends_with_the_same_bits(string name, int records, string network = "fc16r fc10")
    {
        string whole = _folder.Combine("whole"), broken = _folder.Combine("broken");
        string[] Command(string run) => [.. Runs[name], "--network", network, .. Cli.Small(_data, run)[2..]];
        Cli.Done(Command(whole));
        int breaks = 0;
        string[] args = Command(broken);
        while (true)
        {
            using var cancelled = new CancellationTokenSource();
            int before = Records(broken);
            using var error = new Watched(() =>
            {
                if (Records(broken) >= before + records)
                    cancelled.Cancel();
            });
            int code = CommandLine.Run(args, new Terminal(TextWriter.Null, error, interactive: false, colour: false), cancelled.Token);
            // The run may be whole before it heeds the request.
            if (code == 0 || Secateurs.Program.Runs.RunFiles.Half(broken) is null)
                break;
            Assert.True(code == (int)ExitCode.Interrupted, error.ToString());
            Assert.Contains($"resume {broken}", error.ToString());
            args = ["resume", broken];
            Assert.True(++breaks < 100, "it does not come to its end");
        }
        Assert.True(breaks >= 2, $"{breaks} breaks");
        AssertSame(whole, broken);
        var (output, _) = Cli.Done("resume", broken);
        Assert.Contains("whole", output);
    }

    [Fact]
    public void A_run_that_is_to_replace_another_goes_on_beside_it_and_takes_its_place()
    {
        string whole = _folder.Combine("whole"), run = _folder.Combine("run");
        string[] command = [.. Runs["dynamic"], .. Cli.Small(_data, whole)];
        Cli.Done(command);
        Cli.Done(["train", "--epochs", "1", .. Cli.Small(_data, run)]);
        byte[] before = File.ReadAllBytes(Path.Combine(run, "model.safetensors"));
        Break([.. command[..^1], run, "--force"], Path.Combine(run, "partial"), records: 12);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(run, "model.safetensors")));
        Cli.Done("resume", run);
        AssertSame(whole, run);
        Assert.Contains("whole", Cli.Done("resume", run, "--json").Error + Cli.Done("resume", run).Output, StringComparison.Ordinal);
    }

    /// <summary>The journal may end anywhere: in a line, before a state that is there, behind one that is not.</summary>
    [Theory]
    [InlineData("dynamic", 1)]
    [InlineData("dynamic", 700)]
    [InlineData("dynamic", 6000)]
    [InlineData("hand-set", 300)]
    [InlineData("hand-set", 1_000_000)]
    public void A_torn_journal_counts_as_far_as_it_is_whole(string name, int bytes)
    {
        string whole = _folder.Combine("whole"), run = _folder.Combine("run");
        string[] command = [.. Runs[name], .. Cli.Small(_data, whole)];
        Cli.Done(command);
        Break([.. command[..^1], run], run, records: name == "dynamic" ? 22 : 9);
        string journal = Path.Combine(run, RunFolder.Resume, "journal.jsonl");
        byte[] lines = File.ReadAllBytes(journal);
        File.WriteAllBytes(journal, lines[..Math.Max(0, lines.Length - bytes)]);
        Cli.Done("resume", run);
        AssertSame(whole, run);
    }

    [Fact]
    public void A_half_run_is_named_by_whoever_reads_it_and_replaced_by_force()
    {
        string run = _folder.Combine("run"), whole = _folder.Combine("whole");
        string[] command = [.. Runs["target"], .. Cli.Small(_data, run)];
        Break(command, run, records: 8);
        Assert.Contains($"resume {run}", Cli.Done("plot", "--run", run).Error, StringComparison.Ordinal);
        Cli.Done([.. command, "--force"]);
        Assert.False(Directory.Exists(Path.Combine(run, RunFolder.Resume)));
        Assert.Contains("whole", Cli.Done("resume", run).Output, StringComparison.Ordinal);
        Cli.Done([.. command[..^1], whole]);
        AssertSame(whole, run);
    }

    [Fact]
    public void An_interrupted_study_goes_on_by_resume()
    {
        string whole = _folder.Combine("whole"), broken = _folder.Combine("broken");
        string[] command =
        [
            "study", "--networks", "fc16r fc10", "--seeds", "1-2", "--methods", "dynamic", "--dense-epochs", "2", "--epochs", "1",
            "--max-drop", "5", .. Cli.Small(_data, whole)[2..],
        ];
        Cli.Done(command);
        string half = Path.Combine(broken, "fc16r-fc10", "seed-1", "dynamic.partial", "partial");
        string error = Break([.. command[..^1], broken], half, records: 12);
        Assert.Contains($"resume goes on with the others\nnext: secateurs resume {broken}\n", error, StringComparison.Ordinal);
        Assert.True(Records(half) > 0);
        (_, error) = Cli.Done("resume", broken);
        Assert.Contains($"dynamic -> {half}\n", error, StringComparison.Ordinal);
        AssertSame(whole, broken);
        Assert.Contains("nothing is left to do", Cli.Done("resume", broken).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_half_says_how_to_go_on_and_what_cannot_go_on_says_why()
    {
        string run = _folder.Combine("run");
        string[] command = [.. Runs["dynamic"], .. Cli.Small(_data, run)];
        Break(command, run, records: 12);
        Assert.Contains($"resume {run}", Cli.Run(command).Error, StringComparison.Ordinal);

        // Another image, so another course.
        string images = Path.Combine(_data, "train-images-idx3-ubyte");
        byte[] pixels = File.ReadAllBytes(images);
        File.WriteAllBytes(images, [.. pixels[..^1], (byte)(pixels[^1] ^ 1)]);
        var (code, _, error) = Cli.Run("resume", run);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("expected a run whose data is as it is now", error, StringComparison.Ordinal);
        File.WriteAllBytes(images, pixels);

        // A state whose bits were changed on the disk.
        string state = Directory.EnumerateFiles(Path.Combine(run, RunFolder.Resume), "*.safetensors").Order(StringComparer.Ordinal).First();
        byte[] bytes = File.ReadAllBytes(state);
        File.WriteAllBytes(state, [.. bytes[..^1], (byte)(bytes[^1] ^ 1)]);
        (code, _, error) = Cli.Run("resume", run);
        Assert.Equal((int)ExitCode.BadFile, code);
        Assert.Contains(state, error, StringComparison.Ordinal);

        using (FolderLock.TryTake(run))
            Assert.Contains("another process works in", Cli.Run("resume", run).Error, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("resume", _data).Code);
        Assert.Equal((int)ExitCode.Usage, Cli.Run("resume", _folder.Combine("nowhere")).Code);
    }

    [Fact]
    public void Options_of_a_run_repeat_it_elsewhere_and_may_be_changed()
    {
        string run = _folder.Combine("run"), again = _folder.Combine("again"), other = _folder.Combine("other");
        Cli.Done([.. Runs["target"], .. Cli.Small(_data, run)]);
        string options = Path.Combine(run, "options.json");
        Cli.Done("prune", "--from", options, "--out", again);
        AssertSame(run, again);
        Cli.Done("prune", "--out", other, "--target-ratio", "20", "--from", options);
        Assert.Contains(",20.", File.ReadAllText(Path.Combine(other, "summary.csv")), StringComparison.Ordinal);
        var (code, _, error) = Cli.Run("train", "--from", options, "--out", _folder.Combine("none"));
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("expected options of `train`, found those of `prune`", error, StringComparison.Ordinal);
    }

    /// <summary>Runs a command and interrupts it when so much is recorded.</summary>
    /// <returns>What it said.</returns>
    private static string Break(string[] args, string place, int records)
    {
        using var cancelled = new CancellationTokenSource();
        using var error = new Watched(() =>
        {
            if (Records(place) >= records)
                cancelled.Cancel();
        });
        int code = CommandLine.Run(args, new Terminal(TextWriter.Null, error, interactive: false, colour: false), cancelled.Token);
        Assert.True(code == (int)ExitCode.Interrupted, error.ToString());
        return error.ToString();
    }

    /// <summary>The same files, with the same content but for times, paths and pictures of times.</summary>
    internal static void AssertSame(string whole, string broken)
    {
        Assert.Equal(Files(whole), Files(broken));
        foreach (string file in Files(whole))
        {
            byte[] expected = File.ReadAllBytes(Path.Combine(whole, file)), found = File.ReadAllBytes(Path.Combine(broken, file));
            if (file.EndsWith(".csv", StringComparison.Ordinal))
                Assert.Equal(WithoutTimes(Path.Combine(whole, file)), WithoutTimes(Path.Combine(broken, file)));
            else if (Path.GetExtension(file) is ".safetensors" or ".dcn")
                Assert.True(expected.AsSpan().SequenceEqual(found), file);
        }

        static string[] Files(string folder) => [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) != ".html" && Path.GetFileName(f) != FolderLock.Name)
            .Select(f => Path.GetRelativePath(folder, f)).Order(StringComparer.Ordinal)];
    }

    private static string[] WithoutTimes(string file)
    {
        string[] lines = File.ReadAllLines(file), names = lines[0].Split(',');
        int[] times = [.. names.Index().Where(n => Regex.IsMatch(n.Item, "seconds|elapsed_s|times_sooner")).Select(n => n.Index)];
        return [.. lines.Select(l => string.Join(',', l.Split(',').Index().Where(f => !times.Contains(f.Index)).Select(f => f.Item)))];
    }

    private static int Records(string run)
    {
        string journal = Path.Combine(run, RunFolder.Resume, "journal.jsonl");
        return File.Exists(journal) ? File.ReadAllLines(journal).Length : 0;
    }

    /// <summary>Text of the program; each line lets somebody look.</summary>
    private sealed class Watched(Action look) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            look();
        }
    }
}
