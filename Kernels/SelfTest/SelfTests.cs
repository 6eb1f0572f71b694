namespace Secateurs.Kernels.SelfTest;

/// <summary>Every kernel against its reference; needs a device and nothing else.</summary>
public static class SelfTests
{
    public static IReadOnlyList<SelfTestCase> All { get; } =
    [
        .. FullyConnectedCases.All, .. ConvolutionCases.All, .. WinogradCases.All, .. SquareWinogradCases.All,
        .. SparseConvolutionCases.All,
        .. PooledConvolutionCases.All,
        .. MaxPoolCases.All, .. AveragePoolCases.All, .. WindowPoolCases.All, .. GlobalAveragePoolCases.All,
        .. SumCases.All, .. BatchNormalizationCases.All, .. DropoutCases.All,
        .. SoftmaxCrossEntropyCases.All, .. DistillationCases.All, .. AnswerCases.All,
        .. OneImageCases.All, .. OneImageConvolutionCases.All, .. OneImageDenseConvolutionCases.All,
        .. OneImageFullyConnectedCases.All,
        .. BiasUpdateCases.All, .. UpdateCases.All, .. SharedUpdateCases.All, .. GatherCases.All, .. TransposeCases.All,
        .. CounterCases.All, .. LaunchCases.All, .. TallyCases.All, .. WeightStatisticsCases.All, .. ThresholdMaskCases.All,
        .. SaliencyCases.All, .. MagnitudeHistogramCases.All,
    ];

    /// <summary>The cases that a device can run.</summary>
    public static IEnumerable<SelfTestCase> On(ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return All.Where(c => device.RunsOnHost || !c.OnHostOnly);
    }
}
