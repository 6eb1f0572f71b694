using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// One or several budgets: points of accuracy on the validation images that pruning may cost. In JSON a number or an array.
/// </summary>
[JsonConverter(typeof(Json))]
public sealed class Budgets(params IEnumerable<double> values)
{
    /// <summary>One budget.</summary>
    public static implicit operator Budgets(double value) => new(value);

    /// <summary>Ascending, each once.</summary>
    public IReadOnlyList<double> Values { get; } = [.. values.Distinct().Order()];

    /// <summary>What a method that serves one budget goes by.</summary>
    public double Least => Values[0];

    /// <summary>As on the command line: 0.1,0.5.</summary>
    public override string ToString() => string.Join(',', Values.Select(v => v.ToString(CultureInfo.InvariantCulture)));

    private sealed class Json : JsonConverter<Budgets>
    {
        public override Budgets Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Number
                ? new(reader.GetDouble())
                : new(JsonSerializer.Deserialize<double[]>(ref reader, options)!);

        public override void Write(Utf8JsonWriter writer, Budgets value, JsonSerializerOptions options)
        {
            if (value.Values.Count == 1)
                writer.WriteNumberValue(value.Least);
            else
                JsonSerializer.Serialize(writer, value.Values, options);
        }
    }
}
