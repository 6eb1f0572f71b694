namespace Secateurs.Pruning.Coding;

/// <summary>
/// Whether a live weight is negative. What a neuron looks for in an image has patches of one sign: near weights agree, those three or
/// four pixels away do not.
///
/// Opinions: the odds so far of the layer; those of the weights around in this row, of which one at the distance d counts
/// exp(-d² / 3.4), with 0.4 of either sign added; those of the whole row, with 2 added; and how many more negative than positive ones
/// there are in each of three rings, at squared distances of 4 and 5, 8 to 10 and 13 to 18.
/// </summary>
internal sealed class SignModel(Mixer mixer, Surroundings near, int negatives)
{
    private const int Reach = 4, One = 1000;

    /// <summary>Weight of a neighbour in 1/1000, and its ring or -1, by squared distance.</summary>
    private static readonly (int Weight, int Ring)[] Neighbours =
    [
        (0, -1), (744, -1), (553, -1), (0, -1), (306, 0), (228, 0), (0, -1), (0, -1), (94, 1), (70, 1), (52, 1), (0, -1), (0, -1), (21, 2),
        (0, -1), (0, -1), (9, 2), (7, 2), (5, 2),
    ];

    private int _seen, _negative, _inRow, _negativeInRow;

    public static Mixer NewMixer() => new([65536, 140000, -6000, 20000, -8000, -20000], 1, 2000);

    public void NextRow() => _inRow = _negativeInRow = 0;

    /// <param name="negative">counts only when encoding</param>
    /// <param name="c">the weight's column</param>
    public bool Code(BitCoder coder, bool negative, int c)
    {
        int around = 0, negativeAround = 0;
        Span<int> inRing = [0, 0, 0], negativeInRing = [0, 0, 0];
        var g = near.Geometry;
        int y = c % g.Area / g.Width, x = c % g.Width;
        for (int dy = -Math.Min(Reach, y); dy <= 0; dy++)
        {
            for (int dx = -Math.Min(Reach, x), last = dy < 0 ? Math.Min(Reach, g.Width - 1 - x) : -1; dx <= last; dx++)
            {
                int square = dy * dy + dx * dx, rank = near.InRow(c + dy * g.Width + dx);
                if (rank == 0 || square >= Neighbours.Length)
                    continue;
                var (weight, ring) = Neighbours[square];
                around += weight;
                negativeAround += rank <= negatives ? weight : 0;
                if (ring < 0)
                    continue;
                inRing[ring]++;
                negativeInRing[ring] += rank <= negatives ? 1 : 0;
            }
        }
        mixer.Add(Mixer.Stretch(2 * _negative + 1, 2 * _seen + 2));
        mixer.Add(Mixer.Stretch(negativeAround + One * 2 / 5, around + One * 4 / 5));
        mixer.Add(Mixer.Stretch(_negativeInRow + 2, _inRow + 4));
        for (int ring = 0; ring < inRing.Length; ring++)
            mixer.Add(Mixer.Stretch(negativeInRing[ring] + 1, inRing[ring] + 2));
        negative = mixer.Code(coder, negative ? 1 : 0, 0, 0) != 0;
        _seen++;
        _inRow++;
        _negative += negative ? 1 : 0;
        _negativeInRow += negative ? 1 : 0;
        return negative;
    }
}
