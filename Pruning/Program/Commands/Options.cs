using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Program.Commands;

/// <summary>The options that commands share: name, meaning, range and default, each once.</summary>
internal static class Options
{
    public static readonly Option<string?> Data =
        Path("--data", "DIR", "four IDX files, CIFAR-10's binary version, or pictures as train/CLASS/*.png; without it MNIST");

    public static readonly Option<(int Height, int Width)?> Size = new("--size")
    {
        HelpName = "HxW",
        Description = "rows and columns that pictures of several sizes are brought to, as 32x32",
        CustomParser = result => Word(result).Split('x') is [var height, var width] && Side(height) is { } h && Side(width) is { } w
            ? (h, w)
            : Wrong<(int, int)?>(result, $"--size: expected rows x columns such as 32x32, at most {DataShape.MostSide} each, "
                + $"found '{Word(result)}'"),
    };

    public static readonly Option<bool> SkipBroken = Flag("--skip-broken", "leave out pictures that cannot be read");

    private static int? Side(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int side) && side is > 0 and <= DataShape.MostSide
            ? side : null;

    public static readonly Option<string?> Out = Path(
        "--out", "DIR", "run folder; without it runs/NETWORK-METHOD-seedN, numbered where that exists");
    public static readonly Option<bool> Force = Flag("--force", "replace a run, or a file, that is in --out");
    public static readonly Option<bool> Json = Flag("--json", "print the result as one JSON object on the output stream");
    public static readonly Option<string?> Model = Path("--model", "FILE", "a run's folder, or a model.safetensors or model.dcn in one");

    public static readonly Option<DeviceRequest> Device = new("--device")
    {
        HelpName = "auto|cuda|opencl|cpu[:N]",
        Description = "accelerator",
        DefaultValueFactory = _ => default,
        CustomParser = result => DeviceRequest.TryParse(Word(result), out var request)
            ? request
            : Wrong<DeviceRequest>(result, $"--device: expected {DeviceRequest.Form}, found '{Word(result)}'"),
    };

    /// <summary>The same for `study`, which can work on several at once.</summary>
    public static readonly Option<DeviceRequest[]> Devices = new(Device.Name)
    {
        HelpName = "auto|cuda|opencl|cpu[:N][,...]",
        Description = "accelerator; several of a kind, as cuda:0,cuda:1, have a process each, at units that no other makes",
        Arity = ArgumentArity.ExactlyOne,
        DefaultValueFactory = _ => [default],
        CustomParser = ParseDevices,
    };

    public static readonly Option<int> Workers = Number(
        "--workers", "threads of the CPU accelerator at most, 0 for one per core", 0, 0, 1024);

    public static readonly Option<int> Simd = new("--simd")
    {
        HelpName = "512|256|128",
        Description = "bits per vector of the CPU accelerator, 0 for the widest there is",
        DefaultValueFactory = _ => 0,
        CustomParser = result => Word(result) is "0" or "128" or "256" or "512"
            ? int.Parse(Word(result), CultureInfo.InvariantCulture)
            : Wrong<int>(result, $"--simd: expected 512, 256 or 128, found '{Word(result)}'"),
    };

    /// <summary>Device and data: for every command that computes.</summary>
    public static IEnumerable<Option> Machine => [Device, Workers, Simd, .. Set, Json];

    /// <summary>Device and data where there may be several devices.</summary>
    public static IEnumerable<Option> Machines => [Devices, .. Machine.Where(o => o != Device)];

    /// <summary>Which data set, and how it is read.</summary>
    public static IReadOnlyList<Option> Set => [Data, Size, SkipBroken];

    /// <summary>A number with its range; anything else is one clear line.</summary>
    public static Option<T> Number<T>(string name, string description, T value, T minimum, T maximum)
        where T : struct, INumber<T> => new(name)
        {
            HelpName = "N",
            Description = description,
            DefaultValueFactory = _ => value,
            CustomParser = result => Parse(result, name, Word(result), minimum, maximum) ?? default,
        };

    /// <summary>One number or several with commas between, each in the range.</summary>
    public static Option<TList> Numbers<T, TList>(
        string name, string description, IEnumerable<T> values, T minimum, T maximum, Func<IEnumerable<T>, TList> make)
        where T : struct, INumber<T> => new(name)
        {
            HelpName = "N[,N]",
            Description = description,
            Arity = ArgumentArity.ExactlyOne,
            DefaultValueFactory = _ => make(values),
            CustomParser = result =>
            {
                T?[] numbers = Array.ConvertAll(Word(result).Split(','), w => Parse(result, name, w, minimum, maximum));
                return numbers.Contains(null) ? default : make(numbers.Select(n => n!.Value));
            },
        };

