using System.CommandLine;
using Model;
using Pruning.Export;

namespace Pruning.Commands;

/// <summary><c>import</c>: a network that was trained elsewhere, to be measured and pruned here.</summary>
internal static class ImportCommand
{
    private static readonly Argument<string> Source = new("FILE") { Description = "safetensors with PyTorch's layer names and shapes" };
    private static readonly Option<string?> Target = Options.Path("--out", "FILE", "where to write the network");
    private static readonly Option<double> Mean = Options.Number("--mean", "what training subtracted from pixels of 0 to 1", 0.0, -10, 10);
    private static readonly Option<double> Deviation = Options.Number(
        "--deviation", "what it divided by then: 1 for plain pixels of 0 to 1; 0.3081, with --mean 0.1307, in PyTorch's example", 1.0, 1e-3, 1e3);
    private static readonly Option<bool> Pruned = Options.Flag("--pruned", "weights that are zero are pruned");

    public static (Command, Action<Invocation>) Create() => (
        new Command("import", "read a network from another program")
        {
            Source, Settings.Network.Typed, Target, Mean, Deviation, Pruned, Options.Force, Options.Json,
        },
        Run);

    private static void Run(Invocation invocation)
    {
        var network = NetworkDescription.Parse(invocation.Get(Settings.Network.Typed));
        string target = ExportCommand.TakeTarget(invocation, Target), source = invocation.Arguments.GetRequiredValue(Source);
        var model = TorchFile.Read(source, network, invocation.Get(Mean), invocation.Get(Deviation), invocation.Get(Pruned));
        model.Save(target);
        invocation.Terminal.Say($"{network.Name}, {model.Kept} of {model.Total} weights -> {target}");
        invocation.Terminal.Say($"next: ./run.sh eval --model {target}");
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Out = target, Network = network.Name, model.Kept, model.Total });
    }
}
