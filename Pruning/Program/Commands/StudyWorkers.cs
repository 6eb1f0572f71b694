using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Studies;

namespace Secateurs.Program.Commands;

/// <summary>A study on several devices of this machine: a process of this program for each, at units that no other makes.</summary>
internal static class StudyWorkers
{
    /// <summary>What such a process is called with: it makes units alone, and ends with its input stream, so with who called it.</summary>
    public static readonly Option<bool> Option = new("--worker")
    {
        Description = "for the program's own use",
        Arity = ArgumentArity.Zero,
        Hidden = true,
    };

    /// <summary>What a worker has to end by itself, and between looks at whether it still writes a file.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5), Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>That several devices are there, before anything is done.</summary>
    /// <exception cref="DeviceException">One is not, or cannot be used.</exception>
    public static void Demand(Invocation invocation)
    {
        var asked = invocation.Get(Options.Devices);
        if (asked.Length == 1 || invocation.Get(StudyCluster.Slurm))
            return;
        var there = Devices.List();
        foreach (var device in asked)
            Devices.Find(there, device);
    }

    /// <summary>Starts a process for each device and waits for them.</summary>
    /// <param name="invocation">The call.</param>
    /// <param name="path">The study's folder.</param>
    /// <param name="isWhole">Whether all is made; then a process that failed is none too many.</param>
    /// <exception cref="UserException">As the process says that failed, where something is missing.</exception>
    public static void Run(Invocation invocation, string path, Func<bool> isWhole)
    {
        string[] names = [.. invocation.Get(Options.Devices).Select(d => d.ToString())];
        string[] words = [.. GivenWords.Of(invocation).Select(w => w!.GetValue<string>())];
        int device = Array.IndexOf(words, Options.Devices.Name);
        words = [.. words[..device], .. words[(device + 2)..]];
        if (invocation.Get(StudyCommand.Task) is > 0 and var task)
            words = [.. words, StudyCommand.Task.Name, task.ToString(CultureInfo.InvariantCulture)];
        var workers = new List<Worker>();
        try
        {
            foreach (string name in names)
            {
                string[] own = [StudyCommand.Name, .. words, Options.Devices.Name, name, StudyCommand.Out.Name, path, Option.Name];
                workers.Add(new Worker(name, own, invocation.Terminal.Say));
            }
            using (invocation.Cancellation.Register(() => workers.ForEach(w => w.Stop())))
            {
                foreach (var worker in workers)
                    worker.Wait();
            }
            invocation.Cancellation.ThrowIfCancellationRequested();
            bool whole = isWhole();
            foreach (var worker in workers.Where(w => w.Failure is not null))
            {
                if (!whole)
                    throw worker.Failure!;
                invocation.Terminal.Say($"warning: {worker.Failure!.Message}; other processes made its units");
            }
        }
        finally
        {
            foreach (var worker in workers)
                worker.Dispose();
        }
    }

    /// <summary>
    /// Is cancelled when the input stream ends. A worker that hangs, as in a driver, ends then too, as when it is interrupted: nobody is
    /// there any more to end it.
    /// </summary>
    public static CancellationToken UntilInputEnds(CancellationToken cancellation)
    {
        var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        new Thread(Read) { IsBackground = true }.Start();
        return ended.Token;

        void Read()
        {
            using var input = Console.OpenStandardInput();
            while (input.ReadByte() >= 0)
            {
                // Nothing is said to a worker.
            }
            ended.Cancel();
            Thread.Sleep(Patience);
            while (AtomicFile.IsActive)
                Thread.Sleep(Pause);
            Environment.Exit((int)ExitCode.Interrupted);
        }
    }

    private sealed class Worker : IDisposable
    {
        private const string ErrorLine = "error: ";

        private readonly string _name;
        private readonly Process _process;
        private string _error = "";

        public Worker(string name, IEnumerable<string> words, Action<string> say)
        {
            _name = name;
            _process = new Process
            {
                StartInfo = new ProcessStartInfo(OwnProgram.Words[0], OwnProgram.Words.Skip(1).Concat(words))
                {
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                },
            };
            _process.OutputDataReceived += (_, line) => Hear(line.Data);
            _process.ErrorDataReceived += (_, line) => Hear(line.Data);
            try
            {
                _process.Start();
            }
            catch (Win32Exception e)
            {
                _process.Dispose();
                throw new UserException(ErrorKind.Failed, $"{name}: expected a process of its own to start, found {e.Message}", e);
            }
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();

            void Hear(string? line)
            {
                if (line is null)
                    return;
                if (line.StartsWith(ErrorLine, StringComparison.Ordinal))
                    _error = line[ErrorLine.Length..];
                else
                    say($"{_name}: {line}");
            }
        }

        /// <summary>Why its process failed; null where it did not.</summary>
        public UserException? Failure => _process.ExitCode == 0 ? null : new UserException(
            ExitCodes.Kind(_process.ExitCode),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_name}: expected its process to make units, found that it ended with exit code {_process.ExitCode}"
                + $"{(_error.Length > 0 ? $" ({_error})" : "")}"));

        public void Stop() => _process.StandardInput.Close();

        public void Wait() => _process.WaitForExit();

        public void Dispose()
        {
            if (!_process.HasExited)
                Stop();
            _process.Dispose();
        }
    }
}
