using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>A layer with weights and biases, which is computed in full or from its live weights alone.</summary>
internal abstract class WeightedSteps : LayerSteps
{
    private readonly GradientParts? _biasParts;
    private LiveWeights? _spare;

    protected WeightedSteps(StepContext context, NetworkLayer layer, LayerTensors tensors) : base(context, layer, tensors)
    {
        Slice = layer.Slice!;
        if (context.Training && Slice.Biased)
            _biasParts = BiasUpdate.Parts(context.Memory, tensors.YGradient);
    }

    protected LayerSlice Slice { get; }

    /// <summary>What is computed where live weights alone are; else null.</summary>
    protected LiveWeights? Live { get; private set; }

    /// <summary>(K, C, R, S) as the operations see it.</summary>
    protected abstract FilterShape Filter { get; }

    protected ArrayView<float> Weight => View(Context.Parameters.Weight);

    protected ArrayView<float> Bias => Slice.Biased
        ? Context.Parameters.Weight.SubView(Slice.BiasOffset, Slice.BiasCount) : Context.Zeros(Slice.Filter.Filters);

    public override bool Choose(ReadOnlySpan<float> mask, double below)
    {
        var layer = mask.Slice(Slice.WeightOffset, Slice.WeightCount);
        double limit = Limit(below);
        int most = (int)(limit * Slice.WeightCount), count = layer.Length - layer.Count(0f);
        bool sparse = limit > 0 && count <= most;
        if (sparse)
        {
            // A search goes back to networks with more weights; where answers are given there is one.
            _spare ??= new LiveWeights(
                Context.Memory, Filter, Shaped(Tensors.X).Shape, Shaped(Tensors.Y).Shape, Tensors.X.Blocks, Context.Training ? most : count,
                backward: Context.Training && !Layer.ReadsImage);
            _spare.Find(layer);
        }
        Live = sparse ? _spare : null;
        return sparse;
    }

    public override void LoadLive() => Live?.Load(Weight, View(Context.Parameters.FirstMoment), View(Context.Parameters.SecondMoment));

    public override void StoreLive() => Live?.Store(Weight, View(Context.Parameters.FirstMoment), View(Context.Parameters.SecondMoment));

    public override IEnumerable<Operation[]> Forward(Tensor x)
    {
        string name = $"{Slice.Name} forward";
        return Live is { } live
            ? [[SparseConvolution.Forward(Context.Device, name, Shaped(x), live, Bias, Shaped(Tensors.Y), Layer.Relu)]]
            : ForwardInFull(name, x);
    }

    public override IEnumerable<Operation[]> BackwardData(bool gated)
    {
        string name = $"{Slice.Name} backward data";
        Tensor? gate = gated ? Shaped(Tensors.X) : null;
        return Live is { } live
            ? [[SparseConvolution.BackwardData(Context.Device, name, Shaped(Tensors.YGradient), live, gate, Shaped(Tensors.XGradient))]]
            : BackwardDataInFull(name, gate);
    }

    public override IEnumerable<Operation[]> Updates(Tensor x, Update update, Update biasUpdate)
    {
        var weight = update.Slice(Slice.WeightOffset, Slice.WeightCount);
        string name = $"{Slice.Name} backward weight";
        yield return Live is { } live
            ? [SparseConvolution.BackwardWeight(Context.Device, name, Shaped(x), Shaped(Tensors.YGradient), live, weight)]
            : BackwardWeightInFull(name, x, weight);
        if (Slice.Biased)
            yield return BiasUpdate.Of(Context.Device, $"{Slice.Name} bias", Tensors.YGradient, Sliced(biasUpdate), _biasParts);
    }

    protected Update Sliced(Update biasUpdate) => biasUpdate.Slice(Slice.BiasOffset, Slice.BiasCount);

    /// <summary>Density below which live weights alone are sooner.</summary>
    protected virtual double Limit(double below) => below;

    /// <summary>A tensor as the operations see it.</summary>
    protected abstract Tensor Shaped(Tensor tensor);

    protected abstract IEnumerable<Operation[]> ForwardInFull(string name, Tensor x);

    protected abstract IEnumerable<Operation[]> BackwardDataInFull(string name, Tensor? gate);

    protected abstract Operation[] BackwardWeightInFull(string name, Tensor x, Update update);

    /// <summary>The layer's part of flat weights; nothing of moments that there are not.</summary>
    private ArrayView<float> View(ArrayView<float> flat) => flat.Length == 0 ? flat : flat.SubView(Slice.WeightOffset, Slice.WeightCount);
}
