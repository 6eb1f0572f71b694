using System.CommandLine;
using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary><c>devices</c>: every accelerator of this machine, and which one <c>--device auto</c> takes.</summary>
internal static class DevicesCommand
{
    public static (Command, Action<Invocation>) Create() =>
        (new Command("devices", "list every accelerator and which one auto takes") { Options.Json }, Run);

    private static void Run(Invocation invocation)
    {
        var devices = Devices.List();
        var taken = Devices.AutoOrder(devices).First();
        var table = new TextTable("device", "name", "memory", "units", "driver", "");
        foreach (var d in devices)
        {
            string note = d.Trouble is not null ? $"cannot be used: {d.Trouble}" : d == taken ? $"<- auto ({Devices.Reason(d)})"
                : d is { OnProcessor: true, Kind: not DeviceKind.Cpu } ? "only if named: it runs on the processor, slower than cpu" : "";
            table.Add(
                d.Id, d.Name, $"{d.Memory / 1024.0 / 1024 / 1024:F1} GiB", d.Units.ToString(CultureInfo.InvariantCulture), d.Driver, note);
        }
        invocation.Terminal.Print(table.ToString());
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Auto = taken.Id,
                Reason = Devices.Reason(taken),
                Devices = devices.Select(
                    d => new { d.Id, d.Name, MemoryBytes = d.Memory, ComputeUnits = d.Units, d.Driver, d.OnProcessor, d.Trouble }),
            });
        }
    }
}
