using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Who may make which unit, with which options, and what is never removed.</summary>
public sealed class StudyFolderTests : IDisposable
{
    private const string Network = "fc10";
    private static readonly JsonObject Options = new() { ["verb"] = "study", ["decay"] = 0.1 };
    private static readonly JsonObject Others = new() { ["verb"] = "study", ["decay"] = 0.2 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Home => _folder.Combine("study");

    private StudyFolder Study => new(Home);

    [Fact]
    public void A_unit_that_is_being_made_is_made_by_nobody_else_and_binds_its_options()
    {
        Study.Demand(Network, Options);
        bool made = Study.Make(Network, 1, "dense", Options, into =>
        {
            Assert.Equal(["hand-set-2"], Study.Free(Network, 1, ["dense", "hand-set-2"]));
            Assert.False(Study.Make(Network, 1, "dense", Options, _ => Assert.Fail("made twice")));
            Assert.Equal(ErrorKind.Usage, Assert.Throws<UserException>(() => Study.Demand(Network, Others)).Kind);
            Assert.Equal(
                ErrorKind.Usage,
                Assert.Throws<UserException>(() => Study.Make(Network, 2, "dense", Others, _ => Assert.Fail("made"))).Kind);
            Assert.True(Study.Make(Network, 1, "hand-set-2", Options, Fill));
            Fill(into);
        });
        Assert.True(made);
        Assert.False(Study.Make(Network, 1, "dense", Options, _ => Assert.Fail("made again")));
        Assert.Equal(
            ["dense", "hand-set-2", "options.json", "seed-1"],
            Directory.EnumerateFileSystemEntries(
                Path.Combine(Home, Network), "*",
                new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1, AttributesToSkip = 0 })
                .Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["answers.csv", "options.json", "study.csv", "summary.csv"],
            Directory.GetFileSystemEntries(Study.Unit(Network, 1, "dense"))
                .Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    /// <summary>Once the number of the device was noted too; networks do not depend on it.</summary>
    [Fact]
    public void Devices_of_one_kind_work_on_one_study()
    {
        Assert.True(Study.Make(Network, 1, "dense", new JsonObject { ["verb"] = "study", ["device"] = "cuda:1" }, Fill));
        Study.Demand(Network, new JsonObject { ["verb"] = "study", ["device"] = "cuda" });
        Assert.Throws<UserException>(() => Study.Demand(Network, new JsonObject { ["verb"] = "study", ["device"] = "cpu" }));
    }

    /// <summary>Fill leaves out within.csv, as studies of the dynamic side alone once did.</summary>
    [Fact]
    public void A_list_of_what_was_within_is_missed_only_once_a_walk_by_hand_is_finished()
    {
        Assert.True(Study.Make(Network, 1, "dynamic", Options, Fill));
        Assert.True(Study.Make(Network, 1, "hand-set-4", Options, into =>
        {
            Assert.True(Study.Has(Network, 1, "dynamic"));
            Fill(into);
        }));
        string list = Path.Combine(Study.Unit(Network, 1, "dynamic"), StudyUnit.Within);
        Refusal.Message(ErrorKind.BadFile, list, () => Study.Has(Network, 1, "dynamic"));
    }

    [Fact]
    public void What_was_broken_off_stays_until_the_unit_is_there_and_binds_no_options()
    {
        string partial = Path.Combine(Home, Network, "seed-1", "dense.partial");
        string best = Path.Combine(partial, "partial", "model.safetensors");
        Assert.Throws<OperationCanceledException>(() => Study.Make(Network, 1, "dense", Options, into =>
        {
            into.WriteJson(RunFolder.Options, Options);
            into.WriteText(RunFolder.Model, "best so far");
            File.WriteAllText(into.Drop(0.5).File(RunFolder.Model), "another");
            throw new OperationCanceledException();
        }));
        Study.Demand(Network, Others);
        Assert.True(Study.Make(Network, 1, "dense", Others, into =>
        {
            Assert.Equal("best so far", File.ReadAllText(best));
            Fill(into);
        }));
        Assert.False(Directory.Exists(partial));
    }

    /// <summary>A process may be killed when its unit has just got its name.</summary>
    [Fact]
    public void What_is_left_of_a_finished_unit_goes_when_the_study_goes_on()
    {
        string partial = Path.Combine(Home, Network, "seed-1", "dense.partial"), inner = Path.Combine(partial, "partial");
        Assert.True(Study.Make(Network, 1, "dense", Options, Fill));
        Directory.CreateDirectory(inner);
        File.WriteAllText(Path.Combine(partial, FolderLock.Name), "");
        File.WriteAllText(Path.Combine(inner, RunFolder.Options), Options.ToJsonString());
        File.WriteAllText(Path.Combine(inner, RunFolder.Model), "of a run that was broken off");
        File.WriteAllText(Path.Combine(Directory.CreateDirectory($"{inner}-2").FullName, $".options.json.{new string('a', 32)}.tmp"), "{");
        using (FolderLock.TryTake(partial))
        {
            Assert.Empty(Study.Free(Network, 1, ["dense"]));
            Assert.True(File.Exists(Path.Combine(inner, RunFolder.Model)));
        }
        Assert.Equal(["dynamic"], Study.Free(Network, 1, ["dense", "dynamic"]));
        Assert.False(Directory.Exists(partial));
    }

    [Fact]
    public void Neither_a_users_file_nor_what_a_link_leads_to_is_removed()
    {
        string seed = Path.Combine(Home, Network, "seed-1"), partial = Path.Combine(seed, "dense.partial");
        string mine = _folder.Combine("mine"), notes = Path.Combine(partial, "partial", "notes.txt");
        Directory.CreateDirectory(mine);
        File.WriteAllText(Path.Combine(mine, RunFolder.Model), "kept");
        File.WriteAllText(Path.Combine(mine, RunFolder.Options), Options.ToJsonString());
        Directory.CreateDirectory(Path.GetDirectoryName(notes)!);
        File.WriteAllText(notes, "kept");
        Directory.CreateSymbolicLink(Path.Combine(partial, "partial-2"), mine);
        Assert.True(Study.Make(Network, 1, "dense", Options, Fill));
        Assert.Equal("kept", File.ReadAllText(notes));
        Directory.CreateSymbolicLink(Path.Combine(seed, "dynamic.partial"), mine);
        Assert.Contains("found a link", Assert.Throws<UserException>(() => Study.Make(Network, 1, "dynamic", Options, Fill)).Message);
        Assert.Equal("kept", File.ReadAllText(Path.Combine(mine, RunFolder.Model)));
    }

    [Theory]
    [InlineData("""{"verb":"study","verb":"study","decay":0.1}""")]
    [InlineData("""{"verb":"\ud800","decay":0.1}""")]
    [InlineData("""{"verb":"study","\ud800":1,"decay":0.1}""")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("{")]
    public void Options_that_cannot_be_read_are_a_bad_file_and_one_line(string text)
    {
        Study.Make(Network, 1, "dense", Options, Fill);
        Study.Demand(Network, Options);
        File.WriteAllText(Path.Combine(Home, Network, RunFolder.Options), text);
        foreach (var use in (Action[])[() => Study.Demand(Network, Options), () => Study.Make(Network, 2, "dense", Options, Fill)])
        {
            var error = Assert.Throws<UserException>(use);
            Assert.Equal(ErrorKind.BadFile, error.Kind);
            Assert.Contains("expected the options of a study, found ", error.Message);
        }
    }

    [Fact]
    public void Folders_that_are_no_studys_are_refused()
    {
        Study.Demand(Network, Options);
        Assert.False(Directory.Exists(Home));
        Directory.CreateDirectory(Home);
        Study.Demand(Network, Options);
        File.WriteAllText(Path.Combine(Home, "thesis.txt"), "");
        var error = Assert.Throws<UserException>(() => Study.Demand(Network, Options));
        Assert.Equal(
            (ErrorKind.Usage, $"{Home}: expected a new folder or that of a study, found one with files (thesis.txt, ...)"),
            (error.Kind, error.Message));
        string file = Path.Combine(Home, "thesis.txt");
        Assert.Equal(ErrorKind.Failed, Assert.Throws<UserException>(() => new StudyFolder(file).Demand(Network, Options)).Kind);
    }

    [Fact]
    public void A_folder_that_a_run_works_in_is_refused_after_a_while()
    {
        using var ends = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var run = RunFolder.Create(Home, "", force: false);
        var study = new StudyFolder(Home, ends.Token) { Patience = TimeSpan.FromMilliseconds(50) };
        foreach (var use in (Action[])[() => study.Demand(Network, Options), () => study.Gather()])
            Assert.EndsWith("a folder of its own, found one that another process works in", Refusal.Message(ErrorKind.Failed, Home, use));
    }

    /// <summary>What a finished unit has at least.</summary>
    private static void Fill(RunFolder into)
    {
        into.WriteJson(RunFolder.Options, Options);
        foreach (string name in (string[])[RunFolder.Summary, StudyUnit.Rows, StudyUnit.Answers])
            into.WriteText(name, "");
    }
}
