using System.Globalization;
using CsvHelper;
using Secateurs.Model;

namespace Secateurs.Program.Runs;

/// <summary>A CSV file that grows row by row and is whole after each: invariant culture, LF, flushed.</summary>
internal sealed class CsvTable : IDisposable
{
    private static readonly CsvWriterOptions Form = new() { NewLine = "\n", FormatProvider = CultureInfo.InvariantCulture };
    private readonly CsvWriter _writer;
    private readonly string _path = "";

    /// <param name="path">Replaced where it exists.</param>
    /// <param name="header">Names of the columns, separated by commas.</param>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public CsvTable(string path, string header) : this(Open(path), header, leaveOpen: false) => _path = path;

    private CsvTable(Stream stream, string header, bool leaveOpen)
    {
        ArgumentNullException.ThrowIfNull(header);
        _writer = CsvWriter.Create(stream, Form, leaveOpen);
        Write(header.Split(','));
    }

    /// <summary>Writes a file of which all rows are known: it is replaced as a whole or not at all.</summary>
    public static void WriteWhole(string path, string header, IEnumerable<string[]> rows) => AtomicFile.Write(path, stream =>
    {
        using var table = new CsvTable(stream, header, leaveOpen: true);
        foreach (var row in rows)
            table.Write(row);
    });

    /// <summary>A row; as many fields as the header has names.</summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public void Write(params string[] fields) => Guarded(_path, () =>
    {
        _writer.WriteRecord(fields);
        _writer.Flush();
        return true;
    });

    /// <summary>Ends the name of a column that may be missing; its fields are empty then.</summary>
    public const char Optional = '?';

    /// <summary>All rows of a file; each gives a column's field by the column's name.</summary>
    /// <exception cref="KeyNotFoundException">A column that was asked for is not there.</exception>
    public static List<string[]> Read(string path, params string[] columns)
    {
        using var reader = CsvReader.FromFile(path);
        var rows = new List<string[]>();
        while (reader.Read())
            rows.Add(Array.ConvertAll(columns, Field));
        return rows;

        string Field(string column) => !column.EndsWith(Optional) ? reader.GetString(column)
            : reader.Headers!.Contains(column[..^1]) ? reader.GetString(column[..^1]) : "";
    }

    /// <summary>All rows of a file that a user may have changed.</summary>
    /// <exception cref="UserException">BadFile: a column is missing or <paramref name="parse"/> refuses a row.</exception>
    public static IReadOnlyList<T> ReadOrRefuse<T>(string path, string expected, Func<string[], T> parse, params string[] columns)
    {
        try
        {
            return [.. Read(path, columns).Select(parse)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException or FormatException
            or IndexOutOfRangeException or OverflowException)
        {
            throw new UserException(ErrorKind.BadFile, $"{path}: expected {expected}, found {e.Message.Split('\n')[0].Trim()}", e);
        }
    }

    public void Dispose()
    {
        try
        {
            _writer.Dispose();
        }
        catch (IOException)
        {
            // What could not be written was reported with its row.
        }
    }

    // Others may read the file while the run goes on.
    private static FileStream Open(string path) =>
        Guarded(path, () => new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read | FileShare.Delete));

    private static T Guarded<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ErrorKind.Failed, $"{path}: expected a writable file, found {e.Message}", e);
        }
    }
}

/// <summary>How numbers are written in CSV files.</summary>
internal static class Csv
{
    /// <summary>Percent with two decimals, and everything else that is read by people.</summary>
    public static string Two(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    /// <summary>The same of a change, with its sign.</summary>
    public static string Signed(double value) => value.ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture);

    /// <summary>Epochs: whole ones without decimals.</summary>
    public static string Short(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    public static string Three(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
    public static string Six(double value) => value.ToString("F6", CultureInfo.InvariantCulture);

    /// <summary>Any magnitude, shortest form that keeps a single's six digits.</summary>
    public static string Digits(double value) => value.ToString("G7", CultureInfo.InvariantCulture);

    public static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);
    public static string Whole(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
