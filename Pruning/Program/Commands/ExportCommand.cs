using System.CommandLine;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Export;

namespace Secateurs.Program.Commands;

/// <summary><c>export</c>: a network for other programs.</summary>
internal static class ExportCommand
{
    private static readonly Option<string> Format = Options.Choice(
        "--format",
        "safetensors: weights and biases as PyTorch names and shapes them, input pixel / 255 / 0.3081, which import reads back as it "
        + "was; onnx: input 'image' (N, 1, 28, 28) of pixels 0 to 255, output 'logits', dead parts left out; "
        + "csr-npz: a folder with a SciPy matrix of live weights for each layer",
        "safetensors", "onnx", "csr-npz");

    private static readonly Option<string?> Target = Options.Path("--out", "FILE", "where to write: a file, or a folder for csr-npz");

    public static (Command, Action<Invocation>) Create() =>
        (new Command("export", "write a network for other programs") { Options.Model, Format, Target, Options.Force, Options.Json }, Run);

    /// <summary>
    /// The path of --out, which must be free unless --force is given or it is a device or a pipe, and is not what is read.
    /// </summary>
    /// <exception cref="UserException">Usage: it is not.</exception>
    internal static string TakeTarget(Invocation invocation, Option<string?> option, params IEnumerable<string> read)
    {
        string target = invocation.Find(option) ?? throw new UserException(ErrorKind.Usage, "--out: expected a path, found none");
        if (read.Any(r => FilePaths.AreSame(r, target)))
            throw new UserException(ErrorKind.Usage, $"{target}: expected another path, found the file that is read");
        if (AtomicFile.IsTaken(target) && !invocation.Get(Options.Force))
            throw new UserException(ErrorKind.Usage, $"{target}: expected a new path, found one that exists (--force writes over it)");
        return target;
    }

    private static void Run(Invocation invocation)
    {
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
}
