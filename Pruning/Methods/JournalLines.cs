using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// A file of JSON values, one a line, that grows by whole lines. A process that is killed may tear the last one, which then does not count.
/// </summary>
/// <param name="path">Made, with its folder, by the first line.</param>
internal sealed class JournalLines(string path) : IDisposable
{
    private static readonly JsonSerializerOptions Json = new()
    {
        IncludeFields = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private FileStream? _file;

    /// <summary>Bytes of the lines that count: what is behind them goes with the next line.</summary>
    public long Length { get; set; }

    /// <summary>A value as a part of a line.</summary>
    public static JsonElement Element<T>(T value) => JsonSerializer.SerializeToElement(value, Json);

    /// <summary>The reverse.</summary>
    /// <exception cref="JsonException">It is of another kind.</exception>
    public static T Value<T>(JsonElement element) => element.Deserialize<T>(Json)!;

    /// <summary>Whole lines, each with the length of the file up to its end.</summary>
    /// <exception cref="UserException">BadFile: they cannot be read.</exception>
    public IEnumerable<(string Text, long Length)> Read()
    {
        byte[] content = [];
        try
        {
            if (File.Exists(path))
                content = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Bad(e.Message, e);
        }
        for (int begin = 0, end; (end = Array.IndexOf(content, (byte)'\n', begin)) >= 0; begin = end + 1)
            yield return (Encoding.UTF8.GetString(content, begin, end - begin), end + 1);
    }

    /// <summary>A line's value; null of a line that holds none of its kind.</summary>
    public static T? Parsed<T>(string line) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(line, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A line more.</summary>
    /// <exception cref="UserException">Failed: it cannot be written.</exception>
    public void Append<T>(T value)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(value, Json), (byte)'\n'];
        try
        {
            _file ??= Open();
            _file.Write(line);
            Length += line.Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.Failed, $"{path}: expected a writable file, found {e.Message}", e);
        }
    }

    /// <summary>What is wrong with the lines, and the way out.</summary>
    public UserException Bad(string found, Exception? inner = null) => new(
        ErrorKind.BadFile,
        $"{path}: expected what a run of this program recorded, found {found}; without {Path.GetDirectoryName(path)} it begins anew",
        inner);

    public void Dispose() => _file?.Dispose();

    private FileStream Open()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read | FileShare.Delete, bufferSize: 0);
        file.SetLength(Length);
        file.Position = Length;
        return file;
    }
}
