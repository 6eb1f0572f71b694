using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Secateurs.Program;
using Secateurs.Program.Reports;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>The page that a run, a comparison and a study end with.</summary>
public sealed partial class ReportTests : IDisposable
{
    private static readonly string[] Short =
        ["--max-drop", "5", "--dense-epochs", "2", "--epochs", "1"];

    private static readonly string[] Browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly TemporaryFolder _folder = new();
    private readonly string _data;

    public ReportTests() => _data = SmallSet.Write(_folder.Combine("data"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_comparison_has_all_of_it_in_one_small_file()
    {
        string run = _folder.Combine("run");
        Cli.Done(["compare", .. Short, .. Cli.Small(_data, run)]);
        string file = Path.Combine(run, "report.html"), html = File.ReadAllText(file);
        Check(html);
        foreach (string part in (string[])
            [
                "times lighter, ", "By hand|by hand", "Accuracy against lightness", "How long it took", "Layer by layer",
                "What it still looks at", "Its weights", "Class by class", "What is taken for what", "What changed sides",
                "All that was judged", "compare --network 'fc16r fc10' --batch 16",
            ])
        {
            Assert.Contains(part.Split('|'), p => System.Net.WebUtility.HtmlDecode(html).Contains(p, StringComparison.Ordinal));
        }
        Assert.Equal(2 * 2 * 2, Count(html, "class=\"chosen\""));
        // The page alone, from what is on the disk.
        File.Delete(file);
        Cli.Done("report", run, "--device", "cpu", "--workers", Cli.Workers);
        Assert.Equal(html, File.ReadAllText(file));
        await Look(file);
    }

    [Theory]
    [InlineData("prune")]
    [InlineData("train")]
    [InlineData("study")]
    public void Other_verbs_have_one_too_and_none_if_they_are_told_so(string verb)
    {
        string run = _folder.Combine("run"), quiet = _folder.Combine("quiet");
        string[] all = verb switch
        {
            "train" => ["train", "--epochs", "1", .. Cli.Small(_data, run)],
            "prune" => ["prune", "--max-drop", "5,20", .. Short[2..], .. Cli.Small(_data, run)],
            _ => ["study", "--networks", "fc16r fc10", "--seeds", "1-2", "--methods", "dynamic", .. Short, .. Cli.OfModel(_data, run)],
        };
        Cli.Done(all);
        if (verb == "train")
            Cli.Done("report", run);
        string html = File.ReadAllText(Path.Combine(run, "report.html"));
        Check(html);
        Assert.Contains(
            verb switch { "prune" => "Other budgets", "train" => "Trained to ", _ => "kept on test" }, html, StringComparison.Ordinal);
        if (verb != "train")
        {
            Cli.Done([.. all[..^1], quiet, "--no-report"]);
            Assert.False(File.Exists(Path.Combine(quiet, "report.html")));
        }
        var (code, _, error) = Cli.Run("report", _folder.Combine("nowhere"));
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("expected a folder, found none", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_of_a_run_whose_networks_and_images_are_gone_says_the_rest()
    {
        string html = RunReport.Html(Path.Combine(global::Tests.Repository.Root, "Results", "compare-lenet-300-100"), null, "./run.sh");
        Check(html);
        double ratio = RunFiles.Published("dynamic", "ratio"), byHand = RunFiles.Published("hand-set", "ratio");
        double accuracy = RunFiles.Published("hand-set", "test_accuracy");
        double times = RunFiles.Published("hand-set", "prune_seconds") / RunFiles.Published("dynamic", "prune_seconds");
        Assert.Contains($"{ratio:F1} times lighter, ", html, StringComparison.Ordinal);
        Assert.Contains($"by hand {byHand:F1} times, {accuracy:F2} %, in {times:F1} times the time", html, StringComparison.Ordinal);
        Assert.DoesNotContain("What changed sides", html, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_file_says_is_text()
    {
        string run = _folder.Combine("run"), layers = Path.Combine(run, "layers.csv"), options = Path.Combine(run, "options.json");
        Cli.Done(["prune", .. Short, .. Cli.Small(_data, run), "--no-report"]);
        File.WriteAllText(layers, File.ReadAllText(layers).Replace(",fc1,", ",<script>alert(1)</script>,", StringComparison.Ordinal));
        File.WriteAllText(
            options, File.ReadAllText(options).Replace("fc16r fc10", "<img src=x onerror=alert(1)>", StringComparison.Ordinal));
        Cli.Done("report", run, "--device", "cpu", "--workers", Cli.Workers);
        Check(File.ReadAllText(Path.Combine(run, "report.html")));
    }

    /// <summary>One file of less than 2 MB, without scripts, that fetches nothing and describes its pictures.</summary>
    private static void Check(string html)
    {
        Assert.InRange(html.Length, 5_000, 2_000_000);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("onerror=alert(1)>", html, StringComparison.Ordinal);
        string without = html.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal);
        Assert.DoesNotContain("http", without, StringComparison.Ordinal);
        Assert.DoesNotContain("url(", without, StringComparison.Ordinal);
        foreach (Match tag in Pictures().Matches(html))
            Assert.Matches("(aria-label|alt)=\"[^\"]{10,}\"", tag.Value);
        Assert.Equal(1, Count(html, "<h1>"));
        Assert.Contains("prefers-color-scheme:dark", html, StringComparison.Ordinal);
        Assert.Contains("@media print", html, StringComparison.Ordinal);
        foreach (string tag in (string[])["svg", "table", "figure", "ul", "details", "div", "dl", "pre"])
            Assert.Equal(Count(html, $"<{tag}>") + Count(html, $"<{tag} "), Count(html, $"</{tag}>"));
    }

    /// <summary>In a browser, where one is: no error, and nothing beyond the edge of a telephone or a wide page.</summary>
    private async Task Look(string page)
    {
        if (Browsers.FirstOrDefault(File.Exists) is not { } browser)
            return;
        foreach (int width in (int[])[375, 1440])
        {
            // A window is at least 500 wide, a frame is not. The script is the test's: the page has none.
            string frame = _folder.Combine(string.Create(CultureInfo.InvariantCulture, $"frame-{width}.html"));
            File.WriteAllText(frame, string.Create(CultureInfo.InvariantCulture,
                $"<iframe id=f src=\"file://{page}\" style=\"width:{width}px;height:900px;border:0\" "
                + $"onload=\"d=f.contentDocument.documentElement;"
                + $"document.body.append('width '+d.scrollWidth+' of '+d.clientWidth)\"></iframe>"));
            using var process = Process.Start(new ProcessStartInfo(
                browser,
                [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
                    "--enable-logging=stderr", $"--user-data-dir={_folder.Combine("browser")}", "--dump-dom", $"file://{frame}",
                ])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            string shown = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            var found = Widths().Match(shown);
            Assert.True(found.Success, $"{shown}\n{await error}");
            Assert.Equal(found.Groups[2].Value, found.Groups[1].Value);
            Assert.DoesNotContain("CONSOLE", await error, StringComparison.Ordinal);
        }
    }

    private static int Count(string text, string what) => text.Split(what).Length - 1;

    [GeneratedRegex("<(svg|img) [^>]*>")]
    private static partial Regex Pictures();

    [GeneratedRegex("width ([0-9]+) of ([0-9]+)</body>")]
    private static partial Regex Widths();
}
