namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// One convolution with all that its passes take, and what they must give; how they are computed is the business of those who inherit.
/// </summary>
internal abstract class ConvolutionLayer(
    int images, int height, int width, int padding, FilterShape filter, float[]? mask = null)
{
    private readonly Lazy<float[]> _x = new(() => new Numbers(1).Activations(images * filter.Channels * height * width));
    private readonly Lazy<float[]> _weight = new(
        () => [.. new Numbers(2).Uniform(filter.Count).Zip(mask ?? new Numbers(3).Mask(filter.Count), (w, m) => w * m)]);
    private readonly Lazy<float[]> _bias = new(() => new Numbers(4).Uniform(filter.Filters));
    private readonly Lazy<float[]> _dOutput = new(() => new Numbers(5).Uniform(
        images * filter.Output(new(filter.Channels, height, width, padding + filter.Inset)).Features));

    protected FilterShape Filter => filter;
    protected int ImageCount => images;
    protected float[] X => _x.Value;
    protected float[] Weight => _weight.Value;
    protected float[] Bias => _bias.Value;
    protected float[] DOutput => _dOutput.Value;

    protected TensorShape Input => new(filter.Channels, height, width, padding + filter.Inset);

    /// <summary>The output has a border of its own, as in front of another padded layer.</summary>
    protected TensorShape Output => filter.Output(Input, padding);
    protected string Shape =>
        $"{images} images {filter.Channels}x{height}x{width} padding {padding} filters {filter.Filters}x{filter.Rows}x{filter.Columns}"
            + (filter.Stride > 1 ? $" stride {filter.Stride}" : "") + (filter.Inset > 0 ? $" inset {filter.Inset}" : "");

    protected Expected[] ExpectedForward(bool relu)
    {
        float[] x = Numbers.Absolute(X), weight = Numbers.Absolute(Weight), bias = Numbers.Absolute(Bias);
        return
        [
            Expected.Sums(
                "y", Convolution.Reference.Forward(X, Weight, Bias, images, Input, filter, relu),
                Convolution.Reference.Forward(x, weight, bias, images, Input, filter, false), filter.FilterSize + 1),
        ];
    }

    protected Expected[] ExpectedBackwardData(bool gated)
    {
        float[] dOutput = Numbers.Absolute(DOutput), weight = Numbers.Absolute(Weight);
        float[]? gate = gated ? X : null;
        return
        [
            Expected.Sums(
                "dInput", Convolution.Reference.BackwardData(DOutput, Weight, gate, images, Input, filter),
                Convolution.Reference.BackwardData(dOutput, weight, gate, images, Input, filter),
                filter.Filters * filter.Rows * filter.Columns),
        ];
    }

    protected Expected[] ExpectedBackwardWeight()
    {
        float[] dOutput = Numbers.Absolute(DOutput), x = Numbers.Absolute(X);
        return
        [
            Expected.Sums(
                "dWeight", Convolution.Reference.BackwardWeight(DOutput, X, images, Input, filter),
                Convolution.Reference.BackwardWeight(dOutput, x, images, Input, filter),
                DOutput.Length / filter.Filters),
        ];
    }
}
