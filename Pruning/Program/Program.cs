using System.Runtime.InteropServices;
using Secateurs.Model;
using Secateurs.Program;
using Secateurs.Program.Commands;

// The first signal asks the running command to end, which takes a moment; the second, or one that it cannot heed, ends the process.
TimeSpan patience = TimeSpan.FromSeconds(2), pause = TimeSpan.FromMilliseconds(20), hearing = TimeSpan.FromMilliseconds(200);
int asked = 0;
#pragma warning disable CA2000 // a signal may come in the last moment
var cancellation = new CancellationTokenSource();
#pragma warning restore CA2000
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
    if (Interlocked.Exchange(ref asked, 1) == 1)
        Environment.Exit((int)ExitCode.Interrupted);
    signal.Cancel = true;
    new Thread(End) { IsBackground = true }.Start();
    new Thread(Cancel) { IsBackground = true }.Start();
}

void Cancel()
{
    Say("interrupted: ending now; once more to stop at once");
    cancellation.Cancel();
}

// A pipe that nobody reads may hold the terminal for ever.
void Say(string line) => Task.Run(() => terminal.Say(line)).Wait(hearing);

// Whatever is worth keeping is on the disk as soon as it is there, so nothing is lost with a command that hangs in a pipe or a driver.
void End()
{
    Thread.Sleep(patience);
    while (AtomicFile.IsActive)
        Thread.Sleep(pause);
    Say("interrupted: the command did not end by itself");
    if (terminal.Half is { } half)
        Task.Run(() => terminal.Next("resume", half)).Wait(hearing);
    if (terminal.JsonOnly)
        Task.Run(() => terminal.Result(new { Error = "interrupted", ExitCode = (int)ExitCode.Interrupted })).Wait(hearing);
    Environment.Exit((int)ExitCode.Interrupted);
}
