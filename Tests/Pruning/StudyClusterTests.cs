using System.Text.Json;
using Secateurs.Program;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Studies by several processes: on several devices, and as jobs of Slurm. Tests/slurm.sh runs the jobs.</summary>
public sealed class StudyClusterTests : IDisposable
{
    private const string Network = "fc16r fc10";

    private readonly TemporaryFolder _folder = new();
    private readonly string _data, _study;

    public StudyClusterTests() => (_data, _study) = (SmallSet.Write(_folder.Combine("data")), _folder.Combine("a 5% study"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Jobs_make_what_is_missing_and_tables_name_it()
    {
        const string partition = "--partition=gpu --gres=gpu:1";
        var (output, _) = Cli.Done([.. Study(_study), "--slurm", "--slurm-options", partition]);
        string units = Path.Combine(_study, "slurm", "units.sbatch"), gather = Path.Combine(_study, "slurm", "gather.sbatch");
        Assert.Equal($"sbatch --dependency=afterany:$(sbatch --parsable '{units}') '{gather}'\n", output);
        string[] lines = File.ReadAllLines(units);
        Assert.Equal("#!/bin/bash", lines[0]);
        Assert.Equal(
            [
                "#SBATCH --job-name=secateurs --requeue", "#SBATCH --array=1-2", "#SBATCH --open-mode=append",
                $"#SBATCH --output=\"{_folder.Path}/a 5%% study/slurm/task-%a.log\"", $"#SBATCH {partition}",
            ],
            lines.Where(l => l.StartsWith("#SBATCH", StringComparison.Ordinal)));
        Assert.StartsWith("cd ", lines.First(l => !l.StartsWith('#')), StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("export PRUNING_HOME=", StringComparison.Ordinal));
        Assert.StartsWith("exec ", lines[^1], StringComparison.Ordinal);
        Assert.Contains($" study --networks '{Network}' ", lines[^1], StringComparison.Ordinal);
        Assert.EndsWith($" --data {_data} --out '{_study}' --task \"$SLURM_ARRAY_TASK_ID\"", lines[^1], StringComparison.Ordinal);
        lines = File.ReadAllLines(gather);
        Assert.Contains($"#SBATCH {partition}", lines);
        Assert.EndsWith($" study --gather --no-report --out '{_study}'", lines[^1], StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_study, "fc16r-fc10")));

        // Nothing is finished: tables without rows.
        (output, _) = Cli.Done("study", "--gather", "--out", _study);
        Assert.EndsWith(
            $"missing: {Network}, seed 1: dense, hand-set-1\nmissing: {Network}, seed 2: dense, hand-set-1\n", output,
            StringComparison.Ordinal);

        Cli.Done([.. Study(_study), "--task", "1"]);
        var (_, error) = Cli.Done([.. Study(_study), "--slurm"]);
        Assert.Contains("1 of 2 tasks", error, StringComparison.Ordinal);
        Assert.Contains("#SBATCH --array=2", File.ReadAllLines(units));
        using (var json = JsonDocument.Parse(Cli.Done("study", "--gather", "--no-report", "--out", _study, "--json").Output))
        {
            string? missing = Assert.Single(json.RootElement.GetProperty("missing").EnumerateArray()).GetString();
            Assert.Equal($"{Network}, seed 2: dense, hand-set-1", missing);
        }
        Assert.Single(Rows(_study));

        Cli.Done([.. Study(_study), "--task", "2"]);
        (output, _) = Cli.Done("study", "--gather", "--no-report", "--out", _study);
        Assert.DoesNotContain("missing", output, StringComparison.Ordinal);
        AssertAsAlone(_study);
        Assert.Contains("nothing is left to do", Cli.Done([.. Study(_study), "--slurm"]).Output, StringComparison.Ordinal);
        Assert.Contains("nothing is left to do", Cli.Done("resume", _study).Output, StringComparison.Ordinal);
    }

