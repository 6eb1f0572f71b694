using System.Runtime.InteropServices;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;

// The first signal asks the running command to end, which takes a moment; the second, or one that it cannot heed, ends the process.
TimeSpan patience = TimeSpan.FromSeconds(2), pause = TimeSpan.FromMilliseconds(20);
using var cancellation = new CancellationTokenSource();
bool outlivesTerminal = StandardStreams.IgnoresHangUp;
var terminal = Terminal.OfProcess();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
return CommandLine.Run(args, terminal, cancellation.Token);

void Stop(PosixSignalContext signal)
{
    if (signal.Signal == PosixSignal.SIGHUP && outlivesTerminal)
    {
        signal.Cancel = true;
        return;
    }
    if (cancellation.IsCancellationRequested)
        Environment.Exit((int)ExitCode.Interrupted);
    signal.Cancel = true;
    terminal.Say("interrupted: ending now; once more to stop at once");
    cancellation.Cancel();
    new Thread(End) { IsBackground = true }.Start();
}

// Whatever is worth keeping is on the disk as soon as it is there, so nothing is lost with a command that hangs in a pipe or a driver.
void End()
{
    Thread.Sleep(patience);
    while (AtomicFile.IsActive)
        Thread.Sleep(pause);
    terminal.Say("interrupted: the command did not end by itself");
    Environment.Exit((int)ExitCode.Interrupted);
}
