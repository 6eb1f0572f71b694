using System.Runtime.InteropServices;
using Pruning;
using Pruning.Commands;

// The first Ctrl-C asks the running command to save and end; the second ends the process at once.
using var cancellation = new CancellationTokenSource();
var terminal = Terminal.OfProcess();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return CommandLine.Run(args, terminal, cancellation.Token);

void Stop(PosixSignalContext signal)
{
    if (cancellation.IsCancellationRequested)
        return;
    signal.Cancel = true;
    terminal.Say("interrupted: saving at the end of this epoch; once more to stop at once");
    cancellation.Cancel();
}
