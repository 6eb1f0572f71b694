using System.Globalization;
using System.Numerics;
using System.Text;

namespace Secateurs.Pruning.Export.C;

/// <summary>A C file while it is written: each function once, tables, and the calls of a network in their order.</summary>
internal sealed class Source<T>(Arithmetic<T> arithmetic) where T : unmanaged, INumber<T>
{
    private const int LineLength = 110;

    private readonly StringBuilder _functions = new(), _tables = new(), _calls = new();
    private readonly HashSet<string> _names = [];
    private long _bytes;
    private int _extents, _largest;

    public Arithmetic<T> Arithmetic => arithmetic;

    /// <summary>All but the functions that others call.</summary>
    public string Inner => $"{_functions}{_tables}";

    /// <summary>The calls, one a line.</summary>
    public string Calls => _calls.ToString();

    /// <summary>Bytes of tables and structures, these on a machine of 32 bits.</summary>
    public long Flash => _bytes + (long)_extents * ExtentBytes;

    /// <summary>The type of lengths and distances.</summary>
    public string ExtentType => ExtentBytes == 2 ? "uint16_t" : "uint32_t";

    private int ExtentBytes => _largest > ushort.MaxValue ? 4 : 2;

    /// <summary>A length or distance; the largest decides of what type all are.</summary>
    public string Extent(int number)
    {
        _largest = Math.Max(_largest, number);
        return number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Writes a function, unless it is there.</summary>
    public void Function(string name, string text)
    {
        if (_names.Add(name))
            _functions.Append(text).Append('\n');
    }

    public void Call(string call) => _calls.Append("    ").Append(call).Append('\n');

    /// <summary>Writes a table and gives its name.</summary>
    public string Array(string type, string name, IEnumerable<string> numbers)
    {
        string[] all = [.. numbers.DefaultIfEmpty("0")];
        Count(type, all.Length);
        _tables.Append(CultureInfo.InvariantCulture, $"static const {type} {name}[{all.Length}] = {{");
        int column = LineLength;
        foreach (string number in all)
        {
            if (column + number.Length + 2 > LineLength)
            {
                _tables.Append("\n   ");
                column = 3;
            }
            _tables.Append(' ').Append(number).Append(',');
            column += number.Length + 2;
        }
        _tables.Append("\n};\n");
        return name;
    }

    /// <summary>Writes a structure and gives its name.</summary>
    public string Structure(string type, string name, IEnumerable<string> fields)
    {
        Count(type, 1);
        _tables.Append(CultureInfo.InvariantCulture, $"static const {type} {name} = {{\n    {string.Join(",\n    ", fields)},\n}};\n\n");
        return name;
    }

    /// <summary>Adds up bytes, and extents, whose bytes are known at the end.</summary>
    private void Count(string type, int times)
    {
        var (bytes, extents) = type switch
        {
            "extent" => (0, 1),
            "layer" => (4 * 4 + 8, 4),
            "grid" => (2, 12),
            "term" => (4, 2),
            "mixture" => (4, 5),
            "uint8_t" => (1, 0),
            "total" => (arithmetic.Bytes.Bias, 0),
            _ => (arithmetic.Bytes.Weight, 0),
        };
        _bytes += (long)times * bytes;
        _extents += times * extents;
    }

    /// <summary>The type of <see cref="C.Grid"/>.</summary>
    public void Grid() => Function("grid", """
        typedef struct {
            extent height, width;               /* windows down and across; of a pooled convolution groups of four */
            extent x_down, x_right;             /* from one to the next in what is read */
            extent y_down, y_right;             /* and in what is written */
            extent x1, x2, x3, y1, y2, y3;      /* from the first of four windows to the others */
            uint8_t pooled;                     /* whether the largest of four is written */
        } grid;

        """);

    /// <summary>Writes one and gives its name.</summary>
    public string Grid(string name, Grid g) => Structure("grid", $"{name}_grid",
    [
        $".height = {Extent(g.Height)}, .width = {Extent(g.Width)}, .pooled = {(g.Pooled ? 1 : 0)}",
        $".x_down = {Extent(g.XDown)}, .x_right = {Extent(g.XRight)}, .y_down = {Extent(g.YDown)}, .y_right = {Extent(g.YRight)}",
        $".x1 = {Extent(g.X[0])}, .x2 = {Extent(g.X[1])}, .x3 = {Extent(g.X[2])}, "
            + $".y1 = {Extent(g.Y[0])}, .y2 = {Extent(g.Y[1])}, .y3 = {Extent(g.Y[2])}",
    ]);

    /// <summary>Fills a value that has a border before it is written.</summary>
    public void Border(string name, string address, Place place, T[] border)
    {
        if (place.Border == 0)
            return;
        Function("fill", """
            /* Fills a value with what stands for zero, so that its border does. */
            static void fill(value *y, unsigned count, const value *border, unsigned channels)
            {
                for (unsigned c = 0; count > 0; count--) {
                    *y++ = border[c];
                    if (++c == channels)
                        c = 0;
                }
            }

            """);
        string table = Array("value", $"{name}_border", border.Select(arithmetic.Text));
        Call(string.Create(CultureInfo.InvariantCulture, $"fill({address}, {place.Length}, {table}, {border.Length});"));
    }
}
