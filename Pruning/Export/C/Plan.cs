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
    private readonly List<Place> _places;
    private readonly int _image;
    private readonly List<Step<T>> _steps = [];

    private Plan(Checkpoint model, Arithmetic<T> arithmetic)
    {
        (_model, _network, _arithmetic) = (model, model.Network, arithmetic);
        var image = Place.Of(_network.Data.Image, planar: true);
        _places = [image, .. _network.Layers.Select(l => Place.Of(l.Output, Border(l.Value)))];
        arithmetic.Encodings[0] = Encoding.Of(_network.Data);
        _image = PrepareImage();
        for (int i = 0; i < _network.Layers.Count; i++)
        {
            var layer = _network.Layers[i];
            var pool = layer.Slice is not null && !layer.IsFullyConnected
                && _network.Readers(layer.Value) is [{ Kind: MaxPoolLayer { Window: var window } } next]
                && window == new Window(PooledSize, PooledSize) ? next : null;
            _steps.Add(StepOf(layer, pool));
            if (pool is not null)
                i++;
        }
    }

    /// <summary>In the order in which they are computed.</summary>
    public IReadOnlyList<Step<T>> Steps => _steps;

    /// <summary>Values that steps read and give, the image as it is given included.</summary>
    public int Count => _places.Count;

    /// <summary>How the image is given.</summary>
    public Place Image => _places[0];

    /// <exception cref="UserException">Failed: a network that this arithmetic cannot compute.</exception>
    public static Plan<T> Of(Checkpoint model, Arithmetic<T> arithmetic) => new(model, arithmetic);

    /// <summary>Steps that copy the image to where layers read it as they need it; gives the number of that value.</summary>
    private int PrepareImage()
    {
        var data = _network.Data;
        var readers = _network.Readers(0);
        int border = Border(0);
        var encoding = _arithmetic.Encodings[0];
        // Where no byte stands for the zeros of a border, or the brightest is the smallest, all channels get bytes of the same meaning.
        bool odd = encoding.Zero.Any(z => Math.Round(z) is not (>= 0 and <= byte.MaxValue)) || encoding.Scale.Any(s => s < 0);
        bool even = odd && (border > 0 || readers.Any(l => l.Kind is MaxPoolLayer or AveragePoolLayer));
        bool pixels = border > 0 || data.Channels > 1 && readers.Any(l => !l.IsFullyConnected);
        if (!pixels && !even && _arithmetic.ReadsBytes)
            return 0;
        int image = _places.Count;
        _places.Add(Place.Of(data.Image, even ? 0 : border));
        _arithmetic.Encodings[image] = encoding;
        _steps.Add(new ImageStep<T>(Placed(image)));
        if (!even)
            return image;
        _places.Add(Place.Of(data.Image, border));
        double[] ones = [.. Enumerable.Repeat(1.0, data.Channels)];
        _steps.Add(Mixed("pixels", [image], image + 1, [ones], new double[data.Channels], relu: false));
        return image + 1;
    }

    private Step<T> StepOf(NetworkLayer layer, NetworkLayer? pool) => layer.Kind switch
    {
        MaxPoolLayer { Window: var window } => MaxPool(layer, window),
        AveragePoolLayer { Window: var window } => Mean(layer, window, window.Size, window.Size),
        GlobalAveragePoolLayer => Mean(layer, new Window(1, 1), layer.Input.Height, layer.Input.Width),
        BatchNormalizationLayer => Normalized(layer),
        SumLayer => Mixed(
            layer.Name, [.. layer.Inputs.Select(InputOf)], layer.Value,
            [.. layer.Inputs.Select(_ => Enumerable.Repeat(1.0, layer.Output.Channels).ToArray())], new double[layer.Output.Channels],
            layer.Relu),
        _ when layer.Slice is { } slice => Weighted(layer, slice, pool),
        _ => throw new NotSupportedException(layer.Kind.Token),
    };

    private MixStep<T> Normalized(NetworkLayer layer)
    {
        var numbers = Enumerable.Range(0, layer.Output.Channels).Select(c => Folding.Coefficients(_model.Weights, layer, c)).ToArray();
        return Mixed(
            layer.Name, [InputOf(layer.Inputs[0])], layer.Value, [[.. numbers.Select(n => n.Scale)]], [.. numbers.Select(n => n.Shift)],
            layer.Relu);
    }

    private MixStep<T> Mixed(string name, int[] inputs, int output, double[][] factors, double[] biases, bool relu)
    {
        var (mix, finish) = _arithmetic.Mixed(output, inputs, factors, biases, relu);
        return new MixStep<T>(name, [.. inputs.Select(Placed)], Placed(output), mix, finish);
    }

    private PoolStep<T> MaxPool(NetworkLayer layer, Window window)
    {
        int input = InputOf(layer.Inputs[0]);
        _arithmetic.Encodings[layer.Value] = _arithmetic.Encodings[input];
        return Pool(layer, input, window, window.Size, window.Size, mean: null);
    }

    private PoolStep<T> Mean(NetworkLayer layer, Window window, int rows, int columns)
    {
        int input = InputOf(layer.Inputs[0]);
        return Pool(layer, input, window, rows, columns, _arithmetic.Mean(layer.Value, input, rows * columns));
    }

    private PoolStep<T> Pool(NetworkLayer layer, int input, Window window, int rows, int columns, IFinish<T>? mean) => new(
        layer.Name, Placed(input), Placed(layer.Value), rows, columns, window, mean, _arithmetic);

    private WeightedStep<T> Weighted(NetworkLayer layer, LayerSlice slice, NetworkLayer? pool)
    {
        int input = InputOf(layer.Inputs[0]), output = pool?.Value ?? layer.Value;
        bool full = layer.IsFullyConnected, last = layer == _network.Layers[^1];
        Place from = _places[input], to = _places[output];
        int padding = Padding(layer);
        int first = from.Offset(0, -padding, -padding);
        int[] offsets = full ? [.. from.Inside().Select(o => o - first)] : Taps(from, slice.Filter);
        var window = !full || from.Border > 0
            ? (full ? from.Height : slice.Filter.Rows, (full ? from.Width : slice.Filter.Columns) * from.Right, 0) : (1, from.Length, 0);
        window.Item3 = window.Item1 > 1 ? from.Down - window.Item2 : 0;
        var (rows, zeros) = RowsOf(slice, offsets, input, from, first);
        var (numbers, finish) = _arithmetic.Weighted(output, rows, zeros, layer.Relu, last);
        return new WeightedStep<T>(
            slice.Name, Placed(input), Placed(output), new Windows(to.Height, to.Width, slice.Filter.Stride, pool is not null, first),
            numbers, RowTable<T>.Of(numbers, window, _arithmetic.Bytes), finish, last);
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

    private int InputOf(int value) => value == 0 ? _image : value;

    /// <summary>The widest that a layer wants around what it reads.</summary>
    private int Border(int value) => _network.Readers(value).Select(Padding).DefaultIfEmpty(0).Max();

    /// <summary>Of what stands for zero, as a layer wants it around what it reads.</summary>
    private static int Padding(NetworkLayer layer) => layer.Kind switch
    {
        AveragePoolLayer { Window: var window } => window.Padding,
        _ when layer.Slice is { Filter: var filter } => layer.Input.Padding - filter.Inset,
        _ => 0,
    };

    private Placed<T> Placed(int value)
    {
        var place = _places[value];
        if (place.Border == 0)
            return new(value, place, []);
        var encoding = _arithmetic.Encodings[value];
        return new(
            value, place, [.. encoding.Zero.Take(encoding.IsUniform ? 1 : encoding.Zero.Length).Select(_arithmetic.Border)]);
    }
}
