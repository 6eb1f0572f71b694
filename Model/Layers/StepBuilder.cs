using System.Numerics;
using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Turns a network into the operations of a step, layer by layer. Built once for a trainer: activations, gradients and the forward
/// operations serve training and evaluation alike; and once per worker for inference, without gradients.
/// </summary>
/// <remarks>
/// Where several layers read a value, each has its part of the gradient, and the parts are added up before the layer that gave the value
/// goes back. What a sum wants of each branch is the gradient of its own output, so of a value that a sum alone reads there is no other.
/// </remarks>
internal sealed class StepBuilder
{
    private readonly Tensor[] _inputs, _values, _gradients;
    private readonly LayerSteps[] _layers;
    private readonly List<Tensor>[] _parts;
    private readonly ComputeDevice _device;

    public StepBuilder(DeviceMemory memory, NetworkDescription network, Parameters parameters, int batch, bool training = true)
    {
        _device = memory.Device;
        _values = [.. network.Shapes.Select(s => memory.AllocateTensor(s, batch))];
        _inputs = training && !_device.RunsOnHost ? [_values[0], memory.AllocateTensor(network.Shapes[0], batch)] : [_values[0]];
        _gradients = new Tensor[_values.Length];
        _parts = [.. _values.Select(_ => new List<Tensor>())];
        var targets = new Tensor[network.Layers.Count];
        for (int value = _values.Length - 1; value > 0 && training; value--)
            ShareOut(memory, network, value, batch, targets);
        var context = new StepContext(memory, parameters, training, batch);
        _layers =
        [
            .. network.Layers.Select(
                l => l.Kind.Bind(context, l, new(_values[l.Inputs[0]], _values[l.Value], targets[l.Index], _gradients[l.Value]))),
        ];
        foreach (var sum in _layers.OfType<SumSteps>())
            sum.Value = v => _values[v];
        if (training && _device.RunsOnHost && _layers is [ConvolutionSteps first, MaxPoolSteps second, ..]
            && network.Readers(first.Layer.Value) is [var only] && only == second.Layer)
        {
            first.LearnThrough(second);
        }
    }

    /// <summary>
    /// Where a batch is put before its step. A GPU that trains has two, which steps take by turns, so that the next batch is fetched
    /// while one is learned from; all others one.
    /// </summary>
    public IReadOnlyList<Tensor> Inputs => _inputs;

    public Tensor Logits => _values[^1];
    public Tensor LogitGradients => _gradients[^1];

    /// <summary>The input as rows of images, where the first layer wants it so; else empty.</summary>
    public ArrayView<float> TransposedInput => _layers[0].TransposedInput;

    /// <summary>
    /// Lets each layer choose by its mask how it is computed, see <see cref="LayerSteps.Choose"/>. The choice holds for the operations made
    /// from now on.
    /// </summary>
    /// <param name="mask">Flat.</param>
    /// <param name="below">Density below which a layer is computed from its live weights; 0 for never.</param>
    /// <returns>A number that tells choices apart: one bit per layer.</returns>
    public BigInteger Choose(ReadOnlySpan<float> mask, double below)
    {
        var choice = BigInteger.Zero;
        for (int i = 0; i < _layers.Length; i++)
            choice |= _layers[i].Choose(mask, below) ? BigInteger.One << i : 0;
        return choice;
    }

    /// <summary>Packs the live weights of the layers that are computed from them.</summary>
    public void LoadLive() => Array.ForEach(_layers, l => l.LoadLive());

    /// <summary>Unpacks them into the flat buffers.</summary>
    public void StoreLive() => Array.ForEach(_layers, l => l.StoreLive());

