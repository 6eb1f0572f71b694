using System.CommandLine;
using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;
using Secateurs.Model;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary>
/// <c>selftest</c>: every kernel against its reference on a device, then a short training and pruning run there against the CPU
/// accelerator. Needs no data, no SDK and no test runner: for a machine with a driver that is new to the project.
/// </summary>
internal static class SelfTestCommand
{
    public static (Command, Action<Invocation>) Create()
    {
        const string about = "try every kernel, training and pruning on a device";
        return (new Command("selftest", about) { Options.Device, Options.Workers, Options.Simd, Options.Json }, Run);
    }

    private static void Run(Invocation invocation)
    {
        using var device = Workbench.OpenDevice(invocation);
        using var reference = ComputeDevice.Cpu();
        Action<string> print = invocation.Terminal.Print;
        var results = new List<TrialResult>();
        var stop = invocation.Cancellation;
        var trials = NetworkDescription.Small.SelectMany(n => DeviceTrial.Run(device, reference, n, cancellation: stop));
        foreach (var result in Flushing(device).Concat(SelfTests.On(device).Select(c => Kernel(c, device))).Concat(trials))
        {
            stop.ThrowIfCancellationRequested();
            print($"{(result.Ok ? "ok" : "FAILED"),-6} {result.Name}{(result.Detail.Length > 0 ? $": {result.Detail}" : "")}");
            results.Add(result);
        }
        int failed = results.Count(r => !r.Ok);
        string verdict = failed == 0 ? $"all {results.Count} tests hold" : $"{failed} of {results.Count} tests FAILED";
        print($"{device.Name}: {verdict}");
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(
                new { Device = device.Name, Ok = failed == 0, Tests = results.Count, Failed = failed, Results = results });
        }
        if (failed > 0)
            throw new DeviceException($"{device.Name} failed its self test");
    }

    /// <summary>Results hold either way, but training slows down as denormal numbers gather.</summary>
    private static IEnumerable<TrialResult> Flushing(ComputeDevice device)
    {
        if (!device.RunsOnHost)
            yield break;
        bool can = Denormals.CanBeFlushed, flushed = Denormals.AreFlushedOn(device);
        string detail = flushed
            ? $"yes, on each of {device.Workers} workers"
            : can ? "no, although this processor can" : "no, this processor cannot";
        yield return new TrialResult("denormal numbers are flushed", flushed || !can, detail);
    }

    /// <summary>A driver may fail in any way; the cases after it are still of interest.</summary>
    private static TrialResult Kernel(SelfTestCase test, ComputeDevice device)
    {
        try
        {
            test.Run(device);
            return new TrialResult(test.Name, true, "");
        }
#pragma warning disable CA1031 // whatever it is, it is the result of this test
        catch (Exception e)
#pragma warning restore CA1031
        {
            return new TrialResult(test.Name, false, e.Message.Split('\n')[0]);
        }
    }
}
