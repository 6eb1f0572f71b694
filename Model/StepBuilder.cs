using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Turns a network's description into the operations of a step. Built once for a trainer: activations, gradients and the forward operations
/// serve training and evaluation alike; and once per worker for inference, without gradients.
/// </summary>
internal sealed class StepBuilder
{
    /// <summary>
    /// Density below which a first layer that is a convolution is computed from its live weights, unless the limit that is asked for is higher, or
    /// 0. With 256-bit vectors it would pay up to 0.8 (Results/speed/bench-304x.txt).
    /// </summary>
    private const double FirstConvolutionBelow = 0.4;

    private readonly ComputeDevice _device;
    private readonly DeviceMemory _memory;
    private readonly NetworkDescription _network;
    private readonly Parameters _parameters;
    private readonly Tensor[] _inputs;
    private readonly Tensor[] _activations;
    private readonly Tensor[] _gradients;
    private readonly ArrayView<float>[] _transposed;
    private readonly LayerSlice?[] _slices;
    private readonly LiveWeights?[] _live, _spare;
    private readonly GradientParts?[] _weightParts, _biasParts;
    private readonly Winograd?[] _winograd;
    private Tensor[]? _scratch;

    public StepBuilder(DeviceMemory memory, NetworkDescription network, Parameters parameters, int batch, bool training = true)
    {
        (_memory, _device, _network, _parameters) = (memory, memory.Device, network, parameters);
        var shapes = network.Shapes();
        _activations = [.. shapes.Select(s => memory.AllocateTensor(s, batch))];
        _inputs = training && !_device.RunsOnHost ? [_activations[0], memory.AllocateTensor(shapes[0], batch)] : [_activations[0]];
        _gradients = [.. shapes.Select((s, i) => i == 0 || !training ? default : memory.AllocateTensor(s, batch))];
        var slices = new Queue<LayerSlice>(parameters.Layers);
        _slices = [.. network.Layers.Select(l => l is MaxPoolLayer ? null : slices.Dequeue())];
        _live = new LiveWeights?[network.Layers.Count];
        _spare = new LiveWeights?[network.Layers.Count];
        _transposed = new ArrayView<float>[network.Layers.Count];
        for (int i = 0; i < _transposed.Length; i++)
            if (training && _device.RunsOnHost && IsGemm(i))
                _transposed[i] = memory.Allocate<float>((long)_activations[i].Blocks * Layout.Lanes * Transpose.Pitch(shapes[i].Features));
        _winograd =
        [
            .. _slices.Select((s, i) => training && i > 0 && s is not null && !IsGemm(i) && Winograd.Fits(_device, s.Filter, shapes[i + 1])
                ? new Winograd(memory, s.Filter, _activations[i], _activations[i + 1]) : null),
        ];
        _weightParts = [.. _slices.Select((s, i) => training && s is not null && !IsGemm(i) ? Convolution.Parts(memory, s.Filter, _gradients[i + 1]) : null)];
        _biasParts = [.. _slices.Select((s, i) => training && s is not null ? BiasUpdate.Parts(memory, _gradients[i + 1]) : null)];
    }

    /// <summary>
    /// Where a batch is put before its step. A GPU that trains has two, which steps take by turns, so that the next batch is fetched while one is
    /// learned from; all others one.
    /// </summary>
    public IReadOnlyList<Tensor> Inputs => _inputs;

    public Tensor Logits => _activations[^1];
    public Tensor LogitGradients => _gradients[^1];

    /// <summary>The input as rows of images, where the CPU accelerator trains a first layer that is fully connected and computed in full; else empty.</summary>
    public ArrayView<float> TransposedInput => _live[0] is null ? _transposed[0] : default;

    /// <summary>
    /// Chooses for each layer by its mask whether to visit live weights only, and finds them. The choice holds for the operations made
    /// from now on.
    /// </summary>
    /// <param name="mask">Flat.</param>
    /// <param name="below">Density below which a layer is computed from its live weights, see also <see cref="FirstConvolutionBelow"/>; 0 for never.</param>
    /// <returns>A number that tells choices apart: one bit per layer.</returns>
    public long Choose(ReadOnlySpan<float> mask, double below)
    {
        long choice = 0;
        for (int i = 0; i < _live.Length; i++)
        {
            if (_slices[i] is not { } slice)
                continue;
            var layer = mask.Slice(slice.WeightOffset, slice.WeightCount);
            double limit = Limit(i);
            int capacity = (int)(limit * slice.WeightCount), count = layer.Length - layer.Count(0f);
            bool sparse = limit > 0 && count <= capacity;
            if (sparse)
            {
                _spare[i] ??= IsGemm(i)
                    ? new LiveWeights(_memory, slice.Filter.AsVector(), Vector(_activations[i]).Shape, Vector(_activations[i + 1]).Shape, capacity)
                    : new LiveWeights(_memory, slice.Filter, _activations[i].Shape, _activations[i + 1].Shape, capacity);
                _spare[i]!.Find(layer);
                choice |= 1L << i;
            }
            _live[i] = sparse ? _spare[i] : null;
        }
        return choice;

        // A convolution of the images themselves has no transform to compete with (Winograd), and its live weights give the same bits.
        double Limit(int i) => below > 0 && i == 0 && !IsGemm(0) ? Math.Max(below, FirstConvolutionBelow) : below;
    }

