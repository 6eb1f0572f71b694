using System.Text.Json;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Tests.KernelTests;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>Training and pruning on every accelerator against the CPU accelerator: what the command selftest ends with.</summary>
[Collection(nameof(KernelSuite))]
public sealed class DeviceTrialTests
{
    public static TheoryData<string, string> Trials
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string device in (string[])[TestDevices.FastCpus.Last(), TestDevices.OpenCl, TestDevices.Cuda])
                foreach (string network in NetworkDescription.Small)
                    rows.Add(new TheoryDataRow<string, string>(device, network) { Skip = TestDevices.WhyNot(device) });
            // Whole networks take minutes there: PRUNING_LONG=1 has them tried.
            foreach (string network in Environment.GetEnvironmentVariable("PRUNING_LONG") == "1"
                ? NetworkDescription.Small
                : ["conv3@5r pool2 conv6@5 pool2 fc20r fc10"])
            {
                rows.Add(TestDevices.Ptx, network);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Trials))]
    public void A_device_trains_and_prunes_as_the_CPU_does(string device, string network)
    {
        using var reference = ComputeDevice.Cpu();
        var results = DeviceTrial.Run(TestDevices.Get(device), reference, network).ToArray();
        Assert.Equal(8, results.Length);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.Name}: {r.Detail}"));
    }

    [Fact]
    public void A_learning_rate_one_percent_off_is_noticed()
    {
        using var reference = ComputeDevice.Cpu();
        var results = DeviceTrial.Run(TestDevices.Get(TestDevices.FastCpus.First()), reference, "lenet-300-100", rate: 1.01e-3).ToArray();
        Assert.Equal(
            ["lenet-300-100: 15 training steps", "lenet-300-100: 15 training steps under the mask"],
            results.Where(r => !r.Ok).Select(r => r.Name));
    }

    [Fact]
    public void A_trial_ends_when_it_is_asked_to()
    {
        using var reference = ComputeDevice.Cpu();
        using var cancellation = new CancellationTokenSource();
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var result in DeviceTrial.Run(device, reference, "lenet-300-100", cancellation: cancellation.Token))
            {
                Assert.DoesNotContain("under the mask", result.Name, StringComparison.Ordinal);
                cancellation.Cancel();
            }
        });
    }

    public static TheoryData<string, string> Gpus =>
    [
        new TheoryDataRow<string, string>(TestDevices.OpenCl, "opencl") { Skip = TestDevices.WhyNot(TestDevices.OpenCl) },
        new TheoryDataRow<string, string>(TestDevices.Cuda, "cuda") { Skip = TestDevices.WhyNot(TestDevices.Cuda) },
    ];

    [Theory]
    [MemberData(nameof(Gpus))]
    public void A_comparison_ends_with_pruned_networks_that_work(string name, string device)
    {
        using var folder = new TemporaryFolder();
        string run = folder.Combine("run");
        string[] small = [.. Cli.Small(SmallSet.Write(folder.Combine("data")), run).Select(a => a == "cpu" ? device : a)];
        using var result = JsonDocument.Parse(
            Cli.Done(["compare", "--dense-epochs", "2", "--epochs", "1", "--max-drop", "2.5", .. small, "--json"]).Output);
        var summaries = result.RootElement.GetProperty("rows").EnumerateArray().Select(r => r.GetProperty("summary")).ToArray();
        Assert.All(summaries, s => Assert.Equal(TestDevices.Get(name).Name, s.GetProperty("device").GetString()));
        Assert.All(summaries, s => Assert.True(s.GetProperty("ratio").GetDouble() > 1));
        // Chance is 10 %.
        Assert.All(summaries, s => Assert.InRange(s.GetProperty("validation_accuracy").GetDouble(), 50, 100));
    }
}
