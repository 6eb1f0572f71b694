namespace Secateurs.Kernels.SelfTest;

/// <summary>
/// The same with lanes across filters: filters that do and do not fill vectors, in even and odd numbers of them, and positions that do not
/// fill a tile.
/// </summary>
internal static class OneImageDenseConvolutionCases
{
    public static IEnumerable<SelfTestCase> All => OneImageConvolutionCases.Of(
        "one image dense convolution", OneImageDenseConvolution.Forward,
        [
            (2, 2, 1, new(48, 5, 3, 3), 1, 100), (3, 3, 0, new(17, 4, 3, 2), 0, 60),
            (5, 7, 2, new(33, 3, 3, 3, Stride: 2, Inset: 1), 2, 100), (1, 1, 1, new(64, 2, 3, 3), 0, 90),
            (12, 12, 0, new(3, 2, 5, 5), 0, 10), (9, 20, 1, new(20, 1, 1, 1, Stride: 2, Inset: 1), 1, 100),
        ]);
}
