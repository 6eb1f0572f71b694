namespace Secateurs.Pruning.Coding;

/// <summary>
/// What both sides know when a weight is coded: the weights already coded in its row, those of the live row above, and the last
/// one of its column. A weight is its rank in the ascending codebook, from 1; 0 is none.
/// </summary>
internal sealed class Surroundings(Geometry g)
{
    private int[] _row = new int[g.Columns], _above = new int[g.Columns];
    private readonly int[] _lastInColumn = new int[g.Columns];

    public Geometry Geometry => g;

    /// <summary>The weight of this row dy below and dx right of column c in its plane; 0 outside or if not coded yet.</summary>
    public int Row(int c, int dy, int dx) => Inside(c, dy, dx) ? _row[c + dy * g.Width + dx] : 0;

    /// <summary>The weight of this row in a column; 0 if not coded yet.</summary>
    public int InRow(int c) => _row[c];

    /// <summary>The same in the live row above.</summary>
    public int Above(int c, int dy, int dx) => Inside(c, dy, dx) ? _above[c + dy * g.Width + dx] : 0;

    public int LastInColumn(int c) => _lastInColumn[c];

    public bool Inside(int c, int dy, int dx)
    {
        int y = c % g.Area / g.Width + dy, x = c % g.Width + dx;
        return y >= 0 && y < g.Height && x >= 0 && x < g.Width;
    }

    public void Set(int c, int rank) => _row[c] = _lastInColumn[c] = rank;

    public void NextRow()
    {
        (_row, _above) = (_above, _row);
        Array.Clear(_row);
    }
}
