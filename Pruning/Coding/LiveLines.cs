namespace Secateurs.Pruning.Coding;

/// <summary>
/// Which rows and columns of a layer hold any live weight: the others cost nothing further.
///
/// Contexts of a row: the two before it. Contexts of a column: how many live weights lead into its channel from the layer before (a
/// neuron without any has no use); its neighbours to the left and above in the channel's plane (an image's border is dead); how
/// many of its channel's positions live; how many earlier channels live at its position.
/// </summary>
internal sealed class LiveLines
{
    private readonly Mixer _rowMixer = new(2, 1, 26000, 1024);
    private readonly Mixer _columnMixer = new(4, 3, 16000, 1024);
    private readonly Counters _rows = new(5);
    private readonly Counters _columns = new(Before + 3 * 16);

    private const int Pattern = 0, Channel = 32, Plane = Channel + 64, Before = Plane + 32;

    /// <summary>Codes the rows in place.</summary>
    public void Rows(BitCoder coder, bool[] live)
    {
        int history = 0;
        for (int r = 0; r < live.Length; r++)
        {
            _rowMixer.Add(_rows, 0);
            _rowMixer.Add(_rows, 1 + history);
            int bit = _rowMixer.Code(coder, live[r] ? 1 : 0, 0, 0);
            live[r] = bit != 0;
            history = (history << 1 | bit) & 3;
        }
    }

    /// <summary>Codes the columns in place.</summary>
    /// <param name="before">live weights into each channel; null in the first layer</param>
    public void Columns(BitCoder coder, bool[] live, Geometry g, int[]? before)
    {
        var atPosition = new int[g.Area];
        for (int channel = 0, c = 0; channel < g.Channels; channel++)
        {
            int inChannel = 0;
            for (int p = 0; p < g.Area; p++, c++)
            {
                int y = p / g.Width, x = p % g.Width;
                int pattern = Live(0, -1) | Live(-1, 0) << 1 | Live(-1, -1) << 2 | Live(-1, 1) << 3;
                int group = before == null ? 0 : before[channel] == 0 ? 1 : 2;
                _columnMixer.Add(_columns, Pattern + pattern + (before == null ? 16 : 0));
                _columnMixer.Add(_columns, Channel + Math.Min(inChannel, 7) * 8 + (p == 0 ? 0 : 1 + inChannel * 6 / p));
                _columnMixer.Add(_columns, Plane + Math.Min(atPosition[p], 3) * 8 + (channel == 0 ? 0 : 1 + atPosition[p] * 6 / channel));
                _columnMixer.Add(_columns, Before + group * 16 + (before == null ? 0 : Bucket(before[channel])));
                live[c] = _columnMixer.Code(coder, live[c] ? 1 : 0, group, group) != 0;
                if (live[c])
                {
                    inChannel++;
                    atPosition[p]++;
                }

                int Live(int dy, int dx) => y + dy >= 0 && x + dx >= 0 && x + dx < g.Width && live[c + dy * g.Width + dx] ? 1 : 0;
            }
        }
    }

    /// <summary>A count in 16 classes: 0, 1, 2, 3, then two classes to each doubling.</summary>
    public static int Bucket(int count)
    {
        if (count < 4)
            return count;
        int log = System.Numerics.BitOperations.Log2((uint)count);
        return Math.Min(15, 2 * log + (count >> log - 1 & 1));
    }
}
