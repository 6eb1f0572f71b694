using ILGPU;

namespace Secateurs.Kernels;

/// <summary>What four vectors of a sum are.</summary>
internal enum Four
{
    /// <summary>Four places of a row.</summary>
    Columns,

    /// <summary>Four places of a column.</summary>
    Rows,

    /// <summary>One place in four blocks of images.</summary>
    Blocks,
}

/// <summary>Places of <see cref="LiveSums"/> that the same taps reach: map by map the terms of their sums.</summary>
/// <param name="memory">For the lists.</param>
/// <param name="places">Of the target.</param>
/// <param name="starts">Maps + 1.</param>
/// <param name="capacity">Most terms.</param>
/// <param name="isAll">See <see cref="IsAll"/>.</param>
internal sealed class LiveRegion(DeviceMemory memory, LiveSums.Region places, long starts, int capacity, bool isAll)
{
    /// <summary>Of a sum: what one weight is applied to at a time.</summary>
    public const int Vectors = 4;

    public LiveSums.Reach Rows => places.Rows;
    public LiveSums.Reach Columns => places.Columns;

    /// <summary>[maps + 1]: a map's terms are [Start[m], Start[m + 1]).</summary>
    public ArrayView<int> Start { get; } = memory.Allocate<int>(starts);

    /// <summary>Whether its terms are all packed weights in their order.</summary>
    public bool IsAll { get; } = isAll;

    /// <summary>Of each term, which packed weight; nothing where it is all.</summary>
    public ArrayView<int> Weight { get; } = isAll ? default : memory.Allocate<int>(capacity);

    /// <summary>Of each term, floats from the source's block to what the region's first place meets.</summary>
    public ArrayView<int> Offset { get; } = memory.Allocate<int>(capacity);

    /// <summary>How a region is covered by sums of four vectors, and how many these are for a map and a block.</summary>
    public static (Four Four, double Tiles) Plan(int rows, int columns, int blocks)
    {
        int across = rows * Operation.Parts(columns, Vectors), down = columns * Operation.Parts(rows, Vectors);
        var (four, tiles) = across <= down ? (Four.Columns, across) : (Four.Rows, down);
        double byBlocks = (double)rows * columns * Operation.Parts(blocks, Vectors) / blocks;
        return tiles > Tuning.BlocksPay * byBlocks ? (Four.Blocks, byBlocks) : (four, tiles);
    }

    /// <summary>Lists the terms.</summary>
    /// <param name="mapStart">As <see cref="LiveSums.Start"/>.</param>
    /// <param name="weight">Which packed weight, in the order of the maps.</param>
    /// <param name="plane">Of each, floats from the source's block to the source's map.</param>
    /// <param name="tap">Of each r S + s, its place in a window.</param>
    /// <param name="reached">By tap: floats from the source's map to what the first place meets, or null.</param>
    public unsafe void Fill(ArrayView<int> mapStart, int[] weight, int[] plane, int[] tap, int?[] reached)
    {
        int at = 0;
        int* start = Start.Pointer(), weights = IsAll ? null : Weight.Pointer(), offsets = Offset.Pointer();
        for (int m = 0; m < Start.Length; m++)
        {
            start[m] = at;
            if (m + 1 == Start.Length)
                break;
            for (int t = mapStart[m]; t < mapStart[m + 1]; t++)
                if (reached[tap[t]] is { } distance)
                {
                    if (!IsAll)
                        weights[at] = weight[t];
                    offsets[at++] = plane[t] + distance;
                }
        }
    }
}