    /// <summary>Words with commas between; with <paramref name="known"/> only those.</summary>
    public static Option<string[]> Words(
        string name, string helpName, string description, string[] value, params string[] known) => new(name)
        {
            HelpName = helpName,
            Description = description,
            Arity = ArgumentArity.ExactlyOne,
            DefaultValueFactory = _ => value,
            CustomParser = result =>
            {
                string[] words = Word(result).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
                return words.Length > 0 && (known.Length == 0 || words.All(known.Contains)) ? [.. words.Distinct()]
                    : Wrong<string[]>(
                        result,
                        $"{name}: expected {(known.Length == 0 ? "names with commas between" : string.Join(" or ", known))}, "
                        + $"found '{Word(result)}'");
            },
        };

    /// <summary>Whole numbers and ranges of them with commas between: 1,3,7-9.</summary>
    public static Option<ulong[]> Ranges(string name, string description, string value) => new(name)
    {
        HelpName = "N-N",
        Description = description,
        Arity = ArgumentArity.ExactlyOne,
        DefaultValueFactory = _ => Range(value)!,
        CustomParser = result => Range(Word(result))
            ?? Wrong<ulong[]>(
                result, $"{name}: expected numbers or ranges such as {value}, at most {MostInRange} of them, found '{Word(result)}'"),
    };

    private const int MostInRange = 10_000;

    private static ulong[]? Range(string text)
    {
        var numbers = new List<ulong>();
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !ulong.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ulong first)
                || !ulong.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong last) || last < first
                || last - first >= MostInRange)
                return null;
            for (ulong i = 0; i <= last - first; i++)
                numbers.Add(first + i);
        }
        return [.. numbers.Distinct()];
    }

    public static Option<string?> Path(string name, string helpName, string description) => new(name)
    {
        HelpName = helpName,
        Description = description,
        CustomParser = result => Word(result) is { Length: > 0 } path && !path.Contains('\0', StringComparison.Ordinal) ? path
            : Wrong<string>(
                result, $"{name}: expected a path, found {(Word(result).Length == 0 ? "an empty one" : "one with a zero character")}"),
    };

    /// <summary>For an argument that is a path, or several.</summary>
    public static void DemandPaths(ArgumentResult result)
    {
        if (result.Tokens.Any(t => t.Value.Length == 0))
            result.AddError($"{result.Argument.Name}: expected a path, found an empty one");
    }

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };

    /// <summary>One word of several.</summary>
    public static Option<string> Choice(string name, string description, params string[] words) => Choice(name, description, null, words);

    /// <summary>One word of several, one of which has an older name that is taken too.</summary>
    public static Option<string> Choice(
        string name, string description, (string Older, string Word)? alias, params string[] words) => new(name)
        {
            HelpName = string.Join('|', words),
            Description = description,
            DefaultValueFactory = _ => words[0],
            CustomParser = result => words.Contains(Word(result)) ? Word(result) : alias is { } a && Word(result) == a.Older ? a.Word
                : Wrong<string>(result, $"{name}: expected {string.Join(" or ", words)}, found '{Word(result)}'"),
        };

    public static Option<string> Text(string name, string helpName, string description, string value) =>
        new(name) { HelpName = helpName, Description = description, DefaultValueFactory = _ => value };

    /// <summary>Devices of one kind, whose networks do not depend on which of them made what.</summary>
    private static DeviceRequest[]? ParseDevices(ArgumentResult result)
    {
        string[] words = Word(result).Split(',');
        var requests = new List<DeviceRequest>();
        foreach (string word in words)
        {
            if (!DeviceRequest.TryParse(word, out var request))
                return Wrong<DeviceRequest[]>(result, $"--device: expected {DeviceRequest.Form}, found '{word}'");
            requests.Add(request);
        }
        return requests.Count == 1 || requests.All(r => r.Kind is { } kind && kind == requests[0].Kind) ? [.. requests]
            : Wrong<DeviceRequest[]>(
                result, $"--device: expected several of one kind, as cuda:0,cuda:1, found '{Word(result)}'");
    }

    private static string Word(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;

    private static T? Parse<T>(ArgumentResult result, string name, string word, T minimum, T maximum) where T : struct, INumber<T>
    {
        const NumberStyles style = NumberStyles.Float & ~NumberStyles.AllowThousands;
        if (T.TryParse(word, style, CultureInfo.InvariantCulture, out T number) && number >= minimum && number <= maximum)
            return number;
        result.AddError(
            string.Create(CultureInfo.InvariantCulture, $"{name}: expected a number from {minimum} to {maximum}, found '{word}'"));
        return null;
    }

    private static T? Wrong<T>(ArgumentResult result, string message)
    {
        result.AddError(message);
        return default;
    }
}
