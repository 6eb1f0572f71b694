using ILGPU;
using ILGPU.Runtime;
using Kernels;
using Model;

namespace Pruning.Methods;

/// <summary>What a threshold is compared with.</summary>
public enum Criterion
{
    /// <summary>|w|.</summary>
    Magnitude,

    /// <summary><see cref="Kernels.Saliency"/>, |w| v^(1/4), as of the last <see cref="LayerPruner.RateSaliency"/>.</summary>
    Saliency,
}

/// <summary>
/// Measures and prunes the layers of a trainer's network by kernels: deviations, how many weights a threshold would prune, exact
/// quantiles of magnitude, and the pruning itself. Biases are never touched.
/// </summary>
public sealed class LayerPruner
{
    /// <summary>Thresholds that one counting pass takes.</summary>
    public const int ThresholdsPerPass = 32;

    private readonly Trainer _trainer;
    private readonly DeviceMemory _memory;
    private readonly Layer[] _layers;
    private readonly ArrayView<int> _range, _bins;

    public LayerPruner(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        (_trainer, _memory) = (trainer, trainer.Memory);
        _range = _memory.Allocate<int>(2);
        _bins = _memory.Allocate<int>(MagnitudeHistogram.Bins);
        _layers = [.. trainer.Parameters.Layers.Select(slice => new Layer(trainer, slice, _range, _bins))];
    }

    public IReadOnlyList<LayerSlice> Layers => _trainer.Parameters.Layers;

    /// <summary>Live weights, mean and deviation of each layer.</summary>
    public LayerMoments[] Moments()
    {
        new StepProgram(_trainer.Device, [[.. _layers.Select(l => l.Moments)]]).Run();
        return [.. _layers.Select(l => Kernels.Moments.Read(_memory.Download(l.MomentsResult)))];
    }

    /// <summary>
    /// For every layer: how many of its live weights lie below each of its thresholds. thresholds[layer] has at most
    /// <see cref="ThresholdsPerPass"/> entries.
    /// </summary>
    public int[][] CountBelow(float[][] thresholds, Criterion criterion = Criterion.Magnitude)
    {
        ArgumentNullException.ThrowIfNull(thresholds);
        for (int i = 0; i < _layers.Length; i++)
        {
            var padded = new float[ThresholdsPerPass];
            thresholds[i].CopyTo(padded, 0);
            _memory.Upload<float>(padded, _layers[i].Thresholds);
        }
        Run(criterion, l => l.Count);
        return [.. _layers.Select((l, i) => ThresholdCount.Read(_memory.Download(l.CountResult))[..thresholds[i].Length])];
    }

    /// <summary>The exact magnitude of the n-th smallest live weight (n from 0) of a layer: three passes of the histogram.</summary>
    public float Magnitude(int layer, int n)
    {
        // 31 bits of magnitude in passes of 11, 11 and 9; the bins of the last begin with two bits that are known already.
        int prefix = 0;
        foreach (var (shift, known) in ((int, int)[])[(20, 0), (9, 0), (0, 2)])
        {
            _memory.Upload([shift, prefix >> known], _range);
            _memory.Upload<int>(new int[MagnitudeHistogram.Bins], _bins);
            _trainer.Device.Run(_layers[layer].Histogram);
            var bins = _memory.Download(_bins);
            int bin = known == 0 ? 0 : (prefix & 3) << 9;
            while (n >= bins[bin])
                n -= bins[bin++];
            prefix = ((prefix >> known) << 11) | bin;
        }
        return BitConverter.Int32BitsToSingle(prefix);
    }

    /// <summary>Prunes every layer below its own threshold and turns the mask on.</summary>
    public void Prune(float[] thresholds, Criterion criterion = Criterion.Magnitude)
    {
        ArgumentNullException.ThrowIfNull(thresholds);
        for (int i = 0; i < _layers.Length; i++)
            _memory.Upload<float>([thresholds[i]], _layers[i].Threshold);
        Run(criterion, l => l.Prune);
        _trainer.Masked = true;
        _trainer.Parameters.MaskChanged();
    }

    /// <summary>Computes saliencies: what <see cref="Criterion.Saliency"/> compares until they are computed again.</summary>
    public void RateSaliency() => new StepProgram(_trainer.Device, [[.. _layers.Select(l => l.Saliency)]]).Run();

    /// <summary>Runs an operation of every layer on what the criterion compares.</summary>
    private void Run(Criterion criterion, Func<Layer, Operation[]> operation) =>
        new StepProgram(_trainer.Device, [[.. _layers.Select(l => operation(l)[(int)criterion])]]).Run();

    /// <summary>The operations and small buffers of one layer.</summary>
    private sealed class Layer
    {
        public Layer(Trainer trainer, LayerSlice slice, ArrayView<int> range, ArrayView<int> bins)
        {
            var memory = trainer.Memory;
            var p = trainer.Parameters;
            ArrayView<float> View(ArrayView<float> flat) => flat.SubView(slice.WeightOffset, slice.WeightCount);
            var (weight, mask) = (View(p.Weight), View(p.Mask));
            Threshold = memory.Allocate<float>(1);
            Thresholds = memory.Allocate<float>(ThresholdsPerPass);
            MomentsResult = memory.Allocate<float>(Kernels.Moments.ResultLength);
            CountResult = memory.Allocate<float>(ThresholdCount.ResultLength(ThresholdsPerPass));
            Moments = Kernels.Moments.Of(trainer.Device, weight, mask, MomentsResult);
            ArrayView<float>[] scores = [weight, memory.Allocate<float>(weight.Length)];
            Saliency = Kernels.Saliency.Of(trainer.Device, weight, View(p.SecondMoment), scores[(int)Criterion.Saliency]);
            Count = Array.ConvertAll(scores, s => ThresholdCount.Of(trainer.Device, s, mask, Thresholds, CountResult));
            Prune = Array.ConvertAll(
                scores, s => MagnitudeMask.Of(trainer.Device, s, weight, View(p.FirstMoment), View(p.SecondMoment), mask, Threshold));
            Histogram = MagnitudeHistogram.Of(trainer.Device, weight, mask, range, bins);
        }

        public ArrayView<float> Threshold { get; }
        public ArrayView<float> Thresholds { get; }
        public ArrayView<float> MomentsResult { get; }
        public ArrayView<float> CountResult { get; }
        public Operation Moments { get; }
        public Operation Saliency { get; }

        /// <summary>By <see cref="Criterion"/>.</summary>
        public Operation[] Count { get; }
        public Operation[] Prune { get; }
        public Operation Histogram { get; }
    }
}
