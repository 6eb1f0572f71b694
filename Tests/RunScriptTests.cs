using System.Diagnostics;
using System.Runtime.CompilerServices;
using Tests.ModelTests;

namespace Tests;

/// <summary>run.sh in a project of its own, with a dotnet that only says what it is asked for.</summary>
public sealed class RunScriptTests : IDisposable
{
    private const string Dotnet = """
        #!/usr/bin/env bash
        case $1 in
            --version) [[ -z ${SDK_FAILS:-} ]] || { echo "dotnet's own words" >&2; exit 145; }; echo 10.0.100 ;;
            --list-sdks) echo "$SDK_FAILS [/somewhere]" ;;
            build)
                echo "begin $$ $* home=${DOTNET_CLI_HOME:-}" >>"$BUILDS"
                [[ -z ${SLOW:-} ]] || exec sleep "$SLOW"
                sleep 0.3
                mkdir -p "$2/bin/Release/net10.0" && : >"$2/bin/Release/net10.0/secateurs.dll"
                echo end >>"$BUILDS" ;;
            *) shift; echo "$PRUNING_HOME|$PRUNING_COMMAND|$PWD|$*"; [[ ! -e /proc/self/fd/9 ]] || echo 'descriptor 9 is open' ;;
        esac

        """;

    private readonly TemporaryFolder _folder = new();
    private readonly string _root, _run, _builds, _path;

