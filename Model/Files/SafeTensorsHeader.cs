using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Secateurs.Model;

/// <summary>One tensor in a header; Begin and End are offsets in bytes from the header's end.</summary>
internal sealed record SafeTensorsEntry(string Name, TensorType Type, int[] Shape, long Begin, long End);

/// <summary>
/// The first part of a safetensors file: 8 bytes of length (little-endian), then JSON that maps each name to dtype, shape and
/// data_offsets, and "__metadata__" to texts. The entries stand in the order of their data, which they cover without gap or overlap.
/// Every error is a <see cref="UserException"/> with BadFile.
/// </summary>
internal sealed record SafeTensorsHeader(IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<SafeTensorsEntry> Entries)
{
    private const string MetadataKey = "__metadata__";
    private const int MaxBytes = 4_000_000; // masks of the largest network take 3.4 MB; the format's own limit is 100 MB
    private const int Prefix = 8, Alignment = 8;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 3, AllowDuplicateProperties = false };

    /// <summary>Reads and checks everything before the data, which begins where the stream then stands.</summary>
    public static SafeTensorsHeader Read(string path, Stream file)
    {
        Span<byte> start = stackalloc byte[ForeignFile.StartLength];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        ulong length = start.Length < Prefix ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(start);
        // A byte order other than the format's, or a header that is none, would be a large number here.
        if (start.Length <= Prefix || start[Prefix] != '{')
        {
            throw BadModel.Of(path, "a safetensors file, whose header of JSON begins with '{' at byte 9",
                ForeignFile.Describe(start) ?? "other bytes");
        }
        ulong most = (ulong)Math.Min(MaxBytes, file.Length - Prefix);
        if (length > most)
            throw BadModel.Of(path, $"a safetensors header of at most {most} bytes", $"{length}");

        byte[] json = new byte[length];
        file.Position = Prefix;
        file.ReadExactly(json);
        if (json.Length == 0 || !Utf8.IsValid(json))
            throw BadModel.Of(path, "a safetensors header of JSON in UTF-8", json.Length == 0 ? "none" : "other bytes");
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return Parse(path, document.RootElement, file.Length - file.Position);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escaped half of a surrogate pair, which is no text.
            throw BadModel.Of(path, "a safetensors header of valid JSON", error.Message, error);
        }
    }

    /// <summary>Writes length and JSON, padded by spaces so that the data begins at a multiple of 8 bytes.</summary>
    public void Write(Stream file)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WritePropertyName(MetadataKey);
            JsonSerializer.Serialize(writer, Metadata);
            foreach (SafeTensorsEntry entry in Entries)
            {
                writer.WritePropertyName(entry.Name);
                long[] offsets = [entry.Begin, entry.End];
                JsonSerializer.Serialize(writer, new { dtype = entry.Type.ToString(), shape = entry.Shape, data_offsets = offsets });
            }

            writer.WriteEndObject();
        }

        while (json.Length % Alignment != 0)
            json.WriteByte((byte)' ');
        Span<byte> prefix = stackalloc byte[Prefix];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, json.Length);
        file.Write(prefix);
        json.WriteTo(file);
    }

    private static SafeTensorsHeader Parse(string path, JsonElement root, long dataLength)
    {
        var metadata = new Dictionary<string, string>();
        var entries = new List<SafeTensorsEntry>();
        foreach (JsonProperty property in root.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Object)
                throw BadModel.Of(path, $"an object for '{property.Name}'", $"{property.Value.ValueKind}");
            if (property.Name != MetadataKey)
            {
                entries.Add(ParseEntry(path, property.Name, property.Value));
                continue;
            }

            foreach (JsonProperty item in property.Value.EnumerateObject())
            {
                if (item.Value.ValueKind != JsonValueKind.String)
                    throw BadModel.Of(path, $"text for the metadata '{item.Name}'", $"{item.Value.ValueKind}");
                metadata.Add(item.Name, item.Value.GetString()!);
            }
        }

        SafeTensorsEntry[] ordered = [.. entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End)];
        long end = 0;
        foreach (SafeTensorsEntry entry in ordered)
        {
            if (entry.Begin != end)
                throw BadModel.Of(path, $"data of '{entry.Name}' at offset {end}, without gap or overlap", $"{entry.Begin}");
            end = entry.End;
        }

        return end == dataLength
            ? new SafeTensorsHeader(metadata, ordered)
            : throw BadModel.Of(path, $"{end} bytes of data as the header says", $"{dataLength}");
    }

    private static SafeTensorsEntry ParseEntry(string path, string name, JsonElement value)
    {
        string? dtype = null;
        long[]? extents = null, offsets = null;
        foreach (JsonProperty property in value.EnumerateObject())
        {
            switch (property.Name)
            {
                case "dtype" when property.Value.ValueKind == JsonValueKind.String:
                    dtype = property.Value.GetString();
                    break;
                case "shape":
                    extents = Numbers(property.Value);
                    break;
                case "data_offsets":
                    offsets = Numbers(property.Value);
                    break;
            }
        }

        if (!Enum.GetNames<TensorType>().Contains(dtype) || !Enum.TryParse(dtype, out TensorType type))
            throw BadModel.Of(path, $"a dtype of '{name}' among {string.Join(", ", Enum.GetNames<TensorType>())}", dtype ?? "none");
        if (extents is null || extents.Any(extent => extent > int.MaxValue))
            throw BadModel.Of(path, $"a shape of '{name}' of integers 0 to {int.MaxValue}", "other values");
        if (offsets is not [var begin, var end] || begin > end)
        {
            throw BadModel.Of(path, $"data_offsets of '{name}' as [begin, end]",
                offsets is null ? "other values" : $"[{string.Join(", ", offsets)}]");
        }

        int[] shape = Array.ConvertAll(extents, extent => (int)extent);
        long? bytes = SafeTensor.ByteCount(type, shape);
        if (bytes != end - begin || bytes > Array.MaxLength)
        {
            throw BadModel.Of(
                path, $"data_offsets of '{name}' that hold {dtype} [{string.Join(", ", shape)}], at most {Array.MaxLength} bytes",
                $"{end - begin} bytes");
        }

        return new SafeTensorsEntry(name, type, shape, begin, end);
    }

    /// <summary>The elements of an array of non-negative 64-bit integers, or null where the value is anything else.</summary>
    private static long[]? Numbers(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
            return null;
        var numbers = new List<long>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long number) || number < 0)
                return null;
            numbers.Add(number);
        }

        return [.. numbers];
    }
}
