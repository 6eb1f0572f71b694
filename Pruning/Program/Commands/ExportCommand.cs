using System.CommandLine;
using System.Globalization;
using System.Text;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Export;
using Secateurs.Pruning.Export.C;

namespace Secateurs.Program.Commands;

/// <summary><c>export</c>: a network for other programs.</summary>
internal static class ExportCommand
{
    private static readonly Option<string> Format = Options.Choice(
        "--format",
        "safetensors: weights and biases as PyTorch names and shapes them, input pixel / 255 / 0.3081, which import reads back as it "
        + "was; onnx: input 'image' (N, 1, 28, 28) of pixels 0 to 255, output 'logits', dead parts left out; "
        + "csr-npz: a folder with a SciPy matrix of live weights for each layer; "
        + "c: C99 for a microcontroller, NAME.c and NAME.h with NAME_classify, without libraries or asking for memory",
        "safetensors", "onnx", "csr-npz", "c");

    private static readonly Option<string> Arithmetic = Options.Choice(
        "--arithmetic", "of C code: int8 computes with bytes and 32-bit sums alone, float in single precision", "int8", "float");

    private static readonly Option<double> MaxDrop = Options.Number(
        "--max-drop", "points of test accuracy that int8 may cost before the export says so", 0.1, 0.0, 100.0);

    private static readonly Option<string?> Target = Options.Path("--out", "FILE", "where to write: a file, or a folder for csr-npz");

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("export", "write a network for other programs");
        foreach (var option in (Option[])[Options.Model, Format, Target, Arithmetic, MaxDrop, .. Options.Set, Options.Force, Options.Json])
            command.Options.Add(option);
        return (command, Run);
    }

    /// <summary>
    /// The path of --out, which must be free unless --force is given or it is a device or a pipe, and is not what is read.
    /// </summary>
    /// <exception cref="UserException">Usage: it is not.</exception>
    internal static string TakeTarget(Invocation invocation, Option<string?> option, params IEnumerable<string> read) =>
        TakeTarget(invocation, Named(invocation, option), read);

    /// <summary>What --out says.</summary>
    /// <exception cref="UserException">Usage: nothing.</exception>
    internal static string Named(Invocation invocation, Option<string?> option) =>
        invocation.Find(option) ?? throw new UserException(ErrorKind.Usage, "--out: expected a path, found none");

    /// <summary>The same of a path that follows from it.</summary>
    internal static string TakeTarget(Invocation invocation, string target, params IEnumerable<string> read)
    {
        if (read.Any(r => FilePaths.AreSame(r, target)))
            throw new UserException(ErrorKind.Usage, $"{target}: expected another path, found the file that is read");
        if (AtomicFile.IsTaken(target) && !invocation.Get(Options.Force))
            throw new UserException(ErrorKind.Usage, $"{target}: expected a new path, found one that exists (--force writes over it)");
        return target;
    }

    private static void Run(Invocation invocation)
    {
        if (invocation.Get(Format) == "c")
        {
            WriteC(invocation);
            return;
        }
        Option[] ofC = [Arithmetic, MaxDrop, .. Options.Set];
        if (ofC.FirstOrDefault(invocation.IsGiven) is { } option)
            throw new UserException(ErrorKind.Usage, $"{option.Name}: expected it with --format c alone");
        var (path, model) = EvalCommand.Load(invocation);
        string target = TakeTarget(invocation, Target, path), format = invocation.Get(Format);
        bool force = invocation.Get(Options.Force);
        if (format == "onnx")
            OnnxFile.Write(target, model, force);
        else if (format == "csr-npz")
            CsrFiles.Write(target, model, force);
        else
            TorchFile.Write(target, model, force);
        invocation.Terminal.Say($"{model.Network.Name}, {model.Kept} of {model.Total} weights, as {format} -> {target}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = target, Format = format, model.Kept, model.Total });
    }
    /// <summary>Measures what the C code classifies, and writes it and its header.</summary>
    private static void WriteC(Invocation invocation)
    {
        var (path, model) = EvalCommand.Load(invocation);
        string target = TakeTarget(invocation, Target, path);
        if (Path.GetExtension(target) != ".c")
            throw new UserException(ErrorKind.Usage, $"{target}: expected a name that ends in .c");
        string header = Path.ChangeExtension(target, ".h");
        if (FilePaths.AreSame(path, header))
            throw new UserException(ErrorKind.Usage, $"{header}: expected another path, found the file that is read");
        bool force = invocation.Get(Options.Force);
        if (AtomicFile.IsTaken(header) && !force)
            throw new UserException(ErrorKind.Usage, $"{header}: expected a new path, found one that exists (--force writes over it)");
        string words = invocation.Get(Arithmetic), name = Path.GetFileNameWithoutExtension(target);
        var data = Workbench.LoadData(invocation);
        var c = CFiles.Of(
            model, name, words == "int8" ? CArithmetic.Bytes : CArithmetic.Floats, data, invocation.Cancellation);
        AtomicFile.Write(header, stream => stream.Write(Encoding.UTF8.GetBytes(c.Header)), force);
        AtomicFile.Write(target, stream => stream.Write(Encoding.UTF8.GetBytes(c.Source)), force);
        invocation.Terminal.Print(string.Create(CultureInfo.InvariantCulture, $"""
            {model.Network.Name}, {model.Kept:N0} of {model.Total:N0} weights, as C in {words} -> {target}, {header}
            flash {c.TableBytes:N0} bytes of tables, and the code; memory {c.ScratchBytes:N0} bytes
            test accuracy {Percent(c.Correct, c.Images)} % of {c.Images:N0} images, counted with the numbers of the C code
            (in float {Percent(c.FloatCorrect, c.Images)} %)
            """));
        double most = invocation.Get(MaxDrop);
        if (c.Lost > most)
        {
            invocation.Terminal.Say(string.Create(
                CultureInfo.InvariantCulture,
                $"warning: {words} loses {c.Lost:F2} points of test accuracy, more than {most} (--arithmetic float loses none)"));
        }
        if (invocation.Get(Options.Json))
        {
            invocation.Terminal.Result(new
            {
                Out = target,
                Format = "c",
                Arithmetic = words,
                c.TableBytes,
                c.ScratchBytes,
                Accuracy = Math.Round(100.0 * c.Correct / c.Images, 2),
                FloatAccuracy = Math.Round(100.0 * c.FloatCorrect / c.Images, 2),
                c.Images,
                model.Kept,
                model.Total,
            });
        }

        static string Percent(int part, int of) => (100.0 * part / of).ToString("F2", CultureInfo.InvariantCulture);
    }
}