    /// <summary>The layers, one after the other.</summary>
    /// <param name="input">One of <see cref="Inputs"/>.</param>
    /// <param name="learning">Rates and step where the network learns; null where it answers.</param>
    /// <param name="beside">Operations that may run at the same time as the first stage.</param>
    public IEnumerable<Operation[]> Forward(Tensor input, Update? learning, params Operation[] beside) =>
        _layers.SelectMany(l => learning is { } update ? l.ForwardLearning(Read(l, input), update) : l.Forward(Read(l, input)))
            .Select((stage, i) => i == 0 ? [.. stage, .. beside] : stage);

    /// <summary>Everything from the gradient of the logits to the updated parameters.</summary>
    /// <param name="input">What <see cref="Forward"/> was given.</param>
    /// <param name="update">What becomes of weight gradients, over the whole flat buffers.</param>
    /// <param name="biasUpdate">The same for biases.</param>
    public IEnumerable<Operation[]> Backward(Tensor input, Update update, Update biasUpdate)
    {
        // The transposed first input is written where the batch is fetched.
        Operation[][] updates = [.. _layers.SelectMany(l => l.Updates(Read(l, input), update, biasUpdate))];
        return
        [
            [.. _layers.Where(l => !l.Layer.IsFirst).SelectMany(l => l.Transposes())],
            .. _layers.Reverse().SelectMany(Backward),
            .. Enumerable.Range(0, updates.Select(u => u.Length).DefaultIfEmpty().Max())
                .Select(i => updates.Where(u => u.Length > i).Select(u => u[i]).ToArray()),
        ];
    }

    /// <summary>Adds up the gradient of what a layer gives, and goes back to what it reads.</summary>
    private IEnumerable<Operation[]> Backward(LayerSteps layer)
    {
        int value = layer.Layer.Value;
        var gradient = _gradients[value];
        for (int i = 0; i < _parts[value].Count; i++)
        {
            // A lone part is copied; of several the first two are added, then each other one.
            bool first = i == 0, last = i == _parts[value].Count - 1;
            if (!first || last)
                yield return
                [
                    Sum.Of(
                        _device, $"{layer.Layer.Name} gradient", i > 1 ? gradient : _parts[value][0], first ? null : _parts[value][i],
                        relu: false, last && layer.Layer.Relu ? _values[value] : null, gradient),
                ];
        }
        if (layer.Layer.ReadsImage)
            yield break;
        int read = layer.Layer.Inputs[0];
        foreach (var stage in layer.BackwardData(gated: _layers[read - 1].Layer.Relu && _parts[read].Count == 0))
            yield return stage;
    }

    /// <summary>
    /// Finds a place for a value's gradient and for what each reader wants of it. <see cref="_parts"/> stays empty where one reader writes
    /// all of it, or where it is a sum's own.
    /// </summary>
    private void ShareOut(DeviceMemory memory, NetworkDescription network, int value, int batch, Tensor[] targets)
    {
        var shape = network.Shapes[value];
        var readers = network.Readers(value);
        if (readers is [{ Kind: SumLayer, Inputs: var inputs } sum] && inputs.Count(i => i == value) == 1
            && !network.Layers[value - 1].Relu && network.Shapes[sum.Value] == shape)
        {
            _gradients[value] = _gradients[sum.Value];
            return;
        }
        var own = _gradients[value] = memory.AllocateTensor(shape, batch);
        bool taken = false;
        foreach (var reader in readers)
        {
            if (reader.Kind is SumLayer)
            {
                _parts[value].AddRange(reader.Inputs.Where(i => i == value).Select(_ => _gradients[reader.Value]));
                continue;
            }
            // The one in its place comes first, so that it is read before the sum is written over it.
            targets[reader.Index] = taken ? memory.AllocateTensor(shape, batch) : own;
            _parts[value].Insert(taken ? _parts[value].Count : 0, targets[reader.Index]);
            taken = true;
        }
        if (taken && _parts[value].Count == 1)
            _parts[value].Clear();
    }

    private Tensor Read(LayerSteps layer, Tensor input) => layer.Layer.ReadsImage ? input : _values[layer.Layer.Inputs[0]];
}