    /// <summary>A stand-in for sbatch notes what it is called with.</summary>
    [Fact]
    public async Task Both_jobs_are_submitted_and_the_second_waits_for_the_first()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("no Slurm there");
            return;
        }
        string sbatch = _folder.Write(
            "sbatch", "#!/bin/sh\necho \"$@\" >>calls\ncat reply >&2\n[ ! -s reply ] && echo '12;far'\n"u8.ToArray());
        File.SetUnixFileMode(sbatch, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _folder.Write("reply", []);
        string units = Path.Combine(_study, "slurm", "units.sbatch"), gather = Path.Combine(_study, "slurm", "gather.sbatch");
        var (code, output, error) = await Submit();
        Assert.True(code == 0, error);
        Assert.Equal($"array job 12: {units}\njob 12, after it: {gather}\n", output);
        Assert.Equal(
            [$"--parsable {units}", $"--parsable --dependency=afterany:12 {gather}"], File.ReadAllLines(_folder.Combine("calls")));

        _folder.Write("reply", "sbatch: error: no such partition\n"u8.ToArray());
        (code, _, error) = await Submit();
        Assert.Equal((int)ExitCode.Failed, code);
        Assert.EndsWith(
            $"error: sbatch {units}: expected the number of a job, found '' (sbatch: error: no such partition)\n", error,
            StringComparison.Ordinal);

        async Task<(int, string, string)> Submit()
        {
            using var process = Cli.Start(
                _folder.Path, [("PATH", $"{_folder.Path}:{Environment.GetEnvironmentVariable("PATH")}")],
                [.. Study(_study), "--slurm", "--submit"]);
            return await Cli.End(process);
        }
    }

    [Theory]
    [InlineData("--submit", "--submit: expected with --slurm, found without")]
    [InlineData("--slurm-options --mem=1", "--slurm-options: expected with --slurm, found without")]
    [InlineData("--slurm --slurm-options --array=3", "--slurm-options: expected options that the scripts do not have, found '--array=3'")]
    [InlineData("--slurm --slurm-options --arr=3", "--slurm-options: expected options that the scripts do not have, found '--arr=3'")]
    [InlineData("--slurm --slurm-options --outp=x", "--slurm-options: expected options that the scripts do not have, found '--outp=x'")]
    [InlineData("--slurm --slurm-options -a1-3", "--slurm-options: expected options that the scripts do not have, found '-a1-3'")]
    [InlineData("--slurm --slurm-options -Ha1-3", "--slurm-options: expected options that the scripts do not have, found '-Ha1-3'")]
    [InlineData("--slurm --slurm-options -Mfar", "--slurm-options: expected options that the scripts do not have, found '-Mfar'")]
    [InlineData("--slurm --device auto", "--device: expected cuda, opencl or cpu with --slurm, found auto")]
    [InlineData("--slurm", "--device: expected cuda, opencl or cpu with --slurm, found auto")]
    [InlineData(
        "--slurm --device cpu", "a\"b: expected a path that Slurm can write logs to, found one with '\"'", "a\"b")]
    [InlineData("--slurm --slurm-options gpu", "--slurm-options: expected one line of options of sbatch, found 'gpu'")]
    [InlineData("--slurm --task 1", "--task: expected without --slurm, found with it")]
    [InlineData("--task 3 --networks lenet-5 --seeds 1-2", "--task: expected at most 2, the number of networks x seeds, found 3")]
    [InlineData("--gather --seeds 1-2", "--gather: expected with --out alone, found --seeds")]
    [InlineData("--gather", "study: expected the folder of a study, found none")]
    [InlineData("--device cpu,gpu", "--device: expected auto, cuda, opencl or cpu; cuda:1 is the second CUDA device, found 'gpu'")]
    [InlineData("--device cpu,cuda", "--device: expected several of one kind, as cuda:0,cuda:1, found 'cpu,cuda'")]
    [InlineData("--device auto,auto", "--device: expected several of one kind, as cuda:0,cuda:1, found 'auto,auto'")]
    public void What_does_not_go_together_is_refused(string words, string expected, string name = "study")
    {
        string study = _folder.Combine(name);
        string[] data = words.Contains("--gather", StringComparison.Ordinal) ? [] : ["--data", _data];
        var (code, _, error) = Cli.Run(["study", .. words.Split(' '), "--out", study, .. data]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.EndsWith($"{expected}\n", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(study));
    }

    [Fact]
    public void Several_devices_make_what_one_makes()
    {
        var (code, _, error) = Cli.Run(Study(_study, "cpu:0,cpu:7"));
        Assert.Equal((int)ExitCode.Failed, code);
        Assert.StartsWith("error: device 'cpu:7' is not there", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_study));

        (_, error) = Cli.Done(Study(_study, "cpu:0,cpu:0"));
        string[] made = [.. error.Split('\n').Where(l => l.Contains(" -> ", StringComparison.Ordinal))];
        Assert.Equal(4, made.Length);
        Assert.All(made, l => Assert.StartsWith("cpu: fc16r fc10, seed ", l, StringComparison.Ordinal));
        AssertAsAlone(_study);
    }

    [Fact]
    public void A_device_whose_process_fails_is_named()
    {
        string partial = Path.Combine(_study, "fc16r-fc10", "seed-1", "dense.partial");
        Directory.CreateDirectory(Path.GetDirectoryName(partial)!);
        File.CreateSymbolicLink(partial, _data);
        var (code, _, error) = Cli.Run(Study(_study, "cpu:0,cpu:0"));
        Assert.Equal((int)ExitCode.Failed, code);
        Assert.Contains(
            $"error: cpu: expected its process to make units, found that it ended with exit code 1 ({partial}: expected a folder, found ",
            error, StringComparison.Ordinal);
    }

    /// <summary>Whoever called it may be killed without a word.</summary>
    [Fact]
    public async Task A_worker_ends_with_its_input_stream()
    {
        using var process = Cli.Start(_folder.Path, [.. Study(_study), "--worker"]);
        process.StandardInput.Close();
        var (code, output, error) = await Cli.End(process);
        Assert.Equal(((int)ExitCode.Interrupted, ""), (code, output));
        Assert.EndsWith("error: interrupted; whatever was finished is on the disk\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_system_without_locks_is_refused_where_several_processes_are_meant()
    {
        using var process = Cli.Start(_folder.Path, [("DOTNET_SYSTEM_IO_DISABLEFILELOCKING", "1")], [.. Study(_study), "--task", "1"]);
        var (code, _, error) = await Cli.End(process);
        Assert.Equal((int)ExitCode.Failed, code);
        Assert.Contains($"{_study}: expected a file system that locks files, found one that does not", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 1 }, "1")]
    [InlineData(new[] { 1, 2, 3 }, "1-3")]
    [InlineData(new[] { 1, 3, 4, 9 }, "1,3-4,9")]
    public void Numbers_are_written_as_Slurm_takes_them(int[] numbers, string expected) =>
        Assert.Equal(expected, SlurmScripts.Ranges(numbers));

    private string[] Study(string study, string device = "cpu") =>
    [
        "study", "--networks", Network, "--seeds", "1-2", "--methods", "hand-set", "--hand-set-epochs", "1", "--dense-epochs", "1",
        "--max-drop", "5", "--batch", "16", "--validation", "80", "--workers", "1", "--device", device, "--no-report", "--data", _data,
        "--out", study,
    ];

    private void AssertAsAlone(string study)
    {
        string alone = _folder.Combine("alone");
        Cli.Done(Study(alone));
        Assert.Equal(Rows(alone), Rows(study));
        Assert.Equal(2, Rows(study).Length);
        Assert.Equal(File.ReadAllText(Path.Combine(alone, "answers.csv")), File.ReadAllText(Path.Combine(study, "answers.csv")));
    }

    private static string[] Rows(string study) =>
    [
        .. CsvTable.Read(Path.Combine(study, "study.csv"), "network", "seed", "method", "kept", "validation_accuracy", "test_accuracy")
            .Select(r => string.Join(',', r)),
    ];
}
