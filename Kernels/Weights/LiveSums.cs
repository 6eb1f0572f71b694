using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Which live weights are in the sum of each place of a map, and where they find their inputs: of a convolution's output, or of its input's
/// gradient. Places that the same taps reach make a region: one inside a map, others at its edges, where taps that meet padding can be left
/// out. In small maps that is most of them.
/// </summary>
internal sealed class LiveSums
{
    /// <summary>
    /// How often a weight may be listed, the mean over all taps, which bounds memory: for the gradient of the input 5x5 taps without
    /// padding have 25 lists a weight.
    /// </summary>
    private const double MostLists = 32;

    private readonly FilterShape _filter;
    private readonly TensorShape _source;
    private readonly bool _backward;

    private LiveSums(DeviceMemory memory, FilterShape filter, TensorShape source, bool backward, Region[] regions, int capacity)
    {
        (_filter, _source, _backward) = (filter, source, backward);
        Start = memory.Allocate<int>((backward ? filter.Channels : filter.Filters) + 1);
        Regions =
        [
            .. regions.Select(r => new LiveRegion(
                memory, r, Start.Length, Math.Min(capacity, r.Taps * filter.Filters * filter.Channels),
                isAll: !backward && r.Taps == filter.Rows * filter.Columns)),
        ];
    }

    /// <summary>Places of the source from one place of a region to the next.</summary>
    public int Step => _backward ? 1 : _filter.Stride;

    /// <summary>[maps + 1]: live weights before each map of the target.</summary>
    public ArrayView<int> Start { get; }

    public IReadOnlyList<LiveRegion> Regions { get; }

    /// <summary>From x to y. Padding is left out where that pays.</summary>
    /// <param name="memory">For the lists.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="x">What is convolved, with its border.</param>
    /// <param name="y">What comes of it.</param>
    /// <param name="blocks">Of 16 images.</param>
    /// <param name="capacity">Most live weights.</param>
    public static LiveSums Forward(
        DeviceMemory memory, FilterShape filter, TensorShape x, TensorShape y, int blocks, int capacity)
    {
        int inset = filter.Inset - x.Padding;
        Region[] whole = Cut(Pixel, Pixel), cut = Cut((p, r) => Within(Pixel(p, r), x.Height), (q, s) => Within(Pixel(q, s), x.Width));
        bool skips = Lists(filter, cut) <= MostLists
            && Products(cut, blocks) <= (1 - Tuning.PaddingWorthSkipping) * Products(whole, blocks);
        return new LiveSums(memory, filter, x, backward: false, skips ? cut : whole, capacity);

        Region[] Cut(Func<int, int, int?> row, Func<int, int, int?> column) =>
            Region.All(Reach.All(y.Height, filter.Rows, row), Reach.All(y.Width, filter.Columns, column));

        int? Pixel(int place, int tap) => place * filter.Stride + tap + inset;
    }

    /// <summary>From the gradient of y to that of x; null where there is a stride, or there would be too many lists.</summary>
    /// <param name="memory">For the lists.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="x">What is convolved, with its border.</param>
    /// <param name="y">What comes of it.</param>
    /// <param name="capacity">Most live weights.</param>
    public static LiveSums? Backward(DeviceMemory memory, FilterShape filter, TensorShape x, TensorShape y, int capacity)
    {
        int inset = filter.Inset - x.Padding;
        var cut = Region.All(
            Reach.All(x.Height, filter.Rows, (h, r) => Within(h - r - inset, y.Height)),
            Reach.All(x.Width, filter.Columns, (w, s) => Within(w - s - inset, y.Width)));
        return filter.Stride > 1 || Lists(filter, cut) > MostLists ? null
            : new LiveSums(memory, filter, y, backward: true, cut, capacity);
    }

    /// <summary>Lists the terms.</summary>
    /// <param name="index">Where each live weight lies among the layer's K C R S, ascending.</param>
    /// <param name="count">How many there are.</param>
    public void Find(ArrayView<int> index, int count)
    {
        int taps = _filter.Rows * _filter.Columns;
        int[] order = LiveWeights.ByMap(index, count, Start, i => _backward ? i % _filter.FilterSize / taps : i / _filter.FilterSize);
        int[] tap = Array.ConvertAll(order, t => index[t] % taps);
        int[] plane = Array.ConvertAll(
            order, t => (_backward ? index[t] / _filter.FilterSize : index[t] % _filter.FilterSize / taps) * _source.ChannelStride);
        foreach (var region in Regions)
        {
            var reached = new int?[taps];
            for (int i = 0; i < taps; i++)
                if (region.Rows.Source[i / _filter.Columns] is { } row && region.Columns.Source[i % _filter.Columns] is { } column)
                    reached[i] = _source.Offset(0, row, column);
            region.Fill(Start, order, plane, tap, reached);
        }
    }

    private static int? Within(int? source, int extent) => source >= 0 && source < extent ? source : null;

    private static double Lists(FilterShape filter, Region[] regions) =>
        regions.Sum(r => (double)r.Taps) / (filter.Rows * filter.Columns);

    private static double Products(Region[] regions, int blocks) =>
        regions.Sum(r => r.Taps * LiveRegion.Plan(r.Rows.Count, r.Columns.Count, blocks).Tiles);

    /// <summary>Rows, or columns, of a target that the same taps reach.</summary>
    /// <param name="First">The first of them.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Source">By tap: row or column of the source, border not counted, that the first meets by it, or null.</param>
    internal sealed record Reach(int First, int Count, int?[] Source)
    {
        public int Taps => Source.Count(s => s is not null);

        /// <summary>All of so many.</summary>
        public static List<Reach> All(int targets, int taps, Func<int, int, int?> source)
        {
            var all = new List<Reach>();
            for (int i = 0; i < targets; i++)
            {
                int?[] now = [.. Enumerable.Range(0, taps).Select(tap => source(i, tap))];
                if (all.Count > 0 && all[^1].Source.Zip(now).All(s => s.First.HasValue == s.Second.HasValue))
                    all[^1] = all[^1] with { Count = all[^1].Count + 1 };
                else
                    all.Add(new Reach(i, 1, now));
            }
            return all;
        }
    }

    /// <summary>A rectangle of places that the same taps reach.</summary>
    internal sealed record Region(Reach Rows, Reach Columns)
    {
        public int Taps => Rows.Taps * Columns.Taps;

        public static Region[] All(List<Reach> rows, List<Reach> columns) =>
            [.. rows.SelectMany(r => columns.Select(c => new Region(r, c)))];
    }
}
