using System.Text.Json;
using System.Text.Json.Nodes;
using Secateurs.Program.Commands;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Reports;

/// <summary>The command that made a run, from its options.json: what differs from the defaults.</summary>
internal static class Repeat
{
    /// <summary>Keys of options.json that are no settings, and how the command line says them.</summary>
    private static readonly string[] Besides = ["verb", "method", "model", "device", "data", GivenWords.Key];

    /// <summary>For people, ready to be pasted into a shell.</summary>
    public static string Command(JsonObject options, string program) =>
        string.Join(' ', Words(options).Prepend(program).Select(Terminal.Quoted));

    /// <summary>The verb and its options.</summary>
    public static string[] Words(JsonObject options)
    {
        var defaults = JsonSerializer.SerializeToNode(new PruneOptions(), Terminal.Json)!.AsObject();
        string verb = options["verb"]?.ToString() ?? "prune", method = options["method"]?.ToString() ?? "";
        var words = new List<string> { verb };
        if (verb == "prune" && method == HandSetPruning.MethodName)
            words.AddRange(["--method", method]);
        if (options["model"] is { } model)
            words.AddRange(["--model", model.ToString()]);
        foreach (var (key, value) in options.Where(o => !Besides.Contains(o.Key)))
        {
            if (value is null || (defaults[key] is { } standard && JsonNode.DeepEquals(standard, value)))
                continue;
            // What a dense network brings need not be said again.
            if (options["model"] is not null && key is "network" or "seed" or "validation")
                continue;
            string name = verb == "train" && key == "dense_epochs" ? "epochs" : key.Replace('_', '-');
            string text = value is JsonArray several ? string.Join(',', several.Select(v => v!.ToString())) : value.ToString();
            words.AddRange([$"--{name}", text]);
        }
        if (options["device"]?.ToString() is { } device && device != "auto")
            words.AddRange(["--device", device]);
        if (options["data"]?.ToString() is { } data && !data.EndsWith("data/mnist", StringComparison.Ordinal))
            words.AddRange(["--data", data]);
        return [.. words];
    }
}
