using ILGPU;
using ILGPU.Runtime;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>What a threshold is compared with.</summary>
public enum Criterion
{
    /// <summary>|w|.</summary>
    Magnitude,

    /// <summary><see cref="Kernels.Saliency"/>, |w| v^(1/4), as of the last <see cref="LayerPruner.RateSaliency"/>.</summary>
    Saliency,
}

/// <summary>
/// Measures and prunes the layers of a trainer's network by kernels: deviations, histograms of the scores, from which
/// <see cref="GlobalThreshold"/> finds exact ranks, and the pruning itself. Biases are never touched.
/// </summary>
public sealed class LayerPruner
{
    private readonly Trainer _trainer;
    private readonly DeviceMemory _memory;
    private readonly Layer[] _layers;
    private readonly ArrayView<int> _range, _bins;

    /// <summary>Takes what it needs from the trainer's memory.</summary>
    public LayerPruner(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        (_trainer, _memory) = (trainer, trainer.Memory);
        _range = _memory.Allocate<int>(2);
        _bins = _memory.Allocate<int>((long)Layers.Count * MagnitudeHistogram.Bins);
        ArrayView<int> Bins(int layer) => _bins.SubView(layer * MagnitudeHistogram.Bins, MagnitudeHistogram.Bins);
        _layers = [.. Layers.Select((slice, i) => new Layer(trainer, slice, _range, Bins(i)))];
    }

    /// <summary>Where the layers' parameters lie.</summary>
    public IReadOnlyList<LayerSlice> Layers => _trainer.Parameters.Layers;

    /// <summary>Live weights, mean and deviation of each layer.</summary>
    public LayerStatistics[] Moments()
    {
        new StepProgram(_trainer.Device, [[.. _layers.Select(l => l.Moments)]]).Run();
        return [.. _layers.Select(l => WeightStatistics.Read(_memory.Download(l.MomentsResult)))];
    }

    /// <summary>Every layer's <see cref="MagnitudeHistogram"/> of the scores of its live weights.</summary>
    public IReadOnlyList<int[]> Histograms(Criterion criterion, int shift, int prefix)
    {
        _memory.Upload([shift, prefix], _range);
        _memory.Upload<int>(new int[_bins.Length], _bins);
        Run(criterion, l => l.Histogram);
        return [.. _memory.Download(_bins).Chunk(MagnitudeHistogram.Bins)];
    }

    /// <summary>The exact magnitude of the n-th smallest live weight (n from 0) of a layer.</summary>
    public float Magnitude(int layer, int n) =>
        MagnitudeHistogram.Select(n, (shift, prefix) => [Histograms(Criterion.Magnitude, shift, prefix)[layer]]).Magnitude;

    /// <summary>Which of a layer's live weights have exactly this score: their indices, ascending.</summary>
    public int[] Equal(int layer, Criterion criterion, float score)
    {
        float[] scores = _memory.Download(_layers[layer].Scores[(int)criterion]), mask = _memory.Download(_layers[layer].Mask);
        return [.. Enumerable.Range(0, scores.Length).Where(i => mask[i] != 0 && Bits(scores[i]) == Bits(score))];

        static int Bits(float value) => BitConverter.SingleToInt32Bits(Math.Abs(value));
    }

    /// <summary>Prunes every layer below its own threshold.</summary>
    /// <param name="thresholds">One a layer.</param>
    /// <param name="criterion">What they are compared with.</param>
    /// <param name="tied">One a layer: weights on the threshold with a smaller index fall too; null for none.</param>
    public void Prune(float[] thresholds, Criterion criterion = Criterion.Magnitude, int[]? tied = null)
    {
        ArgumentNullException.ThrowIfNull(thresholds);
        for (int i = 0; i < _layers.Length; i++)
        {
            _memory.Upload<float>([thresholds[i]], _layers[i].Threshold);
            _memory.Upload<int>([tied?[i] ?? 0], _layers[i].Tied);
        }
        Run(criterion, l => l.Prune);
        _trainer.Parameters.Pruned();
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
            var weight = View(p.Weight);
            Mask = View(p.Mask);
            Scores = [weight, memory.Allocate<float>(weight.Length)];
            Threshold = memory.Allocate<float>(1);
            Tied = memory.Allocate<int>(1);
            MomentsResult = memory.Allocate<float>(WeightStatistics.ResultLength);
            Moments = WeightStatistics.Of(trainer.Device, weight, Mask, MomentsResult);
            Saliency = Kernels.Saliency.Of(trainer.Device, weight, View(p.SecondMoment), Scores[(int)Criterion.Saliency]);
            Histogram = Array.ConvertAll(Scores, s => MagnitudeHistogram.Of(trainer.Device, s, Mask, range, bins));
            Prune = Array.ConvertAll(
                Scores, s => ThresholdMask.Of(trainer.Device, s, weight, View(p.FirstMoment), View(p.SecondMoment), Mask, Threshold, Tied));
        }

        public ArrayView<float> Mask { get; }
        public ArrayView<float> Threshold { get; }
        public ArrayView<int> Tied { get; }
        public ArrayView<float> MomentsResult { get; }
        public Operation Moments { get; }
        public Operation Saliency { get; }

        /// <summary>By <see cref="Criterion"/>, as are the operations on them.</summary>
        public ArrayView<float>[] Scores { get; }
        public Operation[] Histogram { get; }
        public Operation[] Prune { get; }
    }
}
