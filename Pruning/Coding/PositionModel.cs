namespace Secateurs.Pruning.Coding;

/// <summary>
/// Whether the weight where a live row and a live column cross is itself live.
///
/// Opinions: the density so far of the layer, and as differences to it (in the logistic domain) those of this row, of the row before
/// (helpful where the caller sorted its neurons), of this column, of the column's neighbours in the plane and of the channel;
/// and those behind each pattern of the neighbours in this row, behind their number in a window of two rows and columns, and behind
/// the weights that lead into the channel from the layer before. A density shrinks towards the layer's as if 8 weights of that had been
/// seen. Chosen by measurement on pruned LeNets: of 16 opinions tried, all 16 together were longer than these nine; those of row, column
/// and channel say little there that others do not, and begin without weight. In versions 1 and 2 all begin with the same weight, and the
/// last three are counters.
/// </summary>
internal sealed class PositionModel
{
    private const int Windows = 16, Before = Windows + 4 * 16, Contexts = Before + 4 * 16;

    private readonly Mixer _mixer;
    private readonly Surroundings _near;
    private readonly int[]? _before;
    private readonly Counters? _counters;
    private readonly int[] _liveIn = new int[Contexts], _seenIn = new int[Contexts];
    private readonly int[] _inColumn, _inChannel;
    private readonly int _liveColumns;
    private int _rows, _inRow, _inRowBefore, _seenInRow, _channel = -1, _inRowAndChannel;
    private long _live, _seen;

    /// <param name="before">live weights into each channel; null in the first layer</param>
    public PositionModel(int version, Mixer mixer, Surroundings near, int liveColumns, int[]? before)
    {
        _counters = version < 3 ? new Counters(Contexts) : null;
        _mixer = mixer;
        _near = near;
        _liveColumns = liveColumns;
        _before = before;
        _inColumn = new int[near.Geometry.Columns];
        _inChannel = new int[near.Geometry.Channels];
    }

    /// <summary>The mixer that all layers of a file share.</summary>
    public static Mixer NewMixer(int version) => version < 3 ? new(9, 4 + 16, 12000, 256)
        : new([65536, 0, 36000, 0, 24000, 0, 24000, 24000, 24000], 4 + 16, 400);

    /// <summary>
    /// Codes whether column c of this row has a weight; the last chance of a live row or column for its first is not coded.
    /// </summary>
    public bool Code(BitCoder coder, bool live, int c, bool lastRow)
    {
        var g = _near.Geometry;
        int channel = c / g.Area;
        if (channel != _channel)
            (_channel, _inRowAndChannel) = (channel, 0);
        if (_inRow == 0 && _seenInRow == _liveColumns - 1 || _inColumn[c] == 0 && lastRow)
            live = true;
        else
            live = CodeOpen(coder, live, c, channel);
        _seen++;
        _seenInRow++;
        if (live)
        {
            _live++;
            _inRow++;
            _inColumn[c]++;
            _inChannel[channel]++;
            _inRowAndChannel++;
        }
        return live;
    }

    public void NextRow()
    {
        _rows++;
        _inRowBefore = _inRow;
        _inRow = _seenInRow = 0;
        _channel = -1;
    }

    private bool CodeOpen(BitCoder coder, bool live, int c, int channel)
    {
        int pattern = 0, window = 0, around = 0, neighbours = 0;
        for (int dy = -2; dy <= 0; dy++)
        {
            for (int dx = -2; dx <= (dy < 0 ? 2 : -1); dx++)
                window += _near.Row(c, dy, dx) != 0 ? 1 : 0;
        }
        for (int dy = -1; dy <= 1; dy++)
        {
            for (int dx = -1; dx <= 1; dx++)
            {
                if ((dy == 0 && dx == 0) || !_near.Inside(c, dy, dx))
                    continue;
                neighbours++;
                around += _inColumn[c + dy * _near.Geometry.Width + dx];
            }
        }
        for (int i = 0; i < 4; i++)
            pattern |= (i == 0 ? _near.Row(c, 0, -1) : _near.Row(c, -1, i - 2)) != 0 ? 1 << i : 0;

        long density = (5 * _live + 2) * 65536 / (5 * _seen + 10);
        int layer = Mixer.Stretch(density, 65536);
        _mixer.Add(layer);
        _mixer.Add(Estimate(_inRow, _seenInRow));
        _mixer.Add(_rows == 0 ? 0 : Estimate(_inRowBefore, _liveColumns));
        _mixer.Add(Estimate(_inColumn[c], _rows));
        _mixer.Add(Estimate(around, (long)neighbours * _rows));
        _mixer.Add(Estimate(_inChannel[channel], (long)_near.Geometry.Area * _rows));
        ReadOnlySpan<int> slots =
        [
            pattern, Windows + Math.Min(window, 15) + 16 * (pattern & 3),
            Before + (_before == null ? 0 : LiveLines.Bucket(_before[channel])) + 16 * Math.Min(_inRowAndChannel, 3),
        ];
        foreach (int slot in slots)
        {
            if (_counters != null)
                _mixer.Add(_counters, slot);
            else
                _mixer.Add(Estimate(_liveIn[slot], _seenIn[slot]));
        }
        int context = (pattern != 0 ? 1 : 0) + (_before == null ? 2 : 0);
        live = _mixer.Code(coder, live ? 1 : 0, context, 4 + Math.Min(window, 15)) != 0;
        foreach (int slot in slots)
        {
            _liveIn[slot] += live ? 1 : 0;
            _seenIn[slot]++;
        }
        return live;

        int Estimate(long ones, long total) => Mixer.Stretch(ones * 65536 + 8 * density, (total + 8) * 65536) - layer;
    }
}
