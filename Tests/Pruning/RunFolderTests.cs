using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>What is a user's stays; what is a run's goes when its replacement is whole.</summary>
public sealed class RunFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Run => _folder.Combine("run");

    [Fact]
    public void A_new_or_empty_folder_is_written_to_directly()
    {
        Directory.CreateDirectory(Run);
        using (var folder = RunFolder.Create(Run, "", force: false))
        {
            folder.WriteText(RunFolder.Log, "x");
            Assert.False(folder.Replaces);
            Assert.True(File.Exists(Path.Combine(Run, RunFolder.Log)));
            folder.Finish();
        }
        Assert.Equal([RunFolder.Log], Names(Run));
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("drop-a/drop-b/log.txt")]
    [InlineData("options.json")]
    public void A_folder_that_is_not_empty_is_refused(string file)
    {
        Put(file, "mine");
        Refusal.Message(ErrorKind.Usage, Run, () => RunFolder.Create(Run, "", force: false));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Run, file)));
        Assert.False(File.Exists(Path.Combine(Run, FolderLock.Name)));
    }

    [Fact]
    public void A_folder_that_another_process_works_in_is_refused_even_by_force()
    {
        using var first = RunFolder.Create(Run, "", force: false);
        Refusal.Message(ErrorKind.Usage, Run, () => RunFolder.Create(Run, "", force: true));
        Refusal.Message(ErrorKind.Usage, Run, () => RunFolder.Create(Run, "", force: false));
    }

    [Fact]
    public void By_force_a_run_is_replaced_when_the_new_one_is_whole_and_nothing_else_is_touched()
    {
        OldRun("prune");
        Put(RunFolder.Summary, "old");
        Put("drop-0.5/model.safetensors", "old");
        Put("drop-a/model.safetensors", "mine");
        Put("second/model.safetensors", "mine");
        Put("notes.txt", "mine");
        using (var folder = RunFolder.Create(Run, "", force: true))
        {
            folder.WriteText(RunFolder.Options, """{"verb":"train"}""");
            folder.WriteText(RunFolder.Model, "new");
            Assert.Equal(Path.Combine(Run, RunFolder.Partial), folder.Path);
            Assert.Equal("old", Read(RunFolder.Model));
            folder.Finish();
            Assert.Equal(Run, folder.Path);
        }
        Assert.Equal("new", Read(RunFolder.Model));
        Assert.Equal(["drop-a", RunFolder.Model, "notes.txt", RunFolder.Options, "second"], Names(Run));
        Assert.Equal("mine", Read("drop-a/model.safetensors"));
        Assert.Equal("mine", Read("second/model.safetensors"));
    }

    [Fact]
    public void A_replacement_that_was_broken_off_leaves_the_old_run_and_goes_with_the_next()
    {
        OldRun("train");
        using (var broken = RunFolder.Create(Run, "", force: true))
        {
            broken.WriteText(RunFolder.Options, """{"verb":"train"}""");
            broken.WriteText(RunFolder.Model, "half");
        }
        Assert.Equal("old", Read(RunFolder.Model));
        Assert.Equal("half", Read("partial/model.safetensors"));
        using (var next = RunFolder.Create(Run, "", force: true))
        {
            next.WriteText(RunFolder.Options, """{"verb":"train"}""");
            next.WriteText(RunFolder.Model, "new");
            Assert.Equal("half", Read("partial/model.safetensors"));
            next.Finish();
        }
        Assert.Equal("new", Read(RunFolder.Model));
        Assert.Equal([RunFolder.Model, RunFolder.Options], Names(Run));
    }

    [Fact]
    public void What_a_run_reads_is_never_replaced()
    {
        OldRun("prune");
        Put(RunFolder.Dense, "input");
        string dense = Path.Combine(Run, RunFolder.Dense), model = Path.Combine(Run, RunFolder.Model);
        using (var folder = RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(dense)))
        {
            folder.WriteText(RunFolder.Options, """{"verb":"prune"}""");
            folder.WriteText(RunFolder.Model, "new");
            folder.Finish();
        }
        Assert.Equal("input", Read(RunFolder.Dense));
        Assert.Equal("new", Read(RunFolder.Model));
        Refusal.Message(ErrorKind.Usage, model, () => RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(model)));
        if (!OperatingSystem.IsWindows())
        {
            string link = _folder.Combine("link");
            File.CreateSymbolicLink(link, model);
            Refusal.Message(ErrorKind.Usage, model, () => RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(link)));
        }
        Put("dynamic/model.safetensors", "input");
        Put("dynamic/options.json", """{"verb":"train"}""");
        string inner = Path.Combine(Run, "dynamic", RunFolder.Model);
        Refusal.Message(ErrorKind.Usage, inner, () => RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(inner, RunFolder.Sides)));
    }

    [Fact]
    public void Compression_adds_to_a_run_and_replaces_only_its_own()
    {
        OldRun("prune");
        Put(RunFolder.Coded, "old");
        Put(RunFolder.Summary, "old");
        using (var folder = RunFolder.Create(Run, "", force: true, RunOutputs.OfCompression(Path.Combine(Run, RunFolder.Model))))
        {
            folder.WriteText(RunFolder.CompressOptions, """{"verb":"compress"}""");
            folder.WriteText(RunFolder.Coded, "new");
            folder.Finish();
        }
        Assert.Equal(("old", "old", "new"), (Read(RunFolder.Model), Read(RunFolder.Summary), Read(RunFolder.Coded)));
    }

    [Theory]
    [InlineData("summary.csv")]
    [InlineData("dynamic/model.safetensors")]
    [InlineData("model.dcn")]
    public void What_no_run_wrote_is_not_replaced_by_force(string file)
    {
        Put(file, "mine");
        Refusal.Message(
            ErrorKind.Usage, Path.Combine(Run, file),
            () => RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(null, RunFolder.Sides)));
        Assert.Equal("mine", Read(file));
    }

    [Fact]
    public void Links_are_written_through_and_nothing_behind_them_is_deleted()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        OldRun("compare");
        string mine = _folder.Combine("elsewhere");
        Directory.CreateDirectory(mine);
        File.WriteAllText(Path.Combine(mine, RunFolder.Summary), "mine");
        File.WriteAllText(Path.Combine(mine, RunFolder.Options), """{"verb":"prune"}""");
        File.WriteAllText(Path.Combine(mine, "target"), "old");
        Directory.CreateSymbolicLink(Path.Combine(Run, "drop-0.5"), mine);
        Directory.CreateSymbolicLink(Path.Combine(Run, "dynamic"), mine);
        File.CreateSymbolicLink(Path.Combine(Run, RunFolder.Layers), Path.Combine(mine, RunFolder.Summary));
        File.Delete(Path.Combine(Run, RunFolder.Model));
        File.CreateSymbolicLink(Path.Combine(Run, RunFolder.Model), Path.Combine(mine, "target"));
        using (var folder = RunFolder.Create(Run, "", force: true))
        {
            folder.WriteText(RunFolder.Options, """{"verb":"prune"}""");
            folder.WriteText(RunFolder.Model, "new");
            folder.Finish();
        }
        Assert.Equal("mine", File.ReadAllText(Path.Combine(mine, RunFolder.Summary)));
        Assert.Equal("new", File.ReadAllText(Path.Combine(mine, "target")));
        Assert.NotNull(new FileInfo(Path.Combine(Run, RunFolder.Model)).LinkTarget);
        Assert.NotNull(new FileInfo(Path.Combine(Run, RunFolder.Layers)).LinkTarget);
    }

    [Theory]
    [InlineData(FolderLock.Name)]
    [InlineData(".lock")]
    [InlineData(".notes.0123456789abcdef0123456789abcdef.tmp")]
    public void A_folder_that_is_refused_keeps_all_its_files(string file)
    {
        Put("thesis.txt", "mine");
        Put(file, "mine");
        Assert.Throws<UserException>(() => RunFolder.Create(Run, "", force: false));
        Assert.Throws<UserException>(() => new StudyFolder(Run).Demand("fc10", new() { ["verb"] = "study" }));
        Assert.Equal("mine", Read(file));
    }

    [Theory]
    [InlineData("partial-keep/model.safetensors")]
    [InlineData("partially-mine/options.json")]
    [InlineData("drop-0.5/log.txt")]
    public void What_only_looks_like_a_part_of_a_run_stays(string file)
    {
        OldRun("prune");
        Put("partial-keep/options.json", """{"verb":"prune"}""");
        Put(file, """{"verb":"prune"}""");
        using (var folder = RunFolder.Create(Run, "", force: true))
        {
            folder.WriteText(RunFolder.Options, """{"verb":"prune"}""");
            folder.Finish();
        }
        Assert.Equal("""{"verb":"prune"}""", Read(file));
    }

    [Fact]
    public void A_coded_network_leaves_what_a_broken_search_saved()
    {
        OldRun("prune");
        Put("partial/options.json", """{"verb":"prune"}""");
        Put("partial/model.safetensors", "saved");
        using (var folder = RunFolder.Create(Run, "", force: true, RunOutputs.OfCompression(Path.Combine(Run, RunFolder.Model))))
        {
            folder.WriteText(RunFolder.Coded, "new");
            folder.Finish();
        }
        Assert.Equal("saved", Read("partial/model.safetensors"));
    }

    [Fact]
    public void A_folder_of_a_further_budget_that_is_a_link_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        OldRun("prune");
        Directory.CreateSymbolicLink(Path.Combine(Run, "drop-0.5"), Directory.CreateDirectory(_folder.Combine("mine")).FullName);
        Refusal.Message(
            ErrorKind.Usage, Path.Combine(Run, "drop-0.5"),
            () => RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(null, RunFolder.DropName(0.5))));
    }

    [Theory]
    [InlineData("summary.csv/x")]
    [InlineData("drop-0.5")]
    public void What_would_be_in_the_way_at_the_end_is_refused_at_the_beginning(string file)
    {
        OldRun("prune");
        Put(file, "mine");
        Assert.Throws<UserException>(() => RunFolder.Create(Run, "", force: true, RunOutputs.OfSearch(null, RunFolder.DropName(0.5))));
    }

    [Fact]
    public void Two_names_of_one_file_are_the_same()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "ln is needed");
        string file = _folder.Write("file", [1]), other = _folder.Combine("other");
        using (var link = System.Diagnostics.Process.Start("ln", [file, other]))
            link.WaitForExit();
        Assert.True(FilePaths.AreSame(file, other));
        Assert.False(FilePaths.AreSame(file, _folder.Write("third", [1])));
        Assert.True(FilePaths.AreSame(_folder.Combine("absent"), _folder.Combine("b", "..", "absent")));
    }

    [Fact]
    public void A_file_is_no_folder() => Refusal.Message(
        ErrorKind.Usage, _folder.Write("file", [1]), () => RunFolder.Create(_folder.Combine("file"), "", force: true));

    private void OldRun(string verb)
    {
        Put(RunFolder.Options, $$"""{"verb":"{{verb}}"}""");
        Put(RunFolder.Model, "old");
    }

    private void Put(string file, string text)
    {
        string path = Path.Combine(Run, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    private string Read(string file) => File.ReadAllText(Path.Combine(Run, file));

    private static string[] Names(string folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];
}
