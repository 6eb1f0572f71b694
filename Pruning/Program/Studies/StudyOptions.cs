using System.Text.Json;
using System.Text.Json.Nodes;
using Secateurs.Model;

namespace Secateurs.Program.Studies;

/// <summary>The options.json of a network in a study: what all its units have in common.</summary>
internal static class StudyOptions
{
    /// <summary>Bytes at most.</summary>
    private const int Most = 1 << 20;

    /// <summary>The data as typed, which counts only where the other is not known: in an older study, or when the data are gone.</summary>
    public const string Data = "data", DataSha256 = "data_sha256";

    /// <summary>The kind of accelerator; studies from before there were several devices have its number too.</summary>
    public const string Device = "device";

    private static readonly JsonSerializerOptions OneLine = new(Terminal.Json) { WriteIndented = false };
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    public static void Write(string file, JsonObject options) => AtomicFile.Write(file, stream =>
    {
        JsonSerializer.Serialize(stream, options, Terminal.Json);
        stream.WriteByte((byte)'\n');
    });

    /// <summary>That a study goes on as it began.</summary>
    /// <exception cref="UserException">Usage: it began with other options. BadFile: the file is damaged.</exception>
    public static void Demand(string file, JsonObject asked) => Read(file, begun =>
    {
        bool known = begun[DataSha256] is not null && asked[DataSha256] is not null;
        // What has its default may be left out on either side.
        foreach (string key in asked.Concat(begun).Select(o => o.Key).Distinct().Where(k => k != (known ? Data : DataSha256)))
        {
            if (key == Device ? Kind(begun[key]) != Kind(asked[key]) : !JsonNode.DeepEquals(begun[key], asked[key]))
            {
                string both = $"{key} = {Show(begun[key])}, asked for is {Show(asked[key])}";
                throw new UserException(ErrorKind.Usage, $"{file}: this study began with {both}; another --out begins another study");
            }
        }
        return true;
    });

    /// <summary>Whether these are the options of a study.</summary>
    public static bool Are(string file)
    {
        try
        {
            return Read(file, begun => begun["verb"]?.GetValue<string>() == "study");
        }
        catch (UserException)
        {
            return false;
        }
    }

    /// <summary>The words of all calls of a study; none where the file is not there.</summary>
    /// <exception cref="UserException">BadFile.</exception>
    public static string[][] Calls(string file) => !File.Exists(file) ? [] : Read(file, study => study["calls"] is JsonArray calls
        ? calls.Select(c => c!.AsArray().Select(w => w!.GetValue<string>()).ToArray()).ToArray()
        : throw new JsonException("no calls"));

    private static T Read<T>(string file, Func<JsonObject, T> use)
    {
        try
        {
            if (!File.Exists(file) || !AtomicFile.IsTaken(file))
                throw new JsonException("none");
            if (new FileInfo(file).Length > Most)
                throw new JsonException($"more than {Most} bytes");
            var node = JsonNode.Parse(File.ReadAllBytes(file), documentOptions: Strict);
            return use(node as JsonObject ?? throw new JsonException("another kind of value"));
        }
        // Half a surrogate pair shows only when the text is used.
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException or FormatException or IOException
            or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.BadFile, $"{file}: expected the options of a study, found {e.Message}", e);
        }
    }

    private static string? Kind(JsonNode? device) => device?.ToString().Split(':')[0];

    private static string Show(JsonNode? value) => value?.ToJsonString(OneLine) ?? "nothing";
}
