using System.Globalization;
using CsvHelper;

namespace Pruning.Runs;

/// <summary>A CSV file that grows row by row and is whole after each: invariant culture, LF, flushed.</summary>
public sealed class CsvTable : IDisposable
{
    private static readonly CsvWriterOptions Form = new() { NewLine = "\n", FormatProvider = CultureInfo.InvariantCulture };
    private readonly CsvWriter _writer;

    /// <param name="path">Replaced where it exists.</param>
    /// <param name="header">Names of the columns, separated by commas.</param>
    public CsvTable(string path, string header)
    {
        ArgumentNullException.ThrowIfNull(header);
        // Others may read the file while the run goes on.
        _writer = CsvWriter.Create(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read), Form, leaveOpen: false);
        Write(header.Split(','));
    }

    /// <summary>A row; as many fields as the header has names.</summary>
    public void Write(params string[] fields)
    {
        _writer.WriteRecord(fields);
        _writer.Flush();
    }

    /// <summary>All rows of a file; each gives a column's field by the column's name.</summary>
    /// <exception cref="KeyNotFoundException">A column that was asked for is not there.</exception>
    public static List<string[]> Read(string path, params string[] columns)
    {
        using var reader = CsvReader.FromFile(path);
        var rows = new List<string[]>();
        while (reader.Read())
            rows.Add(Array.ConvertAll(columns, reader.GetString));
        return rows;
    }

    public void Dispose() => _writer.Dispose();
}

/// <summary>How numbers are written in CSV files.</summary>
internal static class Csv
{
    /// <summary>Percent with two decimals, and everything else that is read by people.</summary>
    public static string Two(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    /// <summary>Epochs: whole ones without decimals.</summary>
    public static string Short(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    public static string Three(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
    public static string Six(double value) => value.ToString("F6", CultureInfo.InvariantCulture);

    /// <summary>Any magnitude, shortest form that keeps a single's six digits.</summary>
    public static string Digits(double value) => value.ToString("G7", CultureInfo.InvariantCulture);

    public static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);
    public static string Whole(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