    /// <summary>Packs the live weights of the chosen layers.</summary>
    public void LoadLive() => EachLive((live, w, m, v) => live.Load(w, m, v));

    /// <summary>Unpacks them into the flat buffers.</summary>
    public void StoreLive() => EachLive((live, w, m, v) => live.Store(w, m, v));

    private void EachLive(Action<LiveWeights, ArrayView<float>, ArrayView<float>, ArrayView<float>> action)
    {
        for (int i = 0; i < _live.Length; i++)
            if (_live[i] is { } live && _slices[i] is { } slice)
                action(live, Weights(_parameters.Weight, slice), Weights(_parameters.FirstMoment, slice), Weights(_parameters.SecondMoment, slice));
    }

    private static ArrayView<float> Weights(ArrayView<float> flat, LayerSlice slice) => flat.SubView(slice.WeightOffset, slice.WeightCount);

    /// <summary>The layers, one after the other.</summary>
    /// <param name="input">One of <see cref="Inputs"/>.</param>
    /// <param name="beside">Operations that may run at the same time as the first stage.</param>
    public IEnumerable<Operation[]> Forward(Tensor input, params Operation[] beside) =>
        ForwardLayers(input).Select((stage, i) => i == 0 ? [.. stage, .. beside] : stage);

    private IEnumerable<Operation[]> ForwardLayers(Tensor input)
    {
        for (int i = 0; i < _network.Layers.Count; i++)
        {
            Tensor x = i == 0 ? input : _activations[i], y = _activations[i + 1];
            bool relu = HasRelu(i);
            if (_slices[i] is not { } slice)
            {
                yield return [MaxPool.Forward(_device, $"pool{i + 1} forward", x, ((MaxPoolLayer)_network.Layers[i]).Size, y)];
                continue;
            }
            var (weight, bias) = Views(_parameters.Weight, slice);
            string name = $"{slice.Name} forward";
            if (Saving(i) is { } winograd)
            {
                yield return [winograd.TransformInput($"{slice.Name} transform input", x), winograd.TransformWeight($"{slice.Name} transform weight", weight)];
                yield return [winograd.Forward(name, bias, y, relu)];
                continue;
            }
            yield return
            [
                _live[i] is { } live ? SparseConvolution.Forward(_device, name, Shaped(i, x), live, bias, Shaped(i, y), relu)
                    : IsGemm(i) ? FullyConnected.Forward(_device, name, Vector(x), weight, bias, Vector(y), relu)
                    : Convolution.Forward(_device, name, x, weight, bias, slice.Filter, y, relu),
            ];
        }
    }

