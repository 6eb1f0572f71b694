using System.Numerics;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Export.C;

/// <summary>
/// A network as a list of steps: how each value lies, what is computed in one go, and from each layer the step that computes it. A new
/// kind of layer is a case of <see cref="StepOf"/> and a class of <see cref="Step{T}"/>.
/// </summary>
internal sealed class Plan<T> where T : unmanaged, INumber<T>
{
    /// <summary>A pooling of this size is computed together with the convolution before it.</summary>
    private const int PooledSize = 2;

    private readonly Arithmetic<T> _arithmetic;
    private readonly Checkpoint _model;
    private readonly NetworkDescription _network;
    private readonly Place[] _places;
    private readonly int _image;
    private readonly List<Step<T>> _steps = [];

    private Plan(Checkpoint model, Arithmetic<T> arithmetic)
    {
        (_model, _network, _arithmetic) = (model, model.Network, arithmetic);
        var data = _network.Data;
        _places = [Place.Of(data.Image, planar: true), .. _network.Layers.Select(l => Place.Of(l.Output, Border(l.Value)))];
        arithmetic.Encodings[0] = Encoding.Of(data);
        bool pixels = Border(0) > 0 || data.Channels > 1 && Readers(0).Any(l => !l.IsFullyConnected);
        if (pixels || !arithmetic.ReadsBytes)
        {
            _image = _places.Length;
            _places = [.. _places, Place.Of(data.Image, Border(0), planar: !pixels)];
            arithmetic.Encodings[_image] = arithmetic.Encodings[0];
            _steps.Add(new ImageStep<T>(_image, _places[_image], BorderOf(_image, Border(0))));
        }
        for (int i = 0; i < _network.Layers.Count; i++)
        {
            var layer = _network.Layers[i];
            var pool = layer.Slice is not null && !layer.IsFullyConnected && Readers(layer.Value) is [{ Kind: MaxPoolLayer p } next]
                && p.Window == new Window(PooledSize, PooledSize) ? next : null;
            _steps.Add(StepOf(layer, pool));
            if (pool is not null)
                i++;
        }
    }

    /// <summary>In the order in which they are computed.</summary>
    public IReadOnlyList<Step<T>> Steps => _steps;

    /// <summary>Values that steps read and give, the image as it is given included.</summary>
    public int Count => _places.Length;

    /// <summary>How the image is given.</summary>
    public Place Image => _places[0];

    /// <exception cref="UserException">Failed: a network that this arithmetic cannot compute.</exception>
    public static Plan<T> Of(Checkpoint model, Arithmetic<T> arithmetic) => new(model, arithmetic);

    private Step<T> StepOf(NetworkLayer layer, NetworkLayer? pool) => layer.Kind switch
    {
        MaxPoolLayer { Window: { Tiles: true } window } => Pool(layer, window.Size, mean: false),
        AveragePoolLayer { Window: { Tiles: true } window } => Pool(layer, window.Size, mean: true),
        _ when layer.Slice is { Filter: { Stride: 1, Inset: 0 } } slice => Weighted(layer, slice, pool),
        _ => throw new UserException(
            ErrorKind.Failed, $"layer {layer.Name}: expected one that C code is known for, found {layer.Kind.Token}"),
    };

    private PoolStep<T> Pool(NetworkLayer layer, int size, bool mean)
    {
        int input = InputOf(layer);
        var encoding = _arithmetic.Encodings[layer.Value] = _arithmetic.Encodings[input];
        if (!mean && encoding.Scale.Any(s => s < 0))
            throw new UserException(ErrorKind.Failed, $"layer {layer.Name}: expected pixels of a positive scale, found a negative one");
        return new PoolStep<T>(
            layer.Name, input, _places[input], layer.Value, _places[layer.Value], size, size, mean, BorderOf(layer.Value), _arithmetic);
    }

