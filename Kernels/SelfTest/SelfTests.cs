namespace Kernels.SelfTest;

/// <summary>Every kernel against its reference; needs a device and nothing else.</summary>
public static class SelfTests
{
    public static IReadOnlyList<SelfTestCase> All { get; } =
    [
        .. MaskedGemmCases.All, .. ConvolutionCases.All, .. MaxPoolCases.All, .. SoftmaxCrossEntropyCases.All, .. DistillationCases.All,
        .. BiasUpdateCases.All, .. UpdateCases.All, .. GatherCases.All, .. TransposeCases.All, .. CounterCases.All, .. TallyCases.All,
        .. MomentsCases.All, .. ThresholdCountCases.All, .. MagnitudeMaskCases.All, .. MagnitudeHistogramCases.All,
    ];
}