    public RunScriptTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a shell script");
        _root = Directory.CreateDirectory(_folder.Combine("the project")).FullName;
        foreach (string project in (string[])
            ["Kernels/Kernels", "Model/Model", "Pruning/Pruning", "Pruning/Program/Secateurs", "Tests/Tests"])
        {
            string file = Path.Combine(_root, $"{project}.csproj");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, "");
        }
        foreach (string file in (string[])["Directory.Build.props", "global.json", ".editorconfig"])
            File.WriteAllText(Path.Combine(_root, file), "");
        File.Copy(Repository("run.sh"), _run = Path.Combine(_root, "run.sh"));
        _builds = _folder.Combine("builds.txt");
        _path = Directory.CreateDirectory(_folder.Combine("path")).FullName;
        File.WriteAllText(Path.Combine(_path, "dotnet"), Dotnet);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Path.Combine(_path, "dotnet"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Through_links_it_builds_in_its_own_folder_and_works_where_the_caller_stands()
    {
        string bin = Directory.CreateDirectory(_folder.Combine("bin")).FullName;
        string inner = Directory.CreateDirectory(_folder.Combine("bin", "inner")).FullName;
        File.CreateSymbolicLink(Path.Combine(inner, "to-script"), "../../the project/run.sh");
        File.CreateSymbolicLink(Path.Combine(bin, "prune"), "inner/to-script");
        Assert.Equal(
            (0, $"{_root}|bin/prune|{_folder.Path}|devices --json\n"),
            Outcome(Call("bin/prune", ["devices", "--json"], ("CDPATH", _root))));
        Assert.Equal((0, $"{_root}|./prune|{bin}|compare --network lenet-300-100\n"), Outcome(Call("prune", [], directory: bin)));
        Assert.Equal(["inner", "prune"], Directory.GetFileSystemEntries(bin).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Single(File.ReadAllLines(_builds), l => l == "end");
    }

    [Fact]
    public void A_copy_is_refused_and_leaves_nothing()
    {
        File.Copy(_run, Path.Combine(_path, "run.sh"));
        var (code, _, error) = Call(Path.Combine(_path, "run.sh"), ["devices"]);
        Assert.Equal(
            (1, $"run.sh: expected the project beside this script, found none in {_path}: put a link there, not a copy\n"),
            (code, error));
        Assert.Equal(2, Directory.GetFileSystemEntries(_path).Length);
    }

    [Theory]
    [InlineData("flock")]
    [InlineData("perl")]
    public async Task Of_two_first_calls_one_builds_and_the_other_waits(string locker)
    {
        string tools = Tools(locker);
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => Call(_run, ["devices"], ("PATH", tools)))));
        Assert.All(both, b => Assert.True(b.Code == 0, b.Error));
        Assert.Equal(
            ["run.sh: building (once; later only what has changed)", "run.sh: waiting for another run.sh, which builds"],
            both.SelectMany(b => b.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Order(StringComparer.Ordinal));
        Assert.Single(File.ReadAllLines(_builds), l => l == "end");
        string[] before = Files();
        Assert.Equal(0, Call(_run, ["devices"]).Code);
        Assert.Equal(before, Files());
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    [InlineData("INT", 130)]
    [InlineData("KILL", 137)]
    public async Task A_build_that_is_killed_blocks_nothing(string signal, int expected)
    {
        using var process = Start(_run, ["devices"], _folder.Path, ("SLOW", "60"));
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var patience = Stopwatch.StartNew();
        while (!File.Exists(_builds) && patience.Elapsed < TimeSpan.FromSeconds(60))
            await Task.Delay(20, TestContext.Current.CancellationToken);
        Kill(signal, process.Id);
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), "run.sh went on");
        Assert.Equal(expected, process.ExitCode);
        if (signal == "KILL")
            Kill(signal, int.Parse(File.ReadAllText(_builds).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
        // It ends when the build, which has the other end, is gone.
        Assert.Equal("run.sh: building (once; later only what has changed)\n", await error);
        Assert.Equal((0, $"{_root}|{_run}|{_folder.Path}|devices\n"), Outcome(Call(_run, ["devices"])));
        // What it left may be torn.
        Assert.Contains("--no-incremental", File.ReadAllLines(_builds)[^2]);
    }

    [Fact]
    public void Where_home_takes_nothing_dotnet_gets_another()
    {
        foreach (string? home in (string?[])[null, Path.Combine(_root, "global.json"), _folder.Combine("absent")])
        {
            File.SetLastWriteTimeUtc(Path.Combine(_root, "global.json"), DateTime.UtcNow.AddSeconds(1));
            Assert.Equal(0, Call(_run, ["devices"], ("HOME", home)).Code);
            Assert.EndsWith($"home={Path.Combine(_root, "obj", "home")}", File.ReadAllLines(_builds)[^2]);
        }
        File.SetLastWriteTimeUtc(Path.Combine(_root, "global.json"), DateTime.UtcNow.AddSeconds(1));
        Assert.Equal(0, Call(_run, ["devices"], ("HOME", _folder.Path)).Code);
        Assert.EndsWith("home=", File.ReadAllLines(_builds)[^2]);
    }

    [Theory]
    [InlineData("8.0.404", "global.json asks for the .NET SDK 10.0, found 8.0.404. https://")]
    [InlineData("10.0.401", "dotnet fails here (its own words are above), though an SDK 10 is installed (10.0.401)")]
    public void Where_dotnet_fails_its_own_words_are_shown(string installed, string expected)
    {
        var (code, _, error) = Call(_run, ["devices"], ("SDK_FAILS", installed));
        Assert.Equal(1, code);
        Assert.StartsWith($"dotnet's own words\nrun.sh: {expected}", error);
    }

    /// <summary>Scripts that run, and files that tests compare byte by byte, are the same where git turns line ends.</summary>
    [Fact]
    public void A_clone_with_other_line_ends_has_these()
    {
        (string Name, byte[] Content)[] files =
        [
            ("run.sh", "#!\n"u8.ToArray()), ("table.csv", "a,b\n"u8.ToArray()), ("answer.txt", "1\n"u8.ToArray()),
            ("coded.dcn", "\r\n1\n"u8.ToArray()), ("m.safetensors", "1\n"u8.ToArray()),
        ];
        foreach (var (name, content) in files)
            File.WriteAllBytes(Path.Combine(_root, name), content);
        File.Copy(Repository(".gitattributes"), Path.Combine(_root, ".gitattributes"));
        string clone = _folder.Combine("clone");
        foreach (string command in (string[])
            [
                "init -q .", "add .", "-c user.name=t -c user.email=t@t commit -q -m t",
                $"-c core.autocrlf=true clone -q . {clone}",
            ])
        {
            using var git = Process.Start(new ProcessStartInfo("git", command) { WorkingDirectory = _root })!;
            git.WaitForExit();
            Assert.Equal(0, git.ExitCode);
        }
        Assert.All(files, f => Assert.Equal(f.Content, File.ReadAllBytes(Path.Combine(clone, f.Name))));
    }

    private static string Repository(string name, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", name);

    /// <summary>A folder with what run.sh needs, of the two lockers only one.</summary>
    private string Tools(string locker)
    {
        string tools = Directory.CreateDirectory(_folder.Combine("tools")).FullName;
        foreach (string tool in (string[])["bash", "env", "dirname", "find", "touch", "mkdir", "mv", "rm", "cat", "sleep", locker])
        {
            string? found = Environment.GetEnvironmentVariable("PATH")!.Split(':')
                .Select(p => Path.Combine(p, tool)).FirstOrDefault(File.Exists);
            Assert.SkipWhen(found is null, $"no {tool} here");
            File.CreateSymbolicLink(Path.Combine(tools, tool), found);
        }
        return $"{_path}:{tools}";
    }

    private string[] Files() =>
    [
        .. Directory.EnumerateFiles(_root, "*", SearchOption.AllDirectories)
            .Select(f => $"{f} {File.GetLastWriteTimeUtc(f):O}").Order(StringComparer.Ordinal),
    ];

    private static (int, string) Outcome((int Code, string Output, string Error) call) => (call.Code, call.Output);

    private (int Code, string Output, string Error) Call(
        string script, string[] arguments, params (string Name, string? Value)[] environment) =>
        Call(script, arguments, _folder.Path, environment);

    private (int Code, string Output, string Error) Call(
        string script, string[] arguments, string directory, params (string Name, string? Value)[] environment)
    {
        using var process = Start(script, arguments, directory, environment);
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>
    /// By the name of bash, so that the script is not executed while a test beside this one may still hold it open for writing.
    /// </summary>
    private Process Start(string script, string[] arguments, string directory, params (string Name, string? Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", [script, .. arguments])
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{_path}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["BUILDS"] = _builds;
        start.Environment["HOME"] = _folder.Path;
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static void Kill(string signal, int process)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        kill.WaitForExit();
    }
}