    private WeightedStep<T> Weighted(NetworkLayer layer, LayerSlice slice, NetworkLayer? pool)
    {
        int input = InputOf(layer), output = pool?.Value ?? layer.Value;
        bool full = layer.IsFullyConnected, last = layer == _network.Layers[^1];
        Place from = _places[input], to = _places[output];
        int padding = full ? 0 : layer.Input.Padding;
        int first = from.Offset(0, -padding, -padding);
        int[] offsets = full ? [.. from.Inside().Select(o => o - first)] : Taps(from, slice.Filter);
        var window = !full || from.Border > 0
            ? (full ? from.Height : slice.Filter.Rows, (full ? from.Width : slice.Filter.Columns) * from.Right, 0) : (1, from.Length, 0);
        window.Item3 = window.Item1 > 1 ? from.Down - window.Item2 : 0;
        var (rows, zeros) = RowsOf(slice, offsets, input, from, first);
        var (numbers, finish) = _arithmetic.Weighted(output, rows, zeros, layer.Relu, last);
        return new WeightedStep<T>(
            slice.Name, input, from, output, to, new Windows(to.Height, to.Width, 1, pool is not null, first), numbers,
            RowTable<T>.Of(numbers, window, _arithmetic.Bytes), finish, last ? [] : BorderOf(output), last);
    }

    /// <summary>The live weights with the input's scale multiplied in, ascending, and of each what stands for zero in its input.</summary>
    private (Rows<double> Rows, double[] Zeros) RowsOf(LayerSlice slice, int[] offsets, int input, Place from, int first)
    {
        var encoding = _arithmetic.Encodings[input];
        int[] order = [.. Enumerable.Range(0, offsets.Length).OrderBy(i => offsets[i])], starts = new int[slice.BiasCount + 1];
        var (lives, weights, zeros) = (new List<int>(), new List<double>(), new List<double>());
        for (int k = 0; k < slice.BiasCount; k++)
        {
            foreach (int i in order)
            {
                double w = _model.Weights[slice.WeightOffset + k * slice.Filter.FilterSize + i];
                if (w == 0)
                    continue;
                int channel = from.ChannelOf(offsets[i] + first);
                lives.Add(offsets[i]);
                weights.Add(w * encoding.Scale[channel]);
                zeros.Add(encoding.Zero[channel]);
            }
            starts[k + 1] = lives.Count;
        }
        double[] biases = [.. _model.Weights.AsSpan(slice.BiasOffset, slice.BiasCount).ToArray().Select(b => (double)b)];
        return (new Rows<double>(starts, [.. lives], [.. weights], biases), [.. zeros]);
    }

    /// <summary>Offsets of a filter's weights (C, R, S) from where its window begins.</summary>
    private static int[] Taps(Place from, FilterShape filter) =>
    [
        .. from.Channels == filter.Channels ? Enumerable.Range(0, filter.FilterSize).Select(i =>
            from.Offset(i / (filter.Rows * filter.Columns), i / filter.Columns % filter.Rows, i % filter.Columns) - from.Offset(0, 0, 0))
            : throw new InvalidOperationException($"{from} is no input of {filter}"),
    ];

    private int InputOf(NetworkLayer layer) => layer.Inputs[0] is var input && input == 0 ? _image : input;

    private NetworkLayer[] Readers(int value) => [.. _network.Layers.Where(l => l.Inputs.Contains(value))];

    /// <summary>The widest that a layer wants around what it reads.</summary>
    private int Border(int value) => Readers(value).Select(l => l.IsFullyConnected ? 0 : l.Input.Padding).DefaultIfEmpty(0).Max();

    private T[] BorderOf(int value, int? width = null)
    {
        if ((width ?? _places[value].Border) == 0)
            return [];
        var encoding = _arithmetic.Encodings[value];
        return [.. encoding.Zero.Take(encoding.IsUniform ? 1 : encoding.Zero.Length).Select(_arithmetic.Border)];
    }
}
