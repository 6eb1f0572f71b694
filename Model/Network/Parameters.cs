using ILGPU;
using ILGPU.Runtime;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>What a parameter is to training, pruning and files.</summary>
public enum ParameterRole
{
    /// <summary>Trained, and the only ones that pruning removes and ratios count.</summary>
    Weight,

    /// <summary>Trained, never pruned; as the scale and the shift of a batch normalisation.</summary>
    Bias,
    Scale,
    Shift,

    /// <summary>Running averages of a batch normalisation: saved, but no optimizer touches them.</summary>
    Mean,
    Variance,
}

/// <summary>A parameter tensor of a layer.</summary>
/// <param name="Name">As files have it, PyTorch's: conv1.weight, bn1.running_mean, ...</param>
/// <param name="Role">What becomes of it.</param>
/// <param name="Shape">As frameworks write it.</param>
/// <param name="Offset">Of its first value in the flat buffers.</param>
public sealed record ParameterSlice(string Name, ParameterRole Role, int[] Shape, int Offset)
{
    /// <summary>Values.</summary>
    public int Count => Shape.Aggregate(1, (a, b) => a * b);
}

/// <summary>
/// Where a layer's weights and biases lie in the flat buffers: Filter.Count weights (K, C, R, S), then Filter.Filters biases.
/// </summary>
/// <param name="Name">conv1, conv2, ... fc1, fc2, ...</param>
/// <param name="Filter">(K, C, R, S); a fully connected layer is (K, C, 1, 1).</param>
/// <param name="Convolutional">Whether it was described as a convolution.</param>
/// <param name="WeightOffset">First weight.</param>
/// <param name="BiasOffset">First bias.</param>
/// <param name="Biased">Whether it has any: a convolution in front of its batch normalisation has none.</param>
public sealed record LayerSlice(
    string Name, FilterShape Filter, bool Convolutional, int WeightOffset, int BiasOffset, bool Biased = true)
{
    public int WeightCount => Filter.Count;

    /// <summary>Outputs, or 0.</summary>
    public int BiasCount => Biased ? Filter.Filters : 0;

    /// <summary>Shape as frameworks write it: (K, C, R, S) or (K, C).</summary>
    public int[] WeightShape => Convolutional
        ? [Filter.Filters, Filter.Channels, Filter.Rows, Filter.Columns]
        : [Filter.Filters, Filter.Channels];
}

/// <summary>
/// All parameters of a network in flat device buffers of one layout: weights, biases and others (<see cref="ParameterRole"/>), the
/// optimizer's moments, the mask (1 = kept; 1 for all but weights, which alone are pruned).
/// </summary>
public sealed class Parameters
{
    private readonly DeviceMemory _memory;
    private readonly ArrayView<float>[] _moments;

    /// <summary>Weights to give answers by, or to train.</summary>
    /// <param name="memory">Where the buffers are.</param>
    /// <param name="network">What the parameters belong to.</param>
    /// <param name="rule">The optimizer, which has as many moments as it needs; <see cref="UpdateRule.Gradient"/> has none.</param>
    public Parameters(DeviceMemory memory, NetworkDescription network, UpdateRule rule = UpdateRule.Gradient)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(network);
        _memory = memory;
        Layers = network.Slices;
        Weight = memory.Allocate<float>(network.ParameterLength);
        _moments = [.. Enumerable.Range(0, Kernels.Update.Moments(rule)).Select(_ => memory.Allocate<float>(network.ParameterLength))];
        Mask = memory.Allocate<float>(network.ParameterLength);
        SetMask(Ones());
    }

    public ComputeDevice Device => _memory.Device;
    public IReadOnlyList<LayerSlice> Layers { get; }
    public ArrayView<float> Weight { get; }

    /// <summary>Mean of gradients; empty where the optimizer has none.</summary>
    public ArrayView<float> FirstMoment => _moments.ElementAtOrDefault(0);

    /// <summary>Mean of their squares; empty where the optimizer has none.</summary>
    public ArrayView<float> SecondMoment => _moments.ElementAtOrDefault(1);

    public ArrayView<float> Mask { get; }

    /// <summary>Weights of all layers, biases not counted: the total of the pruning ratio.</summary>
    public int WeightCount => Layers.Sum(l => l.WeightCount);

    /// <summary>
    /// Whether the mask may have a zero: then updates go under it. While nothing is pruned they do not read it.
    /// </summary>
    public bool IsPruned { get; private set; }

    /// <summary>Grows with every change of the mask.</summary>
    public int MaskVersion { get; private set; }

    /// <summary>
    /// Weights from N(0, 2 / (C R S)) (He et al. 2015) before a ReLU or a batch normalisation, N(0, 1 / (C R S)) (LeCun et al. 1998)
    /// elsewhere; scales and running variances 1; biases, the others and moments 0, mask 1.
    /// </summary>
    public void Initialize(NetworkDescription network, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(network);
        var random = new Random64(seed, stream: 1);
        var weights = new float[Weight.Length];
        foreach (var layer in network.Layers)
        {
            foreach (var one in layer.Parameters.Where(p => p.Role is ParameterRole.Scale or ParameterRole.Variance))
                weights.AsSpan(one.Offset, one.Count).Fill(1);
            if (layer.Slice is not { } slice)
                continue;
            double deviation = Math.Sqrt((layer.Relu || !slice.Biased ? 2.0 : 1.0) / slice.Filter.FilterSize);
            for (int i = 0; i < slice.WeightCount; i++)
                weights[slice.WeightOffset + i] = (float)(random.NextGaussian() * deviation);
        }
        SetWeights(weights);
        SetMask(Ones());
        ResetMoments();
    }

    public float[] GetWeights() => _memory.Download(Weight);
    public float[] GetMask() => _memory.Download(Mask);
    public void SetWeights(ReadOnlySpan<float> weights) => _memory.Upload(weights, Weight);

    public void SetMask(ReadOnlySpan<float> mask)
    {
        _memory.Upload(mask, Mask);
        IsPruned = mask.Contains(0f);
        MaskVersion++;
    }

    /// <summary>Tells that a kernel pruned.</summary>
    public void Pruned()
    {
        IsPruned = true;
        MaskVersion++;
    }

    /// <summary>Forgets the optimizer's moments.</summary>
    public void ResetMoments()
    {
        foreach (var moment in _moments)
            moment.MemSetToZero(_memory.Device.Stream);
        _memory.Device.Synchronize();
    }

    /// <summary>What the optimizer makes of gradients, over the whole buffers.</summary>
    /// <param name="rule">The optimizer of construction.</param>
    /// <param name="rates">See <see cref="Kernels.Update.Rates"/>.</param>
    /// <param name="step">The step within these.</param>
    internal Update Update(UpdateRule rule, ArrayView<float> rates, ArrayView<int> step) => new()
    {
        Rule = rule,
        Weight = Weight,
        FirstMoment = FirstMoment,
        SecondMoment = SecondMoment,
        Mask = Mask,
        Rates = rates,
        Step = step,
        Masked = IsPruned ? 1 : 0,
    };

    /// <summary>Everything that training changes, to come back to.</summary>
    public ParameterState Save() => new(GetWeights(), GetMask(), [.. _moments.Select(m => _memory.Download(m))]);

    public void Restore(ParameterState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        SetWeights(state.Weight);
        for (int i = 0; i < _moments.Length; i++)
            _memory.Upload<float>(state.Moments[i], _moments[i]);
        SetMask(state.Mask);
    }

    private float[] Ones()
    {
        var ones = new float[Mask.Length];
        Array.Fill(ones, 1f);
        return ones;
    }
}
