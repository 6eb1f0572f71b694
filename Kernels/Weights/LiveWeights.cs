using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// The live weights of one pruned layer, packed: values and moments in a row, with where each is in the filter. Only on the CPU
/// accelerator. Filters (K, C, R, S) over an input of shape (C, H, W); a fully connected layer is (K, C, 1, 1) over (C, 1, 1).
/// </summary>
/// <remarks>
/// The flat parameter buffers stay the truth between calls: <see cref="Load"/> packs them before a run of steps and <see cref="Store"/>
/// unpacks them after it, which costs as much as a step does per thousand live weights.
/// </remarks>
internal sealed class LiveWeights
{
    private readonly FilterShape _filter;
    private readonly TensorShape _input, _output;

    /// <param name="memory">For all of it.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="input">What is convolved.</param>
    /// <param name="output">What comes of it.</param>
    /// <param name="blocks">Of 16 images.</param>
    /// <param name="capacity">Most live weights.</param>
    /// <param name="backward">Whether the gradient of the input is asked for.</param>
    public LiveWeights(
        DeviceMemory memory, FilterShape filter, TensorShape input, TensorShape output, int blocks, int capacity, bool backward)
    {
        ArgumentNullException.ThrowIfNull(memory);
        (_filter, _input, _output, Capacity) = (filter, input, output, capacity);
        Weight = memory.Allocate<float>(capacity);
        FirstMoment = memory.Allocate<float>(capacity);
        SecondMoment = memory.Allocate<float>(capacity);
        Index = memory.Allocate<int>(capacity);
        InputOffset = memory.Allocate<int>(capacity);
        OutputOffset = memory.Allocate<int>(capacity);
        FilterStart = memory.Allocate<int>(filter.Filters + 1);
        Forward = LiveSums.Forward(memory, filter, input, output, blocks, capacity);
        if (!backward)
            return;
        Backward = LiveSums.Backward(memory, filter, input, output, capacity);
        Scatter = Backward is null ? new LiveScatter(memory, filter, input, output, capacity) : null;
    }

    /// <summary>Most live weights that fit.</summary>
    public int Capacity { get; }

    /// <summary>Live weights now.</summary>
    public int Count { get; private set; }

    internal FilterShape Filter => _filter;

    /// <summary>In the order of the filters.</summary>
    public ArrayView<float> Weight { get; }
    public ArrayView<float> FirstMoment { get; }
    public ArrayView<float> SecondMoment { get; }

    /// <summary>Where each lies among the layer's K C R S weights.</summary>
    internal ArrayView<int> Index { get; }

    /// <summary>Floats from an output position's first input pixel to the one that the weight meets.</summary>
    internal ArrayView<int> InputOffset { get; }

    /// <summary>Floats from the start of the output block to the weight's filter.</summary>
    internal ArrayView<int> OutputOffset { get; }

    /// <summary>[K + 1]: a filter's weights are [FilterStart[k], FilterStart[k + 1]).</summary>
    internal ArrayView<int> FilterStart { get; }

    /// <summary>The sums of the output.</summary>
    internal LiveSums Forward { get; }

    /// <summary>Those of the input's gradient, in one form or the other, if they are asked for.</summary>
    internal LiveSums? Backward { get; }
    internal LiveScatter? Scatter { get; }

    /// <summary>Finds the live weights of a mask.</summary>
    /// <param name="mask">[K C R S], 1 = live; at most <see cref="Capacity"/> of them.</param>
    public void Find(ReadOnlySpan<float> mask)
    {
        int taps = _filter.Rows * _filter.Columns, count = 0;
        for (int i = 0; i < mask.Length; i++)
        {
            if (i % _filter.FilterSize == 0)
                FilterStart[i / _filter.FilterSize] = count;
            if (mask[i] == 0)
                continue;
            int c = i % _filter.FilterSize / taps, r = i % taps / _filter.Columns, s = i % _filter.Columns;
            Index[count] = i;
            InputOffset[count] = _filter.Origin(_input) + c * _input.ChannelStride + r * _input.RowStride + s * Layout.Lanes;
            OutputOffset[count] = i / _filter.FilterSize * _output.ChannelStride;
            count++;
        }
        FilterStart[_filter.Filters] = count;
        Count = count;
        Forward.Find(Index, count);
        Backward?.Find(Index, count);
        Scatter?.Find(Index, count);
    }

    /// <summary>Packed weights in the order of some maps, and within a map in their own.</summary>
    /// <param name="index">Where each lies among the layer's K C R S.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="start">[maps + 1]: takes how many weights there are before each map.</param>
    /// <param name="map">From such an index to a map.</param>
    internal static int[] ByMap(ArrayView<int> index, int count, ArrayView<int> start, Func<int, int> map)
    {
        int[] order = new int[count], next = new int[start.Length];
        for (int t = 0; t < count; t++)
            next[map(index[t]) + 1]++;
        for (int m = 1; m < next.Length; m++)
            next[m] += next[m - 1];
        for (int m = 0; m < next.Length; m++)
            start[m] = next[m];
        for (int t = 0; t < count; t++)
            order[next[map(index[t])]++] = t;
        return order;
    }

    /// <summary>Packs a layer's values from flat buffers; of moments that the optimizer does not have there is nothing.</summary>
    public void Load(ArrayView<float> weight, ArrayView<float> firstMoment, ArrayView<float> secondMoment)
    {
        Pack(weight, Weight);
        Pack(firstMoment, FirstMoment);
        Pack(secondMoment, SecondMoment);
    }

    /// <summary>Writes them back.</summary>
    public void Store(ArrayView<float> weight, ArrayView<float> firstMoment, ArrayView<float> secondMoment)
    {
        Unpack(Weight, weight);
        Unpack(FirstMoment, firstMoment);
        Unpack(SecondMoment, secondMoment);
    }

    private unsafe void Pack(ArrayView<float> flat, ArrayView<float> packed)
    {
        if (flat.Length == 0)
            return;
        float* from = flat.Pointer(), to = packed.Pointer();
        int* index = Index.Pointer();
        for (int t = 0; t < Count; t++)
            to[t] = from[index[t]];
    }

    private unsafe void Unpack(ArrayView<float> packed, ArrayView<float> flat)
    {
        if (flat.Length == 0)
            return;
        float* from = packed.Pointer(), to = flat.Pointer();
        int* index = Index.Pointer();
        for (int t = 0; t < Count; t++)
            to[index[t]] = from[t];
    }
}
