namespace Secateurs.Pruning.Coding;

/// <summary>
/// The sparse format of Deep Compression (Han et al. 2016, section 2 and figure 2): each stored weight carries the distance to the one
/// before it, in b bits (1 to 2^b); a longer distance is broken by fillers, stored zeros 2^b behind each other.
/// </summary>
internal static class RelativeIndex
{
    /// <summary>The stored entries of row-major indices: (distance, index), index 0 for a filler.</summary>
    public static IEnumerable<(int Gap, int Index)> Entries(int[] indices, int gapBits)
    {
        int last = -1, longest = 1 << gapBits;
        for (int i = 0; i < indices.Length; i++)
        {
            if (indices[i] == 0)
                continue;
            for (; i - last > longest; last += longest)
                yield return (longest, 0);
            yield return (i - last, indices[i]);
            last = i;
        }
    }

    /// <summary>How often each distance (slot distance - 1) and each index occurs among the entries.</summary>
    public static (long[] Gaps, long[] Indices) Frequencies(int[] layer, int codebook, int gapBits)
    {
        var gaps = new long[1 << gapBits];
        var indices = new long[codebook + 1];
        foreach (var (gap, index) in Entries(layer, gapBits))
        {
            gaps[gap - 1]++;
            indices[index]++;
        }
        return (gaps, indices);
    }
}