    /// <summary>Everything from the gradient of the logits to the updated parameters.</summary>
    /// <param name="input">What <see cref="Forward"/> was given.</param>
    /// <param name="update">What becomes of weight gradients, over the whole flat buffers.</param>
    /// <param name="biasUpdate">The same for biases.</param>
    public IEnumerable<Operation[]> Backward(Tensor input, Update update, Update biasUpdate)
    {
        yield return
        [
            .. Enumerable.Range(1, _network.Layers.Count - 1).Where(i => _transposed[i].Length > 0 && _live[i] is null)
                .Select(i => Transpose.Of(_device, $"{_slices[i]!.Name} transpose", Vector(_activations[i]), _transposed[i])),
        ];
        for (int i = _network.Layers.Count - 1; i > 0; i--)
        {
            Tensor x = _activations[i], dx = _gradients[i], dy = _gradients[i + 1];
            if (i == 1 && LearnsThroughPool)
                continue;
            if (_slices[i] is not { } slice)
            {
                int size = ((MaxPoolLayer)_network.Layers[i]).Size;
                yield return [MaxPool.BackwardData(_device, $"pool{i + 1} backward", x, size, _activations[i + 1], dy, HasRelu(i - 1), dx)];
                continue;
            }
            var (weight, _) = Views(_parameters.Weight, slice);
            string name = $"{slice.Name} backward data";
            Tensor? gate = HasRelu(i - 1) ? x : null;
            if (Saving(i) is { } winograd)
            {
                yield return [winograd.TransformOutputGradient($"{slice.Name} transform gradient", dy)];
                yield return [winograd.BackwardData(name, gate, dx)];
                continue;
            }
            yield return
            [
                _live[i] is { } live
                    ? SparseConvolution.BackwardData(_device, name, Shaped(i, dy), live, gate is null ? null : Shaped(i, x), Shaped(i, dx))
                    : IsGemm(i) ? FullyConnected.BackwardData(_device, name, Vector(dy), weight, gate is null ? null : Vector(x), Vector(dx))
                    : Convolution.BackwardData(_device, name, dy, weight, slice.Filter, gate, dx),
            ];
        }
        Operation[][] updates =
            [.. Enumerable.Range(0, _network.Layers.Count).Where(i => _slices[i] is not null).SelectMany(i => Updates(i, i == 0 ? input : _activations[i], update, biasUpdate))];
        yield return [.. updates.Select(u => u[0])];
        yield return [.. updates.SelectMany(u => u.Skip(1))];
    }

    /// <summary>Per gradient one or two operations, the second of which needs the first's end.</summary>
    private IEnumerable<Operation[]> Updates(int i, Tensor x, Update update, Update biasUpdate)
    {
        var slice = _slices[i]!;
        var weight = update.Slice(slice.WeightOffset, slice.WeightCount);
        var bias = biasUpdate.Slice(slice.BiasOffset, slice.BiasCount);
        string name = $"{slice.Name} backward weight";
        if (i == 0 && LearnsThroughPool)
        {
            yield return
            [
                PooledConvolution.BackwardWeight(
                    _device, $"{name} from pool", x, _activations[1], ((MaxPoolLayer)_network.Layers[1]).Size, _activations[2],
                    _gradients[2], HasRelu(0), slice.Filter, weight, bias, _live[0],
                    _scratch ??= PooledConvolution.Scratch(_memory, _activations[1])),
            ];
            yield break;
        }
        yield return _live[i] is { } live
            ? [SparseConvolution.BackwardWeight(_device, name, Shaped(i, x), Shaped(i, _gradients[i + 1]), live, weight)]
            : Saving(i) is { } winograd ? [winograd.BackwardWeight(name, weight)]
            : IsGemm(i) ? [FullyConnected.BackwardWeight(_device, name, Vector(_gradients[i + 1]), Vector(x), _transposed[i], weight)]
            : Convolution.BackwardWeight(_device, name, x, _gradients[i + 1], slice.Filter, weight, _weightParts[i]);
        yield return BiasUpdate.Of(_device, $"{slice.Name} bias", _gradients[i + 1], bias, _biasParts[i]);
    }

    /// <summary>Whether the first layer is a convolution and the second a pooling, see <see cref="PooledConvolution"/>.</summary>
    private bool LearnsThroughPool => _device.RunsOnHost && !IsGemm(0) && _slices[0] is not null
        && _network.Layers.Count > 1 && _network.Layers[1] is MaxPoolLayer;

    /// <summary>
    /// How a convolution that is computed in full saves products, if it can; in training alone, since answers are to be the same bits for one
    /// image as for many.
    /// </summary>
    private Winograd? Saving(int i) => _live[i] is null ? _winograd[i] : null;

    /// <summary>A convolution whose filter covers its whole input is a fully connected layer, and is computed as one.</summary>
    private bool IsGemm(int i) => _slices[i] is not null && _activations[i].Shape.Padding == 0
        && _activations[i + 1].Shape is { Height: 1, Width: 1, Padding: 0 };

    private bool HasRelu(int i) => i >= 0 && _network.Layers[i] is ConvolutionLayer { Relu: true } or DenseLayer { Relu: true };

    private Tensor Shaped(int i, Tensor t) => IsGemm(i) ? Vector(t) : t;

    private static Tensor Vector(Tensor t) => new(t.Data, TensorShape.Vector(t.Shape.Features), t.Blocks);

    private static (ArrayView<float> Weight, ArrayView<float> Bias) Views(ArrayView<float> flat, LayerSlice slice) =>
        (flat.SubView(slice.WeightOffset, slice.WeightCount), flat.SubView(slice.BiasOffset, slice.BiasCount));
}
