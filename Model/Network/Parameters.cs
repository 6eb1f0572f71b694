using ILGPU;
using ILGPU.Runtime;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Where a layer's parameters lie in the flat buffers: Filter.Count weights (K, C, R, S), then Filter.Filters biases.</summary>
/// <param name="Name">conv1, conv2, ... fc1, fc2, ...</param>
/// <param name="Filter">(K, C, R, S); a fully connected layer is (K, C, 1, 1).</param>
/// <param name="Convolutional">Whether it was described as a convolution.</param>
/// <param name="WeightOffset">First weight.</param>
/// <param name="BiasOffset">First bias.</param>
public sealed record LayerSlice(string Name, FilterShape Filter, bool Convolutional, int WeightOffset, int BiasOffset)
{
    public int WeightCount => Filter.Count;
    public int BiasCount => Filter.Filters;

    /// <summary>Shape as frameworks write it: (K, C, R, S) or (K, C).</summary>
    public int[] WeightShape => Convolutional ? [Filter.Filters, Filter.Channels, Filter.Rows, Filter.Columns] : [Filter.Filters, Filter.Channels];
}

/// <summary>
/// All parameters of a network in flat device buffers of one layout: weights and biases, the optimizer's two moments, the mask
/// (1 = kept; 1 for biases, which are never pruned).
/// </summary>
public sealed class Parameters
{
    private readonly DeviceMemory _memory;

    public Parameters(DeviceMemory memory, NetworkDescription network)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(network);
        _memory = memory;
        Layers = network.Slices;
        int length = network.ParameterLength;
        Weight = memory.Allocate<float>(length);
        FirstMoment = memory.Allocate<float>(length);
        SecondMoment = memory.Allocate<float>(length);
        Mask = memory.Allocate<float>(length);
        SetMask(Ones());
    }

    public IReadOnlyList<LayerSlice> Layers { get; }
    public ArrayView<float> Weight { get; }
    public ArrayView<float> FirstMoment { get; }
    public ArrayView<float> SecondMoment { get; }
    public ArrayView<float> Mask { get; }

    /// <summary>Weights of all layers, biases not counted: the total of the pruning ratio.</summary>
    public int WeightCount => Layers.Sum(l => l.WeightCount);

    /// <summary>Weights from N(0, 2 / (C R S)) (He et al. 2015) before a ReLU, N(0, 1 / (C R S)) (LeCun et al. 1998) elsewhere; biases and moments 0, mask 1.</summary>
    public void Initialize(NetworkDescription network, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(network);
        var random = new Random64(seed, stream: 1);
        var weights = new float[Weight.Length];
        foreach (var layer in network.Layers)
        {
            if (layer.Slice is not { } slice)
                continue;
            double deviation = Math.Sqrt((layer.Relu ? 2.0 : 1.0) / slice.Filter.FilterSize);
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
        MaskChanged();
    }

    /// <summary>Tells that a kernel changed the mask.</summary>
    public void MaskChanged() => MaskVersion++;

    /// <summary>Grows with every change of the mask.</summary>
    public int MaskVersion { get; private set; }

    /// <summary>Forgets the optimizer's moments.</summary>
    public void ResetMoments()
    {
        FirstMoment.MemSetToZero(_memory.Device.Stream);
        SecondMoment.MemSetToZero(_memory.Device.Stream);
        _memory.Device.Synchronize();
    }

    /// <summary>Everything that training changes, to come back to.</summary>
    public ParameterState Save() => new(GetWeights(), _memory.Download(FirstMoment), _memory.Download(SecondMoment), GetMask());

    public void Restore(ParameterState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        SetWeights(state.Weight);
        _memory.Upload<float>(state.FirstMoment, FirstMoment);
        _memory.Upload<float>(state.SecondMoment, SecondMoment);
        SetMask(state.Mask);
    }

    private float[] Ones()
    {
        var ones = new float[Mask.Length];
        Array.Fill(ones, 1f);
        return ones;
    }
}
