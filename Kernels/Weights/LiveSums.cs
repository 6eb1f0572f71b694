using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Which live weights are in the sum of each place of a map, and where they find their inputs: of a convolution's output, or of its input's
/// gradient. Places that the same taps reach make a region: one inside a map, others at its edges, where taps that meet padding are left
/// out. In small maps that is most of them.
/// </summary>
internal sealed class LiveSums
{
    /// <summary>Of the products over whole windows, what is worth being saved.</summary>
    private const double WorthSkipping = 0.25;

    /// <summary>Blocks of 16 images, where it is not known yet how many there will be.</summary>
    private const int UsualBlocks = 4;

    private readonly FilterShape _filter;
    private readonly TensorShape _source;
    private readonly bool _backward;

    /// <param name="memory">For the lists.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="x">What is convolved, with its border.</param>
    /// <param name="y">What comes of it.</param>
    /// <param name="capacity">Most live weights.</param>
    /// <param name="backward">From the gradient of y to that of x instead of from x to y.</param>
    public LiveSums(DeviceMemory memory, FilterShape filter, TensorShape x, TensorShape y, int capacity, bool backward)
    {
        (_filter, _source, _backward) = (filter, backward ? y : x, backward);
        (SourceStep, TargetStep) = backward ? (1, filter.Stride) : (filter.Stride, 1);
        Start = memory.Allocate<int>((backward ? filter.Channels : filter.Filters) + 1);
        int inset = filter.Inset - x.Padding;
        var regions = Cut(skips: true);
        if (!backward && Cut(skips: false) is var whole && Products(regions) > (1 - WorthSkipping) * Products(whole))
            regions = whole;
        int planes = filter.Filters * filter.Channels;
        Regions =
        [
            .. regions.Select(r => new LiveRegion(
                memory, r.Rows, r.Columns, Start.Length, Math.Min(capacity, r.Taps * planes),
                !backward && r.Taps == filter.Rows * filter.Columns)),
        ];

        List<(Reach Rows, Reach Columns, int Taps)> Cut(bool skips) =>
        [
            .. from rows in backward ? Reaches(x.Height, filter.Rows, y.Height) : Reaches(y.Height, filter.Rows, skips ? x.Height : -1)
               from columns in backward ? Reaches(x.Width, filter.Columns, y.Width) : Reaches(y.Width, filter.Columns, skips ? x.Width : -1)
               select (rows, columns, rows.Taps * columns.Taps),
        ];

        // Along one direction, TargetStep apart, since with a stride neighbours are reached by different taps; with less than no sources
        // all taps count.
        IEnumerable<Reach> Reaches(int targets, int taps, int sources)
        {
            for (int first = 0; first < Math.Min(TargetStep, targets); first++)
            {
                int count;
                for (int i = first; i < targets; i += count * TargetStep)
                {
                    int?[] source = Sources(i);
                    count = 1;
                    while (i + count * TargetStep is var next && next < targets
                        && Sources(next).Zip(source).All(s => s.First.HasValue == s.Second.HasValue))
                    {
                        count++;
                    }
                    yield return new Reach(i, count, source);
                }
            }

            int?[] Sources(int target) => [.. Enumerable.Range(0, taps).Select(tap => Source(target, tap))];

            int? Source(int target, int tap)
            {
                if (backward)
                {
                    int distance = target - tap - inset;
                    return distance >= 0 && distance % filter.Stride == 0 && distance / filter.Stride < sources
                        ? distance / filter.Stride : null;
                }
                int pixel = target * filter.Stride + tap + inset;
                return sources < 0 || (pixel >= 0 && pixel < sources) ? pixel : null;
            }
        }
    }

    /// <summary>Places of the source, and of the target, from one place of a region to the next.</summary>
    public int SourceStep { get; }
    public int TargetStep { get; }

    /// <summary>[maps + 1]: live weights before each map of the target.</summary>
    public ArrayView<int> Start { get; }

    public IReadOnlyList<LiveRegion> Regions { get; }

    /// <summary>Lists the terms.</summary>
    /// <param name="index">Where each live weight lies among the layer's K C R S, ascending.</param>
    /// <param name="count">How many there are.</param>
    public void Find(ArrayView<int> index, int count)
    {
        int taps = _filter.Rows * _filter.Columns;
        var (order, offset, tap) = (new int[count], new int[count], new int[count]);
        var next = new int[Start.Length];
        for (int t = 0; t < count; t++)
            next[Map(index[t]) + 1]++;
        for (int m = 1; m < next.Length; m++)
            next[m] += next[m - 1];
        for (int m = 0; m < next.Length; m++)
            Start[m] = next[m];
        for (int t = 0; t < count; t++)
        {
            int at = next[Map(index[t])]++, other = _backward ? index[t] / _filter.FilterSize : index[t] % _filter.FilterSize / taps;
            (order[at], offset[at], tap[at]) = (t, other * _source.ChannelStride, index[t] % taps);
        }
        foreach (var region in Regions)
        {
            var reached = new int?[taps];
            for (int i = 0; i < taps; i++)
                if (region.Rows.Source[i / _filter.Columns] is { } row && region.Columns.Source[i % _filter.Columns] is { } column)
                    reached[i] = _source.Offset(0, row, column);
            region.Fill(Start, order, offset, tap, reached);
        }

        int Map(int i) => _backward ? i % _filter.FilterSize / taps : i / _filter.FilterSize;
    }

    private static double Products(List<(Reach Rows, Reach Columns, int Taps)> regions) =>
        regions.Sum(r => r.Taps * LiveRegion.Plan(r.Rows.Count, r.Columns.Count, UsualBlocks).Tiles);

    /// <summary>Rows, or columns, of a target that the same taps reach.</summary>
    /// <param name="First">The first of them; others follow <see cref="TargetStep"/> apart.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Source">By tap: what the first finds by it, or null.</param>
    internal sealed record Reach(int First, int Count, int?[] Source)
    {
        public int Taps => Source.Count(s => s is not null);
    }
}
