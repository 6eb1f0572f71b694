using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>What all layers of a step share.</summary>
/// <param name="Memory">Where their buffers are.</param>
/// <param name="Parameters">Of the network.</param>
/// <param name="Training">Whether there are gradients; else answers are given.</param>
/// <param name="Batch">Images of a step.</param>
/// <param name="Transformed">
/// Where answers are given, weights of layers that are computed with fewer products, by name, transformed once for all workers; null in
/// training.
/// </param>
internal sealed record StepContext(
    DeviceMemory Memory, Parameters Parameters, bool Training, int Batch, Dictionary<string, ArrayView<float>>? Transformed)
{
    private ArrayView<float> _zeros;

    public ComputeDevice Device => Memory.Device;

    /// <summary>Of convolutions that are computed with fewer products. Where answers are given, each worker has its own steps.</summary>
    public SquareWinogradScratch Scratch { get; } = new(Memory, Training ? Memory.Device.Workers : 1);

    /// <summary>Biases of layers that have none.</summary>
    public ArrayView<float> Zeros(int count) =>
        (_zeros.Length >= count ? _zeros : _zeros = Memory.Allocate<float>(count)).SubView(0, count);
}

/// <summary>What a layer reads and writes.</summary>
/// <param name="X">Its first input; who reads the image is told which one, see <see cref="StepBuilder.Inputs"/>.</param>
/// <param name="Y">Its output.</param>
/// <param name="XGradient">Where its part of that input's gradient goes; empty for the image and without training.</param>
/// <param name="YGradient">Of its output; empty without training.</param>
internal readonly record struct LayerTensors(Tensor X, Tensor Y, Tensor XGradient, Tensor YGradient);

/// <summary>A layer of a step, bound to its buffers: it turns itself into operations and chooses how they are computed.</summary>
internal abstract class LayerSteps(StepContext context, NetworkLayer layer, LayerTensors tensors)
{
    public NetworkLayer Layer => layer;

    protected StepContext Context => context;

    protected LayerTensors Tensors => tensors;

    /// <summary>The input as rows of images, if the layer wants it so from whoever writes its input; else empty.</summary>
    public virtual ArrayView<float> TransposedInput => default;

    /// <summary>Chooses by the layer's mask whether to visit live weights only, and finds them.</summary>
    /// <param name="mask">Of the whole network, flat.</param>
    /// <param name="below">Density below which a layer is computed from its live weights; 0 for never.</param>
    /// <returns>Whether it is, for the operations made from now on.</returns>
    public virtual bool Choose(ReadOnlySpan<float> mask, double below) => false;

    /// <summary>Packs the live weights, if these are what is computed.</summary>
    public virtual void LoadLive()
    {
    }

    /// <summary>Unpacks them into the flat buffers.</summary>
    public virtual void StoreLive()
    {
    }

    /// <summary>Stages from the input to <see cref="LayerTensors.Y"/>, where answers are given.</summary>
    public abstract IEnumerable<Operation[]> Forward(Tensor x);

    /// <summary>The same where they are learned from; not every layer does the same then.</summary>
    /// <param name="x">Its input.</param>
    /// <param name="update">Has the step's rates, and the step.</param>
    public virtual IEnumerable<Operation[]> ForwardLearning(Tensor x, Update update) => Forward(x);

    /// <summary>
    /// What the backward pass needs of the input in another form; operations of all layers run beside each other, before it.
    /// </summary>
    public virtual IEnumerable<Operation> Transposes() => [];

    /// <summary>Stages from the gradient of the output to that of the input.</summary>
    /// <param name="gated">Whether the input is what a ReLU let through.</param>
    public abstract IEnumerable<Operation[]> BackwardData(bool gated);

    /// <summary>Per gradient of parameters one or two operations, the second of which needs the first's end.</summary>
    /// <param name="x">What <see cref="Forward"/> was given.</param>
    /// <param name="update">What becomes of weight gradients, over the whole flat buffers.</param>
    /// <param name="biasUpdate">The same for biases.</param>
    public virtual IEnumerable<Operation[]> Updates(Tensor x, Update update, Update biasUpdate) => [];
}
