using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Pruning.Export;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary>The library's words in those of the command line: what is a parameter or a property there is an option here.</summary>
internal static class OptionWords
{
    /// <summary>What a message offers a value after.</summary>
    private const string Offer = "as they lie in the file: ";

    /// <summary>Options by the parameter or property whose value is wrong: a message begins with its name.</summary>
    private static readonly Dictionary<string, Option> Named = new()
    {
        [nameof(PruneOptions.TargetRatio)] = Settings.TargetRatio.Option,
        [nameof(PruneOptions.MaxDrop)] = Settings.MaxDrop.Option,
        ["order"] = ImportCommand.Layers,
    };

    /// <summary>The message of an error, with the option that would mend it.</summary>
    public static string Of(UserException error) => error.Parameter switch
    {
        null => error.Message,
        "replace" => $"{error.Message} ({Options.Force.Name} writes over it)",
        "folder" => $"{error.Message} with {Options.Data.Name}",
        "size" when error.Message.StartsWith("size:", StringComparison.Ordinal) => $"--{error.Message}",
        "size" => $"{error.Message}; {Options.Size.Name} 32x32 brings all to one size",
        "skip" => $"{error.Message}; {Options.SkipBroken.Name} goes on without",
        "network" =>
            Inserted(error.Message, error.Message.IndexOf(", found ", StringComparison.Ordinal), $" ({Settings.Network.Option.Name})"),
        { } name when Named.TryGetValue(name, out var option) => Ready(option, $"{option.Name}{error.Message[name.Length..]}"),
        _ => error.Message,
    };

    /// <summary>A preprocessing as the options that say it.</summary>
    public static string Of(Preprocessing preprocessing) =>
        $"--mean {Preprocessing.List(preprocessing.Mean)} --std {Preprocessing.List(preprocessing.Deviation)}";

    /// <summary>A value that the message offers is offered with its option, ready to be pasted.</summary>
    private static string Ready(Option option, string message) =>
        message.LastIndexOf(Offer, StringComparison.Ordinal) is >= 0 and var at
            ? Inserted(message, at + Offer.Length, $"{option.Name} ")
            : message;

    private static string Inserted(string message, int at, string words) => at < 0 ? message : message.Insert(at, words);
}
