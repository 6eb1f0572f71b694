using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// The gradient of a convolution's input, weight by weight instead of place by place as <see cref="LiveSums"/> have it: which live weights
/// a channel has, and what each adds where. For strides, and windows so large that each place would have a list of its own.
/// </summary>
/// <param name="memory">For the lists.</param>
/// <param name="filter">(K, C, R, S).</param>
/// <param name="x">What is convolved, with its border.</param>
/// <param name="y">What comes of it.</param>
/// <param name="capacity">Most live weights.</param>
internal sealed class LiveScatter(DeviceMemory memory, FilterShape filter, TensorShape x, TensorShape y, int capacity)
{
    /// <summary>[C + 1]: a channel's weights are [Start[c], Start[c + 1]).</summary>
    public ArrayView<int> Start { get; } = memory.Allocate<int>(filter.Channels + 1);

    /// <summary>Which packed weight.</summary>
    public ArrayView<int> Weight { get; } = memory.Allocate<int>(capacity);

    /// <summary>Floats from y's block to the weight's filter.</summary>
    public ArrayView<int> Source { get; } = memory.Allocate<int>(capacity);

    /// <summary>Floats from x's channel, border included, to what output (0, 0) meets by it.</summary>
    public ArrayView<int> Target { get; } = memory.Allocate<int>(capacity);

    /// <inheritdoc cref="LiveSums.Find"/>
    public void Find(ArrayView<int> index, int count)
    {
        int taps = filter.Rows * filter.Columns;
        int[] order = LiveWeights.ByMap(index, count, Start, i => i % filter.FilterSize / taps);
        for (int at = 0; at < count; at++)
        {
            int i = index[order[at]];
            Weight[at] = order[at];
            Source[at] = i / filter.FilterSize * y.ChannelStride;
            Target[at] = filter.Origin(x) + i % taps / filter.Columns * x.RowStride + i % filter.Columns * Layout.Lanes;
        }
    }
}
