using System.Text;

namespace Secateurs.Program.Runs;

/// <summary>A table in plain text; columns whose cells begin with a digit or a sign are set to the right.</summary>
internal sealed class TextTable(params string[] header)
{
    private readonly List<string[]> _rows = [header];

    public void Add(params string[] cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        if (cells.Length != header.Length)
            throw new ArgumentException($"{header.Length} columns, {cells.Length} cells");
        // A name with a line end in it must not look like two rows.
        _rows.Add(Array.ConvertAll(cells, c => c.ReplaceLineEndings("\\n")));
    }

    public override string ToString()
    {
        int[] widths = [.. header.Select((_, i) => _rows.Max(r => r[i].Length))];
        bool[] right =
        [
            .. header.Select((_, i) =>
                _rows.Skip(1).Any() && _rows.Skip(1).All(r => r[i] is "" or "-" || char.IsDigit(r[i].TrimStart('-', '+', '~')[0]))),
        ];
        var text = new StringBuilder();
        foreach (var row in _rows)
            text.AppendLine(string.Join("  ", row.Select((c, i) => right[i] ? c.PadLeft(widths[i]) : c.PadRight(widths[i]))).TrimEnd());
        return text.ToString().TrimEnd();
    }
}
