using System.CommandLine;
using Model;

namespace Pruning.Commands;

/// <summary><c>export</c>: the weights for other programs.</summary>
internal static class ExportCommand
{
    private static readonly Option<string> Format = Options.Choice("--format", "safetensors: weights and biases as PyTorch names and shapes them", "safetensors");
    private static readonly Option<string?> Target = Options.Path("--out", "FILE", "where to write");

    public static (Command, Action<Invocation>) Create() =>
        (new Command("export", "write a network for other programs") { Options.Model, Format, Target, Options.Force, Options.Json }, Run);

    private static void Run(Invocation invocation)
    {
        var (_, model) = EvalCommand.Load(invocation);
        string target = invocation.Find(Target) ?? throw new UserException(ExitCode.Usage, "--out: expected a file, found none");
        if (File.Exists(target) && !invocation.Get(Options.Force))
            throw new UserException(ExitCode.Usage, $"{target}: expected a new file, found one (--force writes over it)");
        var layers = Parameters.Slices(model.Network, out _);
        // Pruned weights are zeros here, so the masks are not needed; load_state_dict would refuse them.
        SafeTensors.Write(
            target,
            [
                .. layers.SelectMany(l => new[]
                {
                    SafeTensor.Of($"{l.Name}.weight", l.WeightShape, model.Weights.AsSpan(l.WeightOffset, l.WeightCount)),
                    SafeTensor.Of($"{l.Name}.bias", [l.BiasCount], model.Weights.AsSpan(l.BiasOffset, l.BiasCount)),
                }),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        invocation.Terminal.Say($"{model.Network.Name}: {2 * layers.Count} tensors -> {target}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = target, Format = invocation.Get(Format), Tensors = 2 * layers.Count });
    }
}
