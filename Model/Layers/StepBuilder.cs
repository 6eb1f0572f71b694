using System.Numerics;
using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Turns a network into the operations of a step, layer by layer. Built once for a trainer: activations, gradients and the forward
/// operations serve training and evaluation alike; and once per worker for inference, without gradients.
/// </summary>
internal sealed class StepBuilder
{
    private readonly Tensor[] _inputs, _values;
    private readonly GradientTensors? _gradients;
    private readonly LayerSteps[] _layers;
    private readonly ComputeDevice _device;

    /// <param name="memory">Where activations and gradients are.</param>
    /// <param name="network">Whose layers they are.</param>
    /// <param name="parameters">Of the network.</param>
    /// <param name="batch">Images of a step.</param>
    /// <param name="together">Bytes of gradients that are kept until all layers have gone back; null where nothing is trained.</param>
    /// <param name="transformed">See <see cref="StepContext"/>.</param>
    public StepBuilder(
        DeviceMemory memory, NetworkDescription network, Parameters parameters, int batch, long? together,
        Dictionary<string, ArrayView<float>>? transformed = null)
    {
        bool training = together is not null;
        _device = memory.Device;
        _values = [.. network.Shapes.Select(s => memory.AllocateTensor(s, batch))];
        _inputs = training && !_device.RunsOnHost ? [_values[0], memory.AllocateTensor(network.Shapes[0], batch)] : [_values[0]];
        _gradients = together is { } bytes ? new GradientTensors(memory, network, batch, bytes) : null;
        var context = new StepContext(memory, parameters, training, batch, transformed);
        _layers =
        [
            .. network.Layers.Select(l => l.Kind.Bind(
                context, l,
                new(_values[l.Inputs[0]], _values[l.Value], _gradients?.Wanted(l) ?? default, _gradients?.Of(l.Value) ?? default))),
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
    public Tensor LogitGradients => _gradients?.Of(_values.Length - 1) ?? default;

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
        bool usedUp = Gradients.AreUsedUp;
        return
        [
            // The transposed first input is written where the batch is fetched.
            [.. _layers.Where(l => !l.Layer.IsFirst).SelectMany(l => l.Transposes())],
            .. _layers.Reverse().SelectMany(l => (Operation[][])[.. Backward(l), .. usedUp ? Updates(l) : []]),
            .. usedUp ? [] : Updates(_layers),
        ];

        // Side by side, stage by stage.
        Operation[][] Updates(params LayerSteps[] layers)
        {
            Operation[][] updates = [.. layers.SelectMany(l => l.Updates(Read(l, input), update, biasUpdate))];
            return
            [
                .. Enumerable.Range(0, updates.Select(u => u.Length).DefaultIfEmpty().Max())
                    .Select(i => updates.Where(u => u.Length > i).Select(u => u[i]).ToArray()),
            ];
        }
    }

    private GradientTensors Gradients => _gradients ?? throw new InvalidOperationException("nothing is trained");

    /// <summary>Adds up the gradient of what a layer gives, and goes back to what it reads.</summary>
    private IEnumerable<Operation[]> Backward(LayerSteps layer)
    {
        int value = layer.Layer.Value;
        var gradient = Gradients.Of(value);
        var parts = Gradients.Parts(value);
        for (int i = 0; i < parts.Count; i++)
        {
            // A lone part is copied; of several the first two are added, then each other one.
            bool first = i == 0, last = i == parts.Count - 1;
            if (!first || last)
                yield return
                [
                    Sum.Of(
                        _device, $"{layer.Layer.Name} gradient", i > 1 ? gradient : parts[0], first ? null : parts[i],
                        relu: false, last && layer.Layer.Relu ? _values[value] : null, gradient),
                ];
        }
        if (layer.Layer.ReadsImage)
            yield break;
        int read = layer.Layer.Inputs[0];
        foreach (var stage in layer.BackwardData(gated: _layers[read - 1].Layer.Relu && Gradients.Parts(read).Count == 0))
            yield return stage;
    }

    private Tensor Read(LayerSteps layer, Tensor input) => layer.Layer.ReadsImage ? input : _values[layer.Layer.Inputs[0]];
}
