using System.Numerics;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// Which shared weight a live weight is: its sign, then its distance from zero in the codebook, 0 for the smallest of that sign,
/// down a binary tree.
///
/// The sign: <see cref="SignModel"/>. In versions 1 and 2 it has contexts: the signs of the neighbours left, above and above left in the
/// plane; those of the row before here and to the right; the left neighbour's with that of the column's last weight. Contexts of each
/// branch: sign; the larger of the left and upper neighbour; the column's last weight (both as bit lengths of their distance from zero).
/// </summary>
internal sealed class ValueModel
{
    private const int Above = 27, Column = Above + 9, SmallNodes = 256, Classes = 17;

    private readonly Mixer _signMixer, _mixer;
    private readonly SignModel? _signModel;
    private readonly Surroundings _near;
    private readonly int _negatives, _positives;
    private readonly Counters _signs = new(Column + 9);
    private readonly Counters _tree, _nearTree, _columnTree;

    /// <param name="negatives">codebook entries with the sign bit set</param>
    /// <param name="positives">the others</param>
    public ValueModel(int version, Mixer signMixer, Mixer mixer, Surroundings near, int negatives, int positives)
    {
        _signModel = version < 3 ? null : new SignModel(signMixer, near, negatives);
        (_signMixer, _mixer, _near, _negatives, _positives) = (signMixer, mixer, near, negatives, positives);
        _tree = new Counters(2 << Levels(Math.Max(negatives, positives)));
        _nearTree = new Counters(SmallNodes * Classes);
        _columnTree = new Counters(SmallNodes * Classes);
    }

    /// <summary>The mixer of distances that all layers of a file share.</summary>
    public static Mixer NewMixer() => new(3, 1, 20000, 768);

    /// <summary>The mixer of signs that all layers of a file share.</summary>
    public static Mixer NewSignMixer(int version) => version < 3 ? NewMixer() : SignModel.NewMixer();

    public void NextRow() => _signModel?.NextRow();

    /// <summary>Codes a rank from 1 on.</summary>
    public int Code(BitCoder coder, int rank, int c)
    {
        int left = _near.Row(c, 0, -1), up = _near.Row(c, -1, 0), last = _near.LastInColumn(c);
        bool negative = _positives == 0;
        if (_positives != 0 && _negatives != 0 && _signModel != null)
            negative = _signModel.Code(coder, rank <= _negatives, c);
        else if (_positives != 0 && _negatives != 0)
        {
            _signMixer.Add(_signs, Sign(left) + 3 * Sign(up) + 9 * Sign(_near.Row(c, -1, -1)));
            _signMixer.Add(_signs, Above + Sign(_near.Above(c, 0, 0)) + 3 * Sign(_near.Above(c, 0, 1)));
            _signMixer.Add(_signs, Column + Sign(left) + 3 * Sign(last));
            negative = _signMixer.Code(coder, rank <= _negatives ? 1 : 0, 0, 0) != 0;
        }
        int distance = CodeDistance(coder, Distance(rank), negative, Math.Max(Class(left), Class(up)), Class(last));
        return negative ? _negatives - distance : _negatives + 1 + distance;
    }

    private int CodeDistance(BitCoder coder, int distance, bool negative, int near, int last)
    {
        int largest = (negative ? _negatives : _positives) - 1, node = 1, result = 0;
        for (int bit = Levels(largest + 1) - 1; bit >= 0; bit--)
        {
            int branch = 0;
            if ((result | 1 << bit) <= largest)
            {
                _mixer.Add(_tree, 2 * node + (negative ? 1 : 0));
                if (node < SmallNodes)
                {
                    _mixer.Add(_nearTree, node * Classes + near);
                    _mixer.Add(_columnTree, node * Classes + last);
                }
                branch = _mixer.Code(coder, distance >> bit & 1, 0, 0);
            }
            result |= branch << bit;
            node = node << 1 | branch;
        }
        return result;
    }

    private int Sign(int rank) => rank == 0 ? 0 : rank <= _negatives ? 1 : 2;

    private int Distance(int rank) => rank <= _negatives ? _negatives - rank : rank - _negatives - 1;

    private int Class(int rank) => rank == 0 ? 0 : 1 + Levels(Distance(rank) + 1);

    /// <summary>Bits that hold 0 to n - 1.</summary>
    private static int Levels(int n) => n <= 1 ? 0 : BitOperations.Log2((uint)n - 1) + 1;
}
