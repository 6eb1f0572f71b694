using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Turns a network into the operations of a step, layer by layer. Built once for a trainer: activations, gradients and the forward
/// operations serve training and evaluation alike; and once per worker for inference, without gradients.
/// </summary>
internal sealed class StepBuilder
{
    private readonly Tensor[] _inputs, _values, _gradients;
    private readonly LayerSteps[] _layers;

    public StepBuilder(DeviceMemory memory, NetworkDescription network, Parameters parameters, int batch, bool training = true)
    {
        var device = memory.Device;
        _values = [.. network.Shapes.Select(s => memory.AllocateTensor(s, batch))];
        _inputs = training && !device.RunsOnHost ? [_values[0], memory.AllocateTensor(network.Shapes[0], batch)] : [_values[0]];
        _gradients = [.. network.Shapes.Select((s, i) => i == 0 || !training ? default : memory.AllocateTensor(s, batch))];
        var context = new StepContext(memory, parameters, training);
        _layers = [.. network.Layers.Select(l => l.Kind.Bind(context, l, Tensors(l.Inputs[0], l.Value)))];
        if (device.RunsOnHost && _layers is [ConvolutionSteps first, MaxPoolSteps second, ..])
            first.LearnThrough(second);

        LayerTensors Tensors(int x, int y) => new(_values[x], _values[y], _gradients[x], _gradients[y]);
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
    public long Choose(ReadOnlySpan<float> mask, double below)
    {
        long choice = 0;
        for (int i = 0; i < _layers.Length; i++)
            choice |= _layers[i].Choose(mask, below) ? 1L << i : 0;
        return choice;
    }

    /// <summary>Packs the live weights of the layers that are computed from them.</summary>
    public void LoadLive() => Array.ForEach(_layers, l => l.LoadLive());

    /// <summary>Unpacks them into the flat buffers.</summary>
    public void StoreLive() => Array.ForEach(_layers, l => l.StoreLive());

    /// <summary>The layers, one after the other.</summary>
    /// <param name="input">One of <see cref="Inputs"/>.</param>
    /// <param name="beside">Operations that may run at the same time as the first stage.</param>
    public IEnumerable<Operation[]> Forward(Tensor input, params Operation[] beside) =>
        _layers.SelectMany(l => l.Forward(Read(l, input))).Select((stage, i) => i == 0 ? [.. stage, .. beside] : stage);

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
            .. _layers.Where(l => !l.Layer.IsFirst).Reverse().SelectMany(l => l.BackwardData(HasRelu(l.Layer.Inputs[0]))),
            [.. updates.Select(u => u[0])],
            [.. updates.SelectMany(u => u.Skip(1))],
        ];
    }

    private Tensor Read(LayerSteps layer, Tensor input) => layer.Layer.IsFirst ? input : _values[layer.Layer.Inputs[0]];

    private bool HasRelu(int value) => value > 0 && _layers[value - 1].Layer.Relu;
}
